"""An emulator that runs until Ctrl-C, and the log of its requests."""

from __future__ import annotations

import asyncio
import shlex
from typing import Final

from attrs import define, field, frozen

from klingmotion.cli.amounts import size
from klingmotion.cli.display import Display
from klingmotion.cli.failure import ExitCode
from klingmotion.cli.sessions import account
from klingmotion.emulator import Account, Books, ByTime, Chaos, Emulator, SeenRequest
from klingmotion.errors import ConfigurationError

#: Seconds between two glances at the books.
_GLANCE: Final = 0.1

#: Seconds after which a request that met a fault is shown although it has no answer, and any other is given up.
_FAULTY, _FORGOTTEN = 0.5, 300.0


@frozen(kw_only=True)
class Settings:
    """What `emulate` was asked for."""

    port: int
    host: str
    max_jobs: int
    chaos_rate: float
    seed: int


async def serve(settings: Settings, display: Display) -> ExitCode:
    """Keep an emulator running until cancelled."""
    emulator = Emulator(
        accounts=[Account(account(None) or "performer@example.com", settings.max_jobs)],
        host=settings.host,
        port=settings.port,
        progress=ByTime(),
        chaos=Chaos(rate=settings.chaos_rate, seed=settings.seed) if settings.chaos_rate else None,
    )
    try:
        await _start(emulator, settings)
        display.answer(f"export KLINGMOTION_BASE_URL={shlex.quote(emulator.url)}")
        display.answer(f"export USEAPI_TOKEN={shlex.quote(emulator.token)}")
        display.say("Paste these two lines into another shell. Ctrl-C stops the emulator.")
        log = _RequestLog(emulator.books)
        while True:
            for line in log.news(asyncio.get_running_loop().time()):
                display.say(line)
            await asyncio.sleep(_GLANCE)
    finally:
        await emulator.stop()


async def _start(emulator: Emulator, settings: Settings) -> None:
    try:
        await emulator.start()
    except OSError as error:
        raise ConfigurationError(
            f"the emulator cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}"
        ) from error


@define
class _RequestLog:
    """What of an emulator's books has been shown."""

    _books: Books
    _last: int = 0
    _open: list[SeenRequest] = field(factory=list)

    def news(self, now: float) -> list[str]:
        """A line for each request that has been answered, or never will be, since the last time."""
        fresh = []
        for request in reversed(self._books.requests):
            if request.number <= self._last:
                break
            fresh.append(request)
        self._open += reversed(fresh)
        self._last = max([self._last, *(request.number for request in fresh)])
        over = [request for request in self._open if _is_over(request, now)]
        self._open = [request for request in self._open if request not in over]
        return [_line(request) for request in over]


def _is_over(request: SeenRequest, now: float) -> bool:
    age = now - request.at
    return request.answered is not None or age > _FORGOTTEN or (request.fault is not None and age > _FAULTY)


def _line(request: SeenRequest) -> str:
    status = "---" if request.answered is None else str(request.answered)
    parts = [status, request.method.ljust(6), request.path]
    if request.received:
        parts.append(f"({size(request.received)})")
    if request.fault is not None:
        parts.append(f"fault: {request.fault}")
    return " ".join(parts)
