"""What one run of a batch still owes: the clips that are not over, and the outcomes of those that are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import attrs
from attrs import frozen

from klingmotion.batch.journal import Row
from klingmotion.batch.outcome import Outcome, outcome_of
from klingmotion.models import Task


@frozen
class Input:
    """A clip as it was given."""

    source: str
    index: int


@frozen(kw_only=True)
class BatchTotals:
    """How far a batch has come, in clips."""

    done: int = 0
    failed: int = 0
    uncertain: int = 0
    unfinished: int = 0
    #: Submitted, or being saved.
    running: int = 0
    #: Taken in and not submitted yet.
    waiting: int = 0
    #: All clips have been taken in: the sum will not grow any more.
    complete: bool = False
    #: Slots of all accounts, as far as they are known.
    slots: int = 0


class Register:
    """The clips of one run, by their keys.

    `on_outcome` hears of every outcome as it is written down, `on_full` of an input that has to wait for room.
    """

    def __init__(self, on_outcome: Callable[[Outcome], None], *, on_full: Callable[[], None] = lambda: None) -> None:
        self._on_outcome = on_outcome
        self._on_full = on_full
        self.outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self.counts: Counter[str] = Counter()
        #: No more clips will come in.
        self.complete = False
        #: Clips that something is being done for which goes on to its end also when the batch is stopped.
        self.running: set[str] = set()
        #: Clips that are uncertain, until they are looked at once more at the end.
        self.doubtful: dict[str, Row] = {}
        self._open: dict[str, list[Input]] = {}
        #: Outcomes of clips that so far only the journal names: an input that is yet to come may be theirs.
        self._unnamed: dict[str, Outcome] = {}
        self._taken_in = 0
        self._consumed = asyncio.Event()
        #: An input waits until there is room for it.
        self._full = False

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def __len__(self) -> int:
        return len(self._open)

    def open(self, key: str, given: Input | None = None) -> None:
        """Owe the outcome of a clip, to one more input if there is one."""
        inputs = self._open.setdefault(key, [])
        if given is not None:
            inputs.append(given)

    def source(self, row: Row) -> str:
        """What a clip is called: as it was given, if it was."""
        inputs = self._open.get(row.key)
        return inputs[0].source if inputs else row.source

    def settle(self, row: Row, *, task: Task | None = None, error: Exception | None = None) -> None:
        """A clip is over for this run: an outcome for each of its inputs, or one if the journal alone named it."""
        self.running.discard(row.key)
        self.doubtful.pop(row.key, None)
        inputs = self._open.pop(row.key, [])
        outcome = outcome_of(row, index=None, source=row.source, task=task, error=error, earlier=False)
        for given in inputs:
            self.emit(attrs.evolve(outcome, index=given.index, source=given.source))
        if not inputs and self.complete:
            self.emit(outcome)
        elif not inputs:
            self._unnamed[row.key] = outcome

    def tell(self, row: Row, given: Input, *, earlier: bool) -> None:
        """The outcome of a row that was over when its input came."""
        outcome = self._unnamed.pop(row.key, None)
        if outcome is not None:
            self.emit(attrs.evolve(outcome, index=given.index, source=given.source))
        else:
            self.emit(outcome_of(row, index=given.index, source=given.source, task=None, error=None, earlier=earlier))

    def close_intake(self) -> None:
        """No more inputs will come."""
        self.complete = True
        while self._unnamed:
            self.emit(self._unnamed.pop(next(iter(self._unnamed))))

    def emit(self, outcome: Outcome) -> None:
        """Hand out an outcome."""
        self.counts[outcome.status] += 1
        self.outcomes.put_nowait(outcome)
        self._on_outcome(outcome)

    def drop(self, key: str) -> None:
        """Owe nothing for a clip any more: it stays in the journal for the next run."""
        self.running.discard(key)
        self._open.pop(key, None)

    def drop_waiting(self) -> None:
        """Owe nothing for what has not begun."""
        for key in self._open.keys() - self.running - self.doubtful.keys():
            del self._open[key]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left but what is uncertain."""
        return self.complete and not self._open.keys() - self.doubtful.keys()

    @property
    def is_stuck(self) -> bool:
        """Whether the next clip can come in only when the uncertain ones, of which alone there are any, are over."""
        return self._full and not self._open.keys() - self.doubtful.keys()

    def totals(self, *, slots: int) -> BatchTotals:
        """How far it has come."""
        running = len(self.running)
        waiting = len(self._open) - running
        counts = self.counts + Counter(outcome.status for outcome in self._unnamed.values())
        return BatchTotals(**counts, running=running, waiting=waiting, complete=self.complete, slots=slots)

    # --- What is taken in -------------------------------------------------------------------------------------------

    async def take_in(self, most: int) -> None:
        """Count one more input, as soon as fewer than `most` wait for their outcome to be consumed."""
        while self._taken_in >= most:
            self._full = True
            self._on_full()
            self._consumed.clear()
            await self._consumed.wait()
        self._full = False
        self._taken_in += 1

    def consumed(self, outcome: Outcome) -> None:
        """An outcome has reached the caller."""
        if outcome.index is not None:
            self._taken_in -= 1
            self._consumed.set()
