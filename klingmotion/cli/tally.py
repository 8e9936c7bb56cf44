"""What has become of the clips of a batch: counted, put into words, and as an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from klingmotion.batch.outcome import Outcome
from klingmotion.cli.failure import ExitCode, Failure, exit_code
from klingmotion.errors import KlingMotionError
from klingmotion.models import Json

#: Every way to count a clip, in the order they are told of.
COUNTS: Final = ("done", "done before", "failed", "failed before", "uncertain", "unfinished")


@frozen(kw_only=True)
class Standing:
    """How far a batch has come."""

    #: Clips by the words of `COUNTS`.
    counts: Mapping[str, int]
    running: int
    #: Clips running of which no task is known yet, or whose task is over: looked for, or being saved.
    unseen: int
    waiting: int
    #: Clips there are, as far as is known.
    clips: int
    seconds: float

    @property
    def over(self) -> int:
        """Clips with an outcome."""
        return sum(self.counts.values())

    @property
    def left(self) -> float | None:
        """Seconds until all are over if it goes on like this; `None` as long as nothing can be told."""
        now = sum(count for name, count in self.counts.items() if not name.endswith("before"))
        return self.seconds / now * (self.clips - self.over) if now > 1 and self.over < self.clips else None

    @property
    def words(self) -> str:
        """The counts, those that are not 0."""
        going = {"running": self.running, "waiting": self.waiting}
        return ", ".join(f"{count} {name}" for name, count in {**self.counts, **going}.items() if count)


class Tally:
    """Counts outcomes."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._codes: set[ExitCode] = set()
        #: Clips that this run has told of.
        self.heard = 0
        #: Whether a clip failed that was submitted, so that another submit may do better.
        self.may_retry = False

    def add(self, outcome: Outcome, failure: Failure | None) -> None:
        """Count an outcome and what went wrong with it."""
        before = outcome.earlier and outcome.status in ("done", "failed")
        name = f"{outcome.status} before" if before else outcome.status
        self._counts[name] += 1
        self.heard += 1
        self.may_retry |= outcome.status == "failed" and outcome.ref is not None
        if failure is not None:
            self._kinds[name, failure.kind] += 1
            self._codes.add(failure.exit_code)
        elif not outcome.ok:
            self._codes.add(ExitCode.OTHER)

    def add_before(self, done: int, failures: Iterable[Exception]) -> None:
        """Count clips that were over before the run, and that it was not asked about one by one."""
        self._counts["done before"] += done
        for error in failures:
            self._counts["failed before"] += 1
            self._kinds["failed before", type(error).__name__] += 1
            self._codes.add(exit_code(error))
            self.may_retry |= isinstance(error, KlingMotionError) and _was_submitted(error)

    @property
    def counts(self) -> dict[str, int]:
        """Clips by the words of `COUNTS`."""
        return {name: self._counts[name] for name in COUNTS}

    @property
    def over(self) -> int:
        """Clips with an outcome."""
        return self._counts.total()

    @property
    def is_open(self) -> bool:
        """Whether another run may find out more without being told to pay."""
        return bool(self._counts["uncertain"] or self._counts["unfinished"])

    @property
    def exit_code(self) -> ExitCode:
        """That of what went wrong, if it is the same for all that did.

        Clips end in no certain order, so the first of them would be another one each time.
        """
        if not self._codes:
            return ExitCode.DONE
        return next(iter(self._codes)) if len(self._codes) == 1 else ExitCode.OTHER

    @property
    def table(self) -> list[str]:
        """How many clips went wrong in which way, by kind of error."""
        rows = sorted(self._kinds.items(), key=lambda item: (COUNTS.index(item[0][0]), -item[1], item[0][1]))
        digits = max((len(str(count)) for _, count in rows), default=0)
        width = max((len(name) for (name, _), _ in rows), default=0)
        return [f"{name:<{width}}  {count:>{digits}}  {kind}" for (name, kind), count in rows]

    @property
    def kinds(self) -> dict[str, Json]:
        """The same for programs."""
        found: dict[str, Json] = {}
        for name in COUNTS:
            kinds: dict[str, Json] = {kind: count for (one, kind), count in self._kinds.items() if one == name}
            if kinds:
                found[name.replace(" ", "_")] = kinds
        return found


def _was_submitted(error: KlingMotionError) -> bool:
    """Whether the clip of an error that a journal keeps was refused no sooner than by its submit."""
    return error.ref is not None and error.ref.reply_ref is not None
