"""Many clips at once: what is uploaded, submitted, waited for and saved when, and on which account.

Uploads run ahead of the submits by a few clips, a submit waits for a slot, files are saved beside. All that is known of
a clip is in the journal; here is only what is under way.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from klingmotion.batch.crew import Crew
from klingmotion.batch.governor import Governor
from klingmotion.batch.intake import admit, each
from klingmotion.batch.journal import SETTLED, UNNAMED, UPLOADED, Change, Journal, Row, State
from klingmotion.batch.orders import Orders, tell
from klingmotion.batch.outcome import Outcome, described
from klingmotion.batch.passage import Passage
from klingmotion.batch.position import OUTAGE
from klingmotion.batch.queues import AHEAD, Queues
from klingmotion.batch.register import BatchTotals, Input, Register
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.calls import logger
from klingmotion.engine import Engine
from klingmotion.errors import (
    APIConnectionError,
    ConfigurationError,
    InvalidRequestError,
    JournalError,
    KlingMotionError,
    RateLimitError,
)

#: Clips whose files are saved at once.
SAVING = 4

#: Clips taken in that are not over yet, for each slot there may be: what is read ahead of the work.
WINDOW = 4

#: Seconds without room after which an account leaves a clip to another that has some.
HANDOVER = 30.0

_UNDER_WAY = (State.SUBMITTING, State.SUBMITTED)

#: What a row that is started over no longer has.
_OF_A_TASK = ("task_id", "work_id", "reply_ref", "submit_at", "motion", "files", "error")


class Conductor:
    """The work of one batch. `failure` is what ended it early, if anything did."""

    def __init__(self, engine: Engine, journal: Journal, orders: Orders) -> None:
        self._engine = engine
        self._calls = engine.calls
        self._journal = journal
        self._orders = orders
        self.register = Register(self._tell_of, on_full=self._check_finished)
        self.governor = Governor(engine.calls, orders.accounts, concurrency=orders.concurrency)
        self.failure: BaseException | None = None
        #: The task that conducts, once there is one.
        self.work: asyncio.Task[None] | None = None
        self._began = engine.calls.transport.utcnow()
        self._finished = asyncio.Event()
        #: What the journal has is taken up: until then nothing can be over.
        self._has_begun = False
        self._stopping = False
        self._crew = Crew(engine.calls, self._break)
        #: Those who are told of outcomes: the batch is not over before they have heard the last.
        self._told = Crew(engine.calls, self._break)
        self._queues = Queues(orders.accounts)
        #: Accounts that can do no more, and since when others could not be reached.
        self._lost: set[str] = set()
        self._unreachable_since: dict[str, float] = {}
        self._saving = asyncio.Semaphore(SAVING)
        #: The last look at uncertain clips: whether it is going on, and which it was for.
        self._looking = False
        self._looked: set[str] = set()

    # --- The whole --------------------------------------------------------------------------------------------------

    async def conduct(self) -> None:
        """Do all of it."""
        try:
            await self._journal.open()
        except Exception as error:  # noqa: BLE001  # as below; what did not open may be open for another run
            self.failure = error
            return
        except BaseException:  # cancelled, and open all the same
            await self._journal.close()
            raise
        try:
            await self._begin()
            await self._finished.wait()
            await self._told.drained()
        except Exception as error:  # noqa: BLE001  # handed to whoever reads the outcomes
            self.failure = self.failure or error
        finally:
            try:
                await self._told.end()
                await self._crew.end()
            finally:  # also when cancelled once more
                await self._journal.close()

    def runs(self, task: object) -> bool:
        """Whether a task is one of the batch's own, as the one is that a hook is called in."""
        return task in self._crew or task in self._told

    async def _begin(self) -> None:
        await self.governor.read(0)
        if UNNAMED in self.governor.slots and len(told := self.governor.linked) > 1:
            raise ConfigurationError(
                f"several accounts are linked ({', '.join(told)}): name those to use with accounts=[...]"
            )
        await self._resume()
        if not self._stopping:
            for account in self._orders.accounts:
                self._crew.run(self._upload_all(account), stoppable=True)
                self._crew.run(self._submit_all(account), stoppable=True)
            self._crew.run(self._take_in(), stoppable=True)
        self._has_begun = True
        if self._stopping:
            self.register.drop_waiting()
        self._check_finished()

    def stop(self) -> None:
        """Submit nothing more; what is under way goes on to its end, the rest stays in the journal."""
        if self._stopping:
            return
        self._stopping = True
        self.register.close_intake()
        self._crew.stop()
        self.register.drop_waiting()
        self._check_finished()

    @property
    def totals(self) -> BatchTotals:
        """How far it has come."""
        return self.register.totals(slots=self._slots)

    @property
    def _slots(self) -> int:
        return sum(slots.most for account, slots in self.governor.slots.items() if account not in self._lost)

    def _break(self, error: Exception) -> None:
        self.failure = self.failure or error
        self._finished.set()

    def _check_finished(self) -> None:
        if not self._has_begun or self._looking or not (self.register.is_over or self.register.is_stuck):
            return
        doubtful = self.register.doubtful
        if doubtful and not self._stopping:
            self._looking = True
            self._crew.run(self._look_again())
            return
        if not self.register.is_over:
            return  # it is the reader of the outcomes that is waited for
        for row in list(doubtful.values()):
            self.register.settle(row)
        self._finished.set()

    def _tell_of(self, outcome: Outcome) -> None:
        if (hook := self._orders.plan.hooks.on_done) is not None:
            self._told.run(tell(hook, outcome))

    # --- What is there already --------------------------------------------------------------------------------------

    async def _resume(self) -> None:
        """Take up every clip that an earlier run left on its way."""
        over = (State.DONE,) if self._orders.retry_failed else (State.DONE, State.FAILED)
        states = [state for state in State if state not in over]
        after = ""
        while rows := await self._journal.rows(states, after=after):
            after = rows[-1].key
            for row in rows:
                self.register.open(row.key)
                await self._take_up(row)

    async def _take_up(self, row: Row) -> None:
        slots = self.governor.slots.get(row.account or "")
        if row.state in _UNDER_WAY:
            if slots is not None and row.lane is not None and row.lane >= 0:
                slots.taken.add(row.lane)
            self._carry_on(row, None if slots is None else row.lane)
        elif row.state is State.READY:
            self._carry_on(row, None)
        elif row.state is State.UNCERTAIN:
            self.register.doubtful[row.key] = row
        elif row.state is State.ASSETS and slots is not None:
            await self._journal.release(row, self._now())
            self._queues.put_uploaded(row.account or "")
        else:
            await self._start_over(row)

    async def _start_over(self, row: Row) -> None:
        """Make a row new: claimed by nobody, with nothing uploaded; what it was submitted for before is kept."""
        if row.state is State.NEW:
            await self._journal.release(row, self._now())
        else:
            failed = row.state is State.FAILED
            old = (row.task_id,) if failed and row.task_id is not None else ()
            change = Change(
                extra_tasks=(*row.extra_tasks, *old) or None,
                retries=0,
                clear=("account", "lane", *UPLOADED, *(_OF_A_TASK if failed else ())),
                note="from the start",
            )
            await self._journal.step(row, State.NEW, self._now(), change)
        self._queues.put_new()

    # --- What comes in ----------------------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        index = -1
        try:
            async for source in each(self._orders.videos):
                index += 1
                await self.register.take_in(WINDOW * (len(self.governor.slots) * AHEAD + self._slots))
                await self._admit(Input(source, index))
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001  # the iterable's own: what came before is finished first
            self.failure = self.failure or error
        self.register.close_intake()
        self._check_finished()

    async def _admit(self, given: Input) -> None:
        try:
            row = await admit(self._journal, given.source, self._orders.params, self._now())
        except InvalidRequestError as error:
            self.register.emit(Outcome(source=given.source, index=given.index, status="failed", error=error))
            return
        if row.key in self.register:
            self.register.open(row.key, given)
        elif row.state is State.NEW:
            self.register.open(row.key, given)
            if row.postponed:  # its file was not where it had been, and here it is under another name
                await self._journal.release(row, self._now())
            self._queues.put_new()
        elif row.state is State.DONE and row.files is None and self._orders.plan.out is not None:
            self.register.open(row.key, given)
            ready = await self._journal.step(row, State.READY, self._now(), Change(note="to be saved after all"))
            self._carry_on(ready or row, None)
        else:
            self.register.tell(row, given, earlier=row.updated_at < self._began)

    # --- Uploads ----------------------------------------------------------------------------------------------------

    async def _upload_all(self, account: str) -> None:
        """Take new clips as fast as there are lanes for them: who has room takes more."""
        while True:
            lane = await self._queues.take_new(account)
            if account in self._lost:
                self._queues.put_new()
                return
            if self._is_taken_by_others(account):
                self._queues.put_new()
                self._queues.free_lane(account, lane)
                await self._calls.sleep(HANDOVER)
                await self.governor.read(HANDOVER / 2)  # nobody else asks for an account that nothing is uploaded for
                continue
            row = await self._journal.claim(account, lane, self._now())
            if row is None:
                self._queues.free_lane(account, lane)
            else:
                self._crew.run(self._upload(row, account, lane), stoppable=True)

    def _is_taken_by_others(self, account: str) -> bool:
        """Whether other clients have all slots of an account, and not those of every account."""
        now = self._calls.transport.now()
        full = {
            name for name, slots in self.governor.slots.items() if not slots.taken and not slots.has_room(now)
        } | self._lost
        return account in full and len(full) < len(self.governor.slots)

    async def _upload(self, row: Row, account: str, lane: int) -> None:
        passage = self._passage(row)
        try:
            await passage.upload()
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001  # one clip's, even a bug, is no other's
            if trouble(error) is Trouble.ACCOUNT and isinstance(error, KlingMotionError):
                await self._start_over(passage.row)
                await self._lose(account, error)
                return
            passage.error = error
        if passage.row.state is State.ASSETS:
            self._queues.keep_lane(row, lane)
            self._queues.put_uploaded(account)
            return
        self._queues.free_lane(account, lane)
        await self._leave(passage)

    # --- Submits ----------------------------------------------------------------------------------------------------

    async def _submit_all(self, account: str) -> None:
        while True:
            await self._queues.take_uploaded(account)
            since = self._calls.transport.now()
            lane = await self.governor.acquire(account, give_up=partial(self._is_given_up, account, since))
            if lane is None:
                await self._hand_over(account)
                continue
            row = await self._journal.claim(account, lane, self._now())
            if row is None:
                self.governor.give_back(account, lane)
                continue
            self._queues.leave_lane(row)
            self._carry_on(row, lane)

    def _is_given_up(self, account: str, since: float) -> bool:
        """Whether a clip that waits for a slot of the account is better off elsewhere."""
        if account in self._lost:
            return True
        now = self._calls.transport.now()
        if now - since < HANDOVER or self._queues.has_new:
            return False
        return any(
            slots.has_room(now) and not self._queues.has_uploaded(other)
            for other, slots in self.governor.slots.items()
            if other != account and other not in self._lost
        )

    async def _hand_over(self, account: str) -> None:
        """Let another account have a clip that was uploaded for this one."""
        found = await self._journal.rows([State.ASSETS])
        waiting = (row for row in found if row.account == account and row.key not in self.register.running)
        if (row := next(waiting, None)) is not None:
            self._queues.leave_lane(row)
            await self._start_over(row)

    # --- On its way -------------------------------------------------------------------------------------------------

    def _carry_on(self, row: Row, lane: int | None) -> None:
        self.register.running.add(row.key)
        self._crew.run(self._carry(self._passage(row), lane))

    async def _carry(self, passage: Passage, lane: int | None) -> None:
        """Take a clip from where it is to its end, as far as it goes."""
        account = passage.row.account or ""
        try:
            await self._advance(passage, account, lane)
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001  # one clip's, even a bug, is no other's
            if isinstance(error, RateLimitError | APIConnectionError) and passage.row.state is State.ASSETS:
                await self._wait_again(passage, account, lane, error)
                return
            passage.error = error
        await self._give_back(passage, account, lane)
        if passage.row.state is State.READY and passage.error is None:
            await self._save(passage)
        if self._calls.closed:
            return
        if isinstance(passage.error, KlingMotionError) and trouble(passage.error) is Trouble.ACCOUNT:
            await self._lose(account, passage.error)
            if passage.row.state is State.NEW and not self._stopping:
                passage.error = None  # another account can have it
        await self._leave(passage)

    async def _give_back(self, passage: Passage, account: str, lane: int | None) -> None:
        """Let others have its slot. A clip that stays as it is has to be out of it first, or they would take it up."""
        if passage.error is not None and passage.row.state in _UNDER_WAY and not self._calls.closed:
            await self._put_off(passage)
        if lane is not None and account in self.governor.slots:
            self.governor.give_back(account, lane)

    async def _advance(self, passage: Passage, account: str, lane: int | None) -> None:
        """Up to the motion: as long as the clip needs its slot."""
        while passage.error is None:
            match passage.row.state:
                case State.ASSETS if lane is not None and not self._stopping:
                    await passage.submit()
                case State.SUBMITTING:
                    await passage.reconcile()
                case State.SUBMITTED:
                    self._unreachable_since.pop(account, None)
                    if (slots := self.governor.slots.get(account)) is not None:
                        slots.accepted(self._calls.transport.now())
                    await passage.wait()
                case _:
                    return

    async def _save(self, passage: Passage) -> None:
        async with self._saving:
            try:
                await passage.save()
            except JournalError:
                raise
            except Exception as error:  # noqa: BLE001  # one clip's, even a bug, is no other's
                passage.error = error

    async def _wait_again(
        self, passage: Passage, account: str, lane: int | None, error: RateLimitError | APIConnectionError
    ) -> None:
        """Nothing was accepted: the clip waits for a slot again."""
        self.register.running.discard(passage.row.key)
        if lane is not None:
            self.governor.refused(account, lane, full=isinstance(error, RateLimitError) and error.sent)
        if self._stopping:
            self.register.drop(passage.row.key)
            self._check_finished()
            return
        self._queues.put_uploaded(account)
        if isinstance(error, RateLimitError):
            self._unreachable_since.pop(account, None)
            return
        now = self._calls.transport.now()
        if now - self._unreachable_since.setdefault(account, now) > OUTAGE:
            await self._lose(account, error)

    async def _leave(self, passage: Passage) -> None:
        """Decide what comes after a passage has ended: the end of the clip, or another way."""
        row = passage.row
        self.register.running.discard(row.key)
        if passage.error is None and row.state in (State.NEW, State.ASSETS):
            await self._send_back(row)
        elif row.state is State.UNCERTAIN and row.key not in self._looked and not self._stopping:
            self.register.doubtful[row.key] = row
        else:
            if row.state not in SETTLED and not row.postponed:
                await self._put_off(passage)
            if await passage.is_found() and not self._stopping:  # it came in under another name meanwhile
                await self._journal.release(passage.row, self._now())
                self._queues.put_new()
                return
            self.register.settle(passage.row, task=passage.task, error=passage.error)
        self._check_finished()

    async def _put_off(self, passage: Passage) -> None:
        """Leave a clip as it is to the next run."""
        noted = None if passage.error is None else described(passage.error)
        released = await self._journal.release(passage.row, self._now(), postponed=True, error=noted)
        passage.row = released or passage.row

    async def _send_back(self, row: Row) -> None:
        """Let a clip wait for an account, or for a slot of its own, once more."""
        if self._stopping:
            self.register.drop(row.key)
            return
        if row.state is State.NEW:  # out of its lane already, and perhaps in another by now
            self._queues.put_new()
        elif row.account not in self.governor.slots:  # an earlier run's account: this run must not pay with it
            await self._start_over(row)
        else:
            await self._journal.release(row, self._now())
            self._queues.put_uploaded(row.account or "")

    async def _lose(self, account: str, error: KlingMotionError) -> None:
        """An account can do no more: what waits for it goes to the others; without any the batch ends."""
        if account in self._lost or account not in self.governor.slots:
            return
        logger.warning("account %s can do no more: %s", account or "(the only one)", error)
        self._lost.add(account)
        if len(self._lost) == len(self.governor.slots):
            self.failure = self.failure or error
            self.stop()
            return
        for row in await self._journal.rows([State.ASSETS]):
            if row.account == account and row.key not in self.register.running:
                await self._start_over(row)

    # --- Uncertain ones ---------------------------------------------------------------------------------------------

    async def _look_again(self) -> None:
        """Everything else is over: look once more for the tasks of unclear submits."""
        doubtful, self.register.doubtful = self.register.doubtful, {}
        self._looked |= doubtful.keys()
        for row in doubtful.values():
            passage = self._passage(row)
            self.register.running.add(row.key)
            try:
                await passage.reconcile(patience=0.0)
            except JournalError:
                raise
            except Exception as error:  # noqa: BLE001  # one clip's, even a bug, is no other's
                passage.error = error
            if passage.row.state is State.UNCERTAIN and self._orders.resubmit_uncertain:
                again = Change(clear=("lane", "error"), note="to be sent again, as the user asked")
                passage.row = await self._journal.step(passage.row, State.ASSETS, self._now(), again) or passage.row
                passage.error = None
            if passage.row.state is State.SUBMITTED:
                self._crew.run(self._carry(passage, None))
            else:
                await self._leave(passage)
        self._looking = False
        self._check_finished()

    def _passage(self, row: Row) -> Passage:
        return Passage(self._engine, self._journal, self._orders.plan, row, self.register.source(row))

    def _now(self) -> datetime:
        return self._calls.transport.utcnow()
