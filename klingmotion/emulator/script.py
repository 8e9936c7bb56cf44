"""Which fault hits which request: first what was scripted, else what chaos draws."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle

from klingmotion.emulator.chaos import Chaos, Dice
from klingmotion.emulator.endpoints import ENDPOINTS
from klingmotion.emulator.faults import Fault


class Script:
    """Faults to come, in order, for each endpoint."""

    def __init__(self, chaos: Chaos | None) -> None:
        self._once: dict[str, deque[Fault]] = {endpoint: deque() for endpoint in ENDPOINTS}
        self._always: dict[str, Iterator[Fault]] = {}
        self._dice = Dice(chaos) if chaos is not None else None

    def add(self, endpoint: str, faults: Sequence[Fault], times: int | None) -> None:
        """Play `faults` one after the other, the whole row so many times, or for ever if `times` is None."""
        if endpoint not in self._once:
            raise ValueError(f"no endpoint {endpoint!r}; the endpoints are {', '.join(sorted(ENDPOINTS))}")
        if not faults:
            raise ValueError("no fault given")
        if times is None:
            self._always[endpoint] = cycle(faults)
        else:
            self._once[endpoint].extend(list(faults) * times)

    def clear(self, endpoint: str | None = None) -> None:
        """Forget what is scripted for an endpoint; or all there is to come, chaos included."""
        if endpoint is None:
            self._dice = None
        for name in self._once if endpoint is None else (endpoint,):
            self._once[name].clear()
            self._always.pop(name, None)

    def take(self, endpoint: str) -> Fault | None:
        """The fault for a request that has just come in."""
        if endpoint not in self._once:
            return None
        if self._once[endpoint]:
            return self._once[endpoint].popleft()
        if endpoint in self._always:
            return next(self._always[endpoint])
        return self._dice.draw(endpoint) if self._dice is not None else None
