"""How far the server's own estimate of a task's end is to be believed. No I/O.

Unit and quality of the ETA fields are not documented (HTTP contract, section 8, question 22), so belief is earned: an
estimate must have shrunk by 0.4 to 2.5 times the time that passed since the first one, read as seconds or milliseconds.
If those of an earlier task were believed to its end, their unit is known: then the first one is taken at its word, and
later ones while they put the whole at half to double of what it did; one that does not starts anew. An estimate that
stands still is never believed.
"""

from __future__ import annotations

from attrs import define, field

from klingmotion.models import Task

#: By how much, as shares of the time that passed, an estimate shrinks that is to be believed. Measured: one that is off
#: by a quarter takes a quarter of a look more with half and double, for its errors at two looks differ.
_LEAST_SHRUNK, _MOST_SHRUNK = 0.4, 2.5

#: How much of what it did first an estimate puts the whole at, where its unit is known.
_LEAST_WHOLE, _MOST_WHOLE = 0.5, 2.0

_UNITS = (1.0, 0.001)

#: Seconds above which it is no time left but a point in time, or nonsense.
_LONGEST = 86_400.0


@define
class Eta:
    """The estimates seen for one task."""

    #: In which unit the last one is believed, in seconds; `None` while it is not.
    unit: float | None = field(default=None, init=False)
    _first: float | None = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)
    _last: float | None = field(default=None, init=False)
    _last_at: float = field(default=0.0, init=False)

    def note(self, raw: float | None, now: float, known_unit: float | None = None) -> None:
        """Take in what a look at `now` says is left, in whatever unit; `known_unit` is what an earlier task told."""
        stands_still = raw == self._last
        self.unit, self._last, self._last_at = None, raw, now
        if self._first is None or raw is None or stands_still:
            self._first, self._since = raw, now
        if self._first is None or raw is None or stands_still:
            return
        passed = now - self._since
        if known_unit is None:
            self.unit = _unit_of(self._first - raw, passed)
        elif _LEAST_WHOLE * self._first <= passed / known_unit + raw <= _MOST_WHOLE * self._first:
            self.unit = known_unit
        else:
            self._first, self._since = raw, now
        if self.unit is not None and raw * self.unit > _LONGEST:
            self.unit = None

    def left(self, now: float) -> float | None:
        """Seconds to the end, as far as the server is to be believed."""
        if self.unit is None or self._last is None:
            return None
        return max(0.0, self._last_at + self._last * self.unit - now)

    def agrees(self, seconds: float) -> bool:
        """Whether the last one, believed or not, says that at least so long is left, and no nonsense."""
        return self._last is not None and seconds <= self._last <= _LONGEST / min(_UNITS)


def _unit_of(shrunk: float, passed: float) -> float | None:
    """The unit in which what is left has shrunk about as time passed."""
    fitting = (unit for unit in _UNITS if _LEAST_SHRUNK * passed <= shrunk * unit <= _MOST_SHRUNK * passed)
    return next(fitting, None) if passed > 0 else None


def left_of(task: Task) -> float | None:
    """What the reply says is left, in whatever unit: `etaTime`, less the server's own time where that is given."""
    if task.eta_time is None or task.eta_time <= 0:
        return None
    try:
        left = float(task.eta_time - (task.current_timestamp or 0))
    except OverflowError:
        return None
    return left if left > 0 else None
