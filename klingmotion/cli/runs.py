"""One run of a batch: what it was asked for, how it is followed, and what is said at its end.

With `--json` the end is an event

    totals        done, done_before, failed, failed_before, uncertain, unfinished, clips, kinds, seconds, interrupted,
                  exit_code, resume

where `kinds` has the number of clips by kind of error, for each way of not being done.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from klingmotion.batch.batch import Batch
from klingmotion.batch.journal import State
from klingmotion.cli.clip_tracks import ClipTracks
from klingmotion.cli.display import Display
from klingmotion.cli.execution import failed, logger
from klingmotion.cli.failure import ExitCode, Failure
from klingmotion.cli.interrupts import in_two_steps
from klingmotion.cli.journals import checked_journal
from klingmotion.cli.overview import Overview
from klingmotion.cli.sessions import INVENTED, opened
from klingmotion.cli.tally import Standing, Tally
from klingmotion.cli.track import Event, Track
from klingmotion.downloads import Part
from klingmotion.engine import TIMEOUT
from klingmotion.errors import ConfigurationError, InvalidRequestError, JournalError
from klingmotion.models import Json
from klingmotion.session import MotionSession
from klingmotion.session.batches import SETTLE

#: What ends a batch before it has begun, and will end the same command again.
_PREMATURE: Final = (JournalError, ConfigurationError, InvalidRequestError)

#: Seconds between two lines that tell how far it has come, where there is no live display.
_REPORT_EVERY: Final = 10.0


@frozen(kw_only=True)
class Order:
    """What `batch` was asked for."""

    #: The arguments, and the clips they mean.
    arguments: tuple[str, ...]
    clips: tuple[Path, ...]
    journal: Path
    out: Path
    accounts: tuple[str, ...] = ()
    concurrency: int | None = None
    settle: float = SETTLE
    parts: tuple[Part, ...] | None = None
    timeout: float | None = None
    retry_failed: bool = False
    resubmit_uncertain: bool = False
    emulated: bool = False

    def command(self, *, clips: bool, retry_failed: bool = False) -> str:
        """The command that goes on, ready to be pasted into a shell.

        `clips` are named as long as the journal does not have them all. Clips that failed are tried again only where
        that is asked for anew: those that failed in this run were tried already.
        """
        words = ["klingmotion", "batch"]
        given: list[tuple[str, object, object]] = [
            ("--journal", self.journal, None),
            ("--out", self.out, None),
            ("--parts", ",".join(self.parts or ()), ""),
            ("--account", ",".join(self.accounts), ""),
            ("--concurrency", self.concurrency, None),
            ("--settle", f"{self.settle:g}", f"{SETTLE:g}"),
            ("--timeout", f"{self.timeout or 0:g}", f"{TIMEOUT:g}"),
        ]
        for name, value, usual in given:
            words += [name, str(value)] if value != usual else []
        words += ["--retry-failed"] if retry_failed else []
        words += ["--resubmit-uncertain"] if self.resubmit_uncertain else []
        if clips:
            words += ["--", *self.arguments] if any(one.startswith("-") for one in self.arguments) else self.arguments
        return shlex.join(words)


class Run:
    """One run of a batch."""

    def __init__(self, order: Order, display: Display) -> None:
        self._order = order
        self._display = display
        self._tracks = ClipTracks(display, order.clips, out=order.out, emulated=order.emulated)
        self._tally = Tally()
        self._began = time.monotonic()
        #: Clips that the batch has not asked for yet.
        self._untaken = len(order.clips)
        #: Whether the journal has all clips.
        self._all_known = not order.clips
        self._most = 0
        self._interrupted = False

    async def carry_out(self) -> ExitCode:
        """Do it, and say at the end what came of it."""
        try:
            await self._prepare()
        except OSError as error:
            raise _of_journal(error, self._order.journal) from error
        trouble: Exception | None = None
        async with opened(None, emulated=self._order.emulated, accounts=self._order.accounts) as session:
            batch = self._begun(session)
            async with batch, self._shown(batch):
                try:
                    await self._followed(batch)
                except BrokenPipeError:
                    raise  # nobody reads any more
                except Exception as error:  # noqa: BLE001  # shown below the totals, with the command that goes on
                    logger.debug("the batch was ended", exc_info=error)
                    trouble = _of_journal(error, self._order.journal) if isinstance(error, OSError) else error
                standing = self._standing(batch)
        return self._concluded(standing, trouble)

    # --- Before -----------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        """Look into the journal: whether it is one for this command, and what it says of clips that are over."""
        from klingmotion.batch import report  # loads sqlite3, which other commands do not need

        journal = checked_journal(self._order.journal)
        is_new = not journal.exists() or not journal.stat().st_size
        if self._order.emulated:
            await self._mark(is_new=is_new)
        elif is_new and not self._order.clips:
            raise InvalidRequestError(f"no clip is given, and there is no journal {journal} to go on with")
        elif not is_new and report.is_emulated(journal):
            raise InvalidRequestError(
                f"{journal} is of a run with --emulator, whose tasks are gone; name another journal. Nothing was sent"
            )
        if not self._order.clips:
            known = report.summary(journal)
            failures = () if self._order.retry_failed else known.failures
            self._tally.add_before(known.states.get(State.DONE, 0), failures)
            self._most = known.clips

    async def _mark(self, *, is_new: bool) -> None:
        """Make a journal that no other run will take for its own: the tasks in it end with the command."""
        from klingmotion.batch.report import EMULATED
        from klingmotion.batch.sqlite_journal import SqliteJournal

        if not is_new:
            raise InvalidRequestError(
                f"{self._order.journal} is there already, and the emulator knows none of its tasks; name another"
                " journal. To try out resuming, use `klingmotion emulate`"
            )
        if not self._order.clips:
            raise InvalidRequestError("no clip is given")
        journal = SqliteJournal(self._order.journal)
        try:
            await journal.open()
            await journal.remember(EMULATED, "yes")
        finally:
            await journal.close()

    def _begun(self, session: MotionSession) -> Batch:
        order = self._order
        return session.extract_motions(
            self._taken(),
            journal=order.journal,
            out=order.out,
            parts=order.parts,
            accounts=order.accounts or None,
            concurrency=order.concurrency,
            timeout=order.timeout,
            settle=order.settle,
            retry_failed=order.retry_failed,
            resubmit_uncertain=order.resubmit_uncertain,
            on_start=self._tracks.started,
            on_progress=self._tracks.uploading,
            on_submitted=self._tracks.submitted,
            on_change=self._tracks.changed,
        )

    def _taken(self) -> Iterator[Path]:
        for clip in self._order.clips:
            self._untaken -= 1
            yield clip
        self._all_known = True

    # --- While it runs ----------------------------------------------------------------------------------------------

    async def _followed(self, batch: Batch) -> None:
        """Show every outcome, until all are there or Ctrl-C has been pressed twice."""

        async def follow() -> None:
            async for outcome in batch:
                failure = self._tracks.failure(outcome)
                self._tally.add(outcome, failure)  # it is over, whether or not that can be printed
                self._tracks.over(outcome, failure)

        following = asyncio.ensure_future(follow())
        with in_two_steps(partial(self._stop, batch), partial(self._end, batch, following)):
            try:
                await asyncio.wait([following])
            finally:
                following.cancel()
        if not following.cancelled():
            following.result()

    def _stop(self, batch: Batch) -> None:
        self._note_interrupted(batch)
        batch.stop()
        self._tracks.drop_waiting()
        running = batch.totals.running
        clips, them = ("1 running clip", "it") if running == 1 else (f"{running} running clips", "them")
        left = f"to leave {them} to the next run" if not self._order.emulated else "to end at once"
        more = f"finishing {clips}; Ctrl-C again {left}" if running else "nothing is running"
        self._display.say(f"Stopping: {more}")

    def _note_interrupted(self, batch: Batch) -> None:
        self._interrupted = True
        self._standing(batch)  # how many clips there are: those not begun are not counted any more

    def _end(self, batch: Batch, following: asyncio.Future[None]) -> None:
        self._note_interrupted(batch)
        goes_on = "." if self._order.emulated else "; what is submitted goes on without us."
        self._display.say(f"Ending at once{goes_on}")
        following.cancel()

    @asynccontextmanager
    async def _shown(self, batch: Batch) -> AsyncIterator[None]:
        """Show how far it has come, as the display can."""
        if isinstance(self._display, Overview):
            self._display.watch(lambda: self._standing(batch))
            yield
            return
        reports = asyncio.ensure_future(self._report(batch))
        try:
            yield
        finally:
            reports.cancel()

    async def _report(self, batch: Batch) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            standing = self._standing(batch)
            self._display.say(f"{standing.over} of {standing.clips}: {standing.words}")

    def _standing(self, batch: Batch) -> Standing:
        totals = batch.totals
        known = self._tally.over + totals.running + totals.waiting + self._untaken
        self._most = max(self._most, known, len(self._order.clips))
        return Standing(
            counts=self._tally.counts,
            running=totals.running,
            unseen=max(0, totals.running - self._tracks.seen),
            waiting=totals.waiting + (0 if self._interrupted else self._untaken),
            clips=self._most,
            seconds=time.monotonic() - self._began,
        )

    # --- After ------------------------------------------------------------------------------------------------------

    def _concluded(self, standing: Standing, trouble: Exception | None) -> ExitCode:
        """The totals, and what can be done about what is not done."""
        if isinstance(trouble, _PREMATURE) and not self._has_begun(standing):
            return failed(self._display, trouble)
        open_clips = self._tally.is_open or standing.over < standing.clips
        open_clips |= self._interrupted and not self._tally.over
        goes_on = not self._order.emulated and not isinstance(trouble, _PREMATURE)
        resume = self._order.command(clips=not self._all_known) if open_clips and goes_on else None
        failure = None if trouble is None else _failure_of(trouble, emulated=self._order.emulated)
        code = self._tally.exit_code if failure is None else failure.exit_code
        if self._interrupted:
            code = ExitCode.INTERRUPTED
        self._tell(standing, code, resume)
        if failure is not None:
            self._display.fail(failure)
        self._advise(resume, may_retry=goes_on and self._tally.may_retry and not self._interrupted)
        return code

    def _has_begun(self, standing: Standing) -> bool:
        """Whether the journal was opened, and told of any clip."""
        taken = self._untaken < len(self._order.clips)
        return bool(taken or standing.running or self._tally.heard)

    def _tell(self, standing: Standing, code: ExitCode, resume: str | None) -> None:
        say, counts, table = self._display.say, standing.counts, self._tally.table
        told = [f"{count} {name}" for name, count in counts.items() if count and name != "unfinished"]
        left = standing.clips - standing.over + counts["unfinished"]
        told += [f"{left} {'not done' if self._order.emulated else 'left to the next run'}"] if left else []
        if told:
            say(f"{standing.clips} clip{'' if standing.clips == 1 else 's'}: {', '.join(told)}")
        for line in table:
            say(f"  {line}")
        fields: dict[str, Json] = {name.replace(" ", "_"): count for name, count in counts.items()}
        fields |= {"unfinished": left, "clips": standing.clips, "kinds": self._tally.kinds}
        fields |= {"seconds": round(standing.seconds, 3), "interrupted": self._interrupted}
        fields |= {"exit_code": int(code), "resume": resume}
        Track(self._display, "batch").note(Event("totals", (), fields))

    def _advise(self, resume: str | None, *, may_retry: bool) -> None:
        say = self._display.say
        if self._order.emulated:
            say(INVENTED)
            say("Its tasks are gone with it: for the next run, name another journal.")
            return
        if resume is not None:
            say("to resume:")
            say(f"  {resume}")
        if self._tally.counts["uncertain"] and not self._order.resubmit_uncertain:
            say("what stays uncertain is sent again with --resubmit-uncertain only: that may pay twice")
        if may_retry:
            say("to try again what failed, which is paid for again:")
            say(f"  {self._order.command(clips=not self._all_known, retry_failed=True)}")


def _failure_of(error: Exception, *, emulated: bool) -> Failure:
    """The failure that ends a batch, in the words of this command: its accounts have an option of their own."""
    failure = Failure.of(error, emulated=emulated)
    return evolve(failure, message=failure.message.replace("`--email`", "`--account`"))


def _of_journal(error: OSError, journal: Path) -> JournalError:
    """What the system refuses a batch concerns its journal: files that cannot be saved have an error of their own."""
    return JournalError(f"the journal {journal} cannot be used: {error.strerror or error}")
