"""How far the server's own estimate of a task's end is to be believed. No I/O.

Unit and quality of the ETA fields are not documented, so the number is taken for seconds or milliseconds only after it
has been seen to shrink at that rate (HTTP contract, section 8, question 22).
"""

from __future__ import annotations

from attrs import define, field

from klingmotion.models import Task

#: A believable estimate loses between half and double the time that passed.
_SLOWEST, _FASTEST = 0.5, 2.0

_UNITS = (1.0, 0.001)

#: Seconds above which it is no time left but a point in time, or nonsense.
_LONGEST = 86_400.0


@define
class Eta:
    """The estimates seen for one task."""

    _raw: float | None = field(default=None, init=False)
    _at: float = field(default=0.0, init=False)
    _end: float | None = field(default=None, init=False)

    def note(self, raw: float | None, now: float) -> None:
        """Take in what a look at `now` says is left, in whatever unit."""
        before, passed = self._raw, now - self._at
        self._raw, self._at, self._end = raw, now, None
        if raw is None or before is None or passed <= 0:
            return
        for unit in _UNITS:
            shrinks = _SLOWEST * passed <= (before - raw) * unit <= _FASTEST * passed
            if shrinks and raw * unit <= _LONGEST:
                self._end = now + raw * unit

    def left(self, now: float) -> float | None:
        """Seconds to the end, as far as the server is to be believed."""
        return None if self._end is None else max(0.0, self._end - now)


def left_of(task: Task) -> float | None:
    """What the reply says is left, in whatever unit: `etaTime`, less the server's own time where that is given."""
    if task.eta_time is None or task.eta_time <= 0:
        return None
    try:
        left = float(task.eta_time - (task.current_timestamp or 0))
    except OverflowError:
        return None
    return left if left > 0 else None
