"""How many requests are on their way at once: as few connections as do, as many as it takes."""

from __future__ import annotations

import asyncio
from collections import deque

#: Requests that get a connection without asking, and at most.
_FEW, _MANY = 10, 100

#: Seconds in which the few are expected to have had their turn. A server that takes longer is worth more connections.
_TURN = 0.02


class Gate:
    """Lets a few requests through at once, and many where the server takes its time.

    Where hundreds of looks are due in one instant, a server that answers quickly serves them all over a handful of
    connections. To open one for each costs more than the looks do, over TLS several times as much.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._room = _FEW
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        #: How many have left since the timer was set.
        self._left = 0

    async def enter(self) -> None:
        """Go in, or wait for somebody to leave. Whoever has gone in has to leave."""
        if self._inside < self._room:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._timer is None and self._room < _MANY:
            self._watch()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in in the same instant
                self.leave()
            raise

    def leave(self) -> None:
        """Go out, and let the next one in."""
        self._inside -= 1
        self._left += 1
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

    def _watch(self) -> None:
        self._left = 0
        self._timer = asyncio.get_running_loop().call_later(_TURN, self._judge)

    def _judge(self) -> None:
        """Widen the gate, unless its visitors come and go, or this comes so late that it is us who are slow."""
        late = asyncio.get_running_loop().time() - self._timer.when() if self._timer is not None else 0.0
        self._timer = None
        if self._left >= _FEW or late > _TURN / 10:
            self._watch()
            return
        self._room = _MANY
        self._let_in()
