"""A batch as its user sees it: something to iterate over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType

from klingmotion.batch.conductor import Conductor
from klingmotion.batch.journal import Journal
from klingmotion.batch.orders import Orders
from klingmotion.batch.outcome import Outcome
from klingmotion.batch.register import BatchTotals
from klingmotion.calls import Calls
from klingmotion.engine import Engine
from klingmotion.errors import KlingMotionError


class Batch:
    """The outcomes of many clips, one by one, as `MotionSession.extract_motions` gives them.

    The work begins with the first outcome asked for and goes on between two of them. `async with` ends it with its
    block, at once: what was under way is in the journal. A loop that is left early ends it too, but only when nothing
    holds the batch any more; a name does.
    """

    def __init__(self, engine: Engine, journal: Journal, orders: Orders, *, ordered: bool) -> None:
        self._conductor = Conductor(engine, journal, orders)
        #: Somebody is waiting for the next outcome.
        self._is_read = False
        outcomes = _outcomes(engine.calls, self._conductor)
        self._outcomes = _in_order(outcomes) if ordered else outcomes

    def __aiter__(self) -> Batch:
        return self

    async def __anext__(self) -> Outcome:
        self._is_read = True
        try:
            outcome = await anext(self._outcomes)
        finally:
            self._is_read = False
        self._conductor.register.consumed(outcome)
        return outcome

    async def __aenter__(self) -> Batch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End at once. Tasks that were submitted go on; the next run with the journal takes them up.

        Another task may be waiting for the next outcome: it gets what there is, then the end. A hook of the batch does
        not wait for that end, of which it is a part.
        """
        if self._conductor.work is not None and self._conductor.runs(asyncio.current_task()):
            self._conductor.work.cancel()
            return
        await _ended(self._conductor.work)
        if not self._is_read:
            await self._outcomes.aclose()

    def stop(self) -> None:
        """Submit nothing more. What is submitted is finished and its outcomes still come; the rest is left."""
        self._conductor.stop()

    @property
    def totals(self) -> BatchTotals:
        """How far it has come."""
        return self._conductor.totals


async def _outcomes(calls: Calls, conductor: Conductor) -> AsyncGenerator[Outcome, None]:
    """The outcomes as they come; what ended the batch early is raised after the last of them."""
    calls.ensure_usable()
    work = conductor.work = calls.background(conductor.conduct())
    work.add_done_callback(lambda _: conductor.register.outcomes.put_nowait(None))
    try:
        while (outcome := await conductor.register.outcomes.get()) is not None:
            yield outcome
    finally:
        await _ended(work)
    if conductor.failure is not None:
        raise conductor.failure
    if calls.closed:
        raise KlingMotionError("the session was closed; run the batch again with the same journal to go on")


async def _ended(work: asyncio.Task[None] | None) -> None:
    """Cancel it and wait for it to put everything away."""
    if work is not None:
        work.cancel()
        await asyncio.wait({work})  # `gather` would cancel it again with this, and it may be waiting for this one


async def _in_order(outcomes: AsyncGenerator[Outcome, None]) -> AsyncGenerator[Outcome, None]:
    """The outcomes in the order of the inputs; those of clips that only the journal names as they come."""
    early: dict[int, Outcome] = {}
    due = 0
    failure: Exception | None = None
    try:
        async for outcome in outcomes:
            if outcome.index is None:
                yield outcome
                continue
            early[outcome.index] = outcome
            while due in early:
                yield early.pop(due)
                due += 1
    except Exception as error:  # noqa: BLE001  # raised again, after what came before it
        failure = error
    finally:
        await outcomes.aclose()
    for index in sorted(early):
        yield early[index]
    if failure is not None:
        raise failure
