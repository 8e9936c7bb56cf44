"""The part of a clip's way that pays: its submit, and finding out what became of it."""

from __future__ import annotations

from datetime import timedelta

import attrs

from klingmotion import requests
from klingmotion.batch.journal import UPLOADED, Change, State, TaskTakenError
from klingmotion.batch.orders import tell
from klingmotion.batch.outcome import described
from klingmotion.batch.position import Position
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.calls import logger
from klingmotion.errors import (
    APIConnectionError,
    AssetNotFoundError,
    KlingMotionError,
    NotFoundError,
    RateLimitError,
    SubmitUncertainError,
)
from klingmotion.evidence import CLOCK_ERROR, CLOCK_SKEW, LATEST
from klingmotion.models import Task
from klingmotion.refs import TaskRef
from klingmotion.submitting import new_reply_ref

#: Settle windows after which a submit that is still unclear is given up as uncertain.
PATIENCE = 5.0

#: Seconds until the next try while another clip with the same video is being submitted.
_HELD = 1.0

#: How often one clip is uploaded anew because the service lost its asset.
_MOST_RETRIES = 1

#: How often a submit that was proved absent is sent again. A service of which that is true time after time does not
#: say what it does, and may be taking money for it.
_MOST_ABSENCES = 2
_ABSENT = "absent"

#: The fact that GET /tasks has shown an extraction known to exist; the account follows.
_LISTED = "listed: "


class Submission(Position):
    """From `assets` to `submitted`: each step is announced before it is taken."""

    async def submit(self) -> None:
        """From `assets` to `submitted`, or to `submitting` where it is unclear what came of it.

        Raises:
            RateLimitError: There is no room; the clip is back at `assets`.
            APIConnectionError: No connection opened; the same.
            KlingMotionError: The account can do no more; the clip is back at `new`.
        """
        clock = self._calls.transport
        begun = clock.now()
        reply_ref = self.row.reply_ref or new_reply_ref()
        announced = Change(submit_at=clock.utcnow(), reply_ref=reply_ref, begins_attempt=True)
        if not await self._step(State.SUBMITTING, announced):
            if self.row.state is State.ASSETS:  # another clip with the same video is being submitted
                await self._calls.sleep(_HELD)
            return
        self._announced = begun
        if clock.now() - begun >= self._plan.settle / 2:  # too late to tell it from an attempt of another runner
            await self._step(State.ASSETS, Change(note="announced too long ago"))
            return
        request = requests.submit_motion(
            self.row.resource_url or "",
            self.row.cover_url or "",
            reply_ref=reply_ref,
            email=self.row.email,
            reply_url=self._plan.reply_url,
        )
        until = begun + self._plan.settle / 2
        try:
            try:
                task = await self._engine.submitter.submit_once(request, self.row.ref, until=until)
            except KlingMotionError as error:
                await self._not_accepted(error)
                return
            if task is not None:
                await self._submitted(task)
                return
        except TaskTakenError as error:  # the server named one of before: ours has to be looked for
            logger.warning("%s", error, extra={"reply_ref": reply_ref})
            self.task = self.error = None
        self._unclear = clock.now()

    async def _not_accepted(self, error: KlingMotionError) -> None:
        if isinstance(error, RateLimitError | APIConnectionError):
            await self._step(State.ASSETS, Change(clear=("lane",), note=type(error).__name__))
            raise error
        if isinstance(error, AssetNotFoundError) and self.row.retries < _MOST_RETRIES:
            afresh = Change(retries=self.row.retries + 1, clear=("account", "lane", *UPLOADED), note="asset gone")
            await self._step(State.NEW, afresh)
        elif trouble(error) is Trouble.ACCOUNT:
            await self._step(State.NEW, Change(clear=("account", "lane", *UPLOADED), note=type(error).__name__))
            raise error
        else:
            await self._fail(error)

    async def _submitted(self, task: Task, *, extra: tuple[int, ...] = (), note: str | None = None) -> None:
        self.task = task
        kept = tuple(dict.fromkeys(self.row.extra_tasks + extra))
        if await self._step(State.SUBMITTED, Change(task_id=task.id, extra_tasks=kept or None, note=note)):
            await tell(self._plan.hooks.on_submitted, self.source, task)

    # --- Reconciling ------------------------------------------------------------------------------------------------

    async def reconcile(self, *, patience: float | None = None) -> None:
        """From `submitting` or `uncertain` to wherever the lists of the service say the submit has come.

        `patience` is how long lists that settle nothing are read again.
        """
        await self._meet_neighbours()
        settle = self._plan.settle
        if self._unclear is None and self.row.state is State.SUBMITTING:
            self._unclear = self._calls.transport.now()  # of an earlier process, whose clock is not to be relied on
        try:
            task = await self._engine.submitter.resolve(
                self.row.ref,
                sent=self._announced,
                unclear=self._unclear,
                settle=settle,
                patience=PATIENCE * settle if patience is None else patience,
                insist=True,
            )
        except SubmitUncertainError as error:
            await self._unresolved(error)
        else:
            await self._found(task)
        finally:
            if self._engine.known.is_listed(self.row.ref):
                await self._journal.remember(_LISTED + (self.row.account or ""), "yes")

    async def _found(self, task: Task) -> None:
        try:
            await self._submitted(task, note="found")
        except TaskTakenError as error:
            await self._give_up(SubmitUncertainError(f"{error}; which is its own cannot be told", ref=self.row.ref))

    async def _meet_neighbours(self) -> None:
        """Tell the search which tasks are other clips', and what is known of the list."""
        if await self._journal.recall(_LISTED + (self.row.account or "")):
            self._engine.known.note_listed(self.row.ref)
        account, settle = self.row.account or "", timedelta(seconds=self._plan.settle)
        when = self.row.submit_at or self._calls.transport.utcnow()
        around = CLOCK_SKEW + LATEST + settle
        # Those of a day before are asked for too: clocks may be wrong, and whose they are is known here.
        rows = await self._journal.owners(account, when - CLOCK_ERROR - around, when + around)
        witness = await self._journal.witness(account, self._calls.transport.utcnow() - settle)
        for row in rows if witness is None else [*rows, witness]:
            if row.key != self.row.key and row.task_id is not None:
                self._engine.known.submitted(row.ref, self._calls.transport.now())
                if row.state is State.FAILED:
                    self._engine.known.note_over(row.task_id)
        for task_id in self.row.extra_tasks:  # of earlier attempts that are over
            before = TaskRef(task_id=task_id, reply_ref="another's")
            self._engine.known.submitted(before, self._calls.transport.now())

    async def _unresolved(self, error: SubmitUncertainError) -> None:
        if self._calls.closed:
            raise error
        if error.candidates:
            await self._adopt(error)
        elif error.absent and await self._may_be_sent_again():
            await self._step(State.ASSETS, Change(note=_ABSENT))
        else:
            await self._give_up(error)

    async def _give_up(self, error: SubmitUncertainError) -> None:
        self.error = error
        if self.row.state is not State.UNCERTAIN:
            await self._step(State.UNCERTAIN, Change(error=described(error), clear=("lane",)))

    async def _may_be_sent_again(self) -> bool:
        events = await self._journal.events(self.row.key)
        return sum(event.note == _ABSENT for event in events) < _MOST_ABSENCES

    async def _adopt(self, error: SubmitUncertainError) -> None:
        """Take the oldest of several tasks made for this clip that has not failed; the others are kept for the bill."""
        tasks = [task for task_id in error.candidates if (task := await self._seen(task_id)) is not None]
        if not tasks:
            await self._give_up(error)
            return
        going = [task for task in tasks if not (task.is_final and not task.succeeded)] or tasks
        oldest = min(going, key=lambda task: (task.created_at is None, task.created_at, task.id))
        extra = tuple(task.id for task in tasks if task is not oldest)
        if extra:
            logger.warning(
                "several tasks were made for %s; one is used, the others are in the journal: %s",
                self.source,
                extra,
                extra={"task_id": oldest.id, "reply_ref": self.row.reply_ref},
            )
        await self._submitted(attrs.evolve(oldest, ref=attrs.evolve(self.row.ref, task_id=oldest.id)), extra=extra)

    async def _seen(self, task_id: int) -> Task | None:
        """A task as it is, if the service knows it: a list may name what is not there."""
        ref = attrs.evolve(self.row.ref, task_id=task_id)
        try:
            return await self._patiently(lambda: self._engine.look(ref))
        except NotFoundError:
            return None
