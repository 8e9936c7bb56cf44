"""How many requests are on their way at once: as few connections as do, as many as it takes."""

from __future__ import annotations

import asyncio
from collections import deque

#: Requests that get a connection without asking, and at most.
_FEW, _MANY = 10, 100

#: Seconds after which a request no longer waits for a connection to become free: to open one may take longer.
_PATIENCE = 0.02


class Gate:
    """Lets a few requests through at once, and many once any of them has had to wait.

    Where hundreds of looks are due in one instant, a server that answers quickly serves them all over a handful of
    connections. To open one for each costs more than the looks do, over TLS several times as much.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._room = _FEW
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Go in, or wait for somebody to leave. Whoever has gone in has to leave."""
        if self._inside < self._room:
            self._inside += 1
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if self._timer is None and self._room < _MANY:
            self._timer = loop.call_later(_PATIENCE, self._widen)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in in the same instant
                self.leave()
            raise

    def leave(self) -> None:
        """Go out, and let the next one in."""
        self._inside -= 1
        if not self._inside:
            self._room = _FEW
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self._room:
            turn = self._waiting.popleft()
            if not turn.done():  # it has not been cancelled
                turn.set_result(None)
                self._inside += 1
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _widen(self) -> None:
        self._timer = None
        self._room = _MANY
        self._let_in()
