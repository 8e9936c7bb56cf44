"""Where one clip is on its way through a batch, and how that is written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from klingmotion.batch.journal import NOTHING_ELSE, Change, Journal, Row, State
from klingmotion.batch.orders import Plan
from klingmotion.batch.outcome import described
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.calls import logger
from klingmotion.engine import Engine
from klingmotion.errors import KlingMotionError
from klingmotion.models import Task

T = TypeVar("T")

#: Seconds an outage may last before a clip is left to the next run.
OUTAGE = 900.0

#: Seconds between two tries during an outage: doubling from the one to the other.
_SOONEST, _LATEST = 2.0, 60.0


class Position:
    """One clip. `row` is the journal's, `task` and `error` are what this run saw last."""

    def __init__(self, engine: Engine, journal: Journal, plan: Plan, row: Row, source: str) -> None:
        self._engine = engine
        self._calls = engine.calls
        self._journal = journal
        self._plan = plan
        self.row = row
        self.source = source
        self.task: Task | None = None
        self.error: Exception | None = None
        #: Whether an earlier run had begun to save it.
        self._resumed = row.state is State.READY
        #: When this process announced the submit, on the monotonic clock.
        self._announced: float | None = None
        #: When it became unclear what had come of it.
        self._unclear: float | None = None

    async def _step(self, state: State, change: Change = NOTHING_ELSE) -> bool:
        """Write a step down; if the row is not as it was, take it as it is instead."""
        moved = await self._journal.step(self.row, state, self._calls.transport.utcnow(), change)
        if moved is None:
            self.row = await self._journal.row(self.row.key) or self.row
            self._announced = self._unclear = None
            return False
        self.row = moved
        fields = {"task_id": moved.task_id, "reply_ref": moved.reply_ref, "account": moved.account}
        logger.info("%s: %s", self.source, state, extra=fields)
        return True

    async def _fail(self, error: KlingMotionError) -> None:
        self.error = error
        task_id = error.ref.task_id if error.ref is not None else None
        await self._step(State.FAILED, Change(error=described(error), task_id=task_id))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call`, again and again through an outage."""
        clock = self._calls.transport
        ends: float | None = None
        pause = _SOONEST
        while True:
            begun = clock.now()
            try:
                return await call()
            except KlingMotionError as error:
                now = clock.now()
                if ends is None or now - begun > OUTAGE:  # it went well for long: this is another outage
                    ends, pause = now + OUTAGE, _SOONEST
                if trouble(error) is not Trouble.PASSING or self._calls.closed or now >= ends:
                    raise
                logger.info("%s: %s; trying again", self.source, error, extra={"task_id": self.row.task_id})
                await self._calls.sleep(pause)
                pause = min(2 * pause, _LATEST)
