"""A transfer under way: how far it is, how fast it goes, how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

#: Seconds that count for the rate: long enough to be calm, short enough to show a change.
_WINDOW = 5.0

#: Seconds between two marks, and before there is a rate at all.
_MARK_EVERY = 0.25


class Transfer:
    """One or several parts that travel at the same time, taken together.

    Args:
        parts: The names of all parts, also of those that have not begun.
        clock: What measures seconds.
    """

    def __init__(self, parts: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._parts: dict[str, tuple[int, int | None]] = dict.fromkeys(parts, (0, None))
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)])

    def note(self, part: str, moved: int, total: int | None) -> None:
        """So many bytes of a part have moved, of how many is known or not."""
        before = self.moved
        self._parts[part] = (moved, total)
        if self.moved < before:  # it began again
            self._marks.clear()
        now = self._clock()
        if not self._marks or now - self._marks[-1][0] >= _MARK_EVERY:
            self._marks.append((now, self.moved))
        while len(self._marks) > 1 and self._marks[1][0] <= now - _WINDOW:
            self._marks.popleft()

    @property
    def moved(self) -> int:
        """Bytes of all parts so far."""
        return sum(moved for moved, _ in self._parts.values())

    @property
    def total(self) -> int | None:
        """Bytes of all parts in the end, once it is known of each."""
        totals = [total for _, total in self._parts.values() if total is not None]
        return sum(totals) if totals and len(totals) == len(self._parts) else None

    @property
    def share(self) -> float | None:
        """How much is done, from 0 to 1, where that is known."""
        return None if self.total is None else self.moved / max(self.total, 1)

    @property
    def rate(self) -> float | None:
        """Bytes in a second, lately. What stands still becomes slower and slower."""
        began, moved = self._marks[0]
        elapsed = self._clock() - began
        return (self.moved - moved) / elapsed if elapsed >= _MARK_EVERY else None

    @property
    def left(self) -> float | None:
        """Seconds until all is done if it goes on like this."""
        if self.total is None or not self.rate or self.moved >= self.total:
            return None
        return (self.total - self.moved) / self.rate
