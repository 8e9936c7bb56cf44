"""An emulator in a thread of its own, for callers without an event loop, or with any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self, TypeVar

from klingmotion.emulator.books import Books
from klingmotion.emulator.emulator import Emulator
from klingmotion.emulator.faults import Fault
from klingmotion.emulator.outcomes import Outcome

T = TypeVar("T")

PATIENCE = 10.0


class ThreadedEmulator:
    """Runs an emulator in a thread of its own.

    It runs while the block lasts::

        with ThreadedEmulator(Emulator()) as emulator:
            ...  # emulator.url, emulator.token

    `run` does anything else with the emulator, in its own thread. Of `books`, counts may be read at any time;
    copy a sequence before walking it.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._main, name="klingmotion-emulator", daemon=True)

    def start(self) -> None:
        """Start, and return when the port is open."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Stop, and return when everything is closed."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The base URL."""
        return self.emulator.url

    @property
    def token(self) -> str:
        """The only token it takes."""
        return self.emulator.token

    @property
    def books(self) -> Books:
        """What it has seen and done."""
        return self.emulator.books

    def fail(self, endpoint: str, *faults: Fault, times: int | None = 1) -> None:
        """As `Emulator.fail`."""
        self.run(lambda emulator: emulator.fail(endpoint, *faults, times=times))

    def next_tasks(self, *outcomes: Outcome, resource_url: str | None = None) -> None:
        """As `Emulator.next_tasks`."""
        self.run(lambda emulator: emulator.next_tasks(*outcomes, resource_url=resource_url))

    def run(self, act: Callable[[Emulator], T]) -> T:
        """Call `act` with the emulator, in the emulator's thread; its value."""
        if self._loop is None:
            raise RuntimeError("the emulator is not running")

        async def acting() -> T:
            return act(self.emulator)

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(PATIENCE)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits in start
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        async with self.emulator:
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await self._stopping.wait()
            self._loop = None
