"""Faults at random, the same ones for the same seed and the same sequence of requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random

from attrs import field, frozen, validators

from klingmotion.emulator import damage, faults
from klingmotion.emulator.faults import Fault

Draw = Callable[[Random, float], Fault]

KINDS: Mapping[str, Draw] = {
    "drop_before": lambda _dice, _stall: faults.DropBefore(),
    "drop_after": lambda _dice, _stall: faults.DropAfter(),
    "reset_before": lambda _dice, _stall: faults.Reset(),
    "reset_after": lambda _dice, _stall: faults.Reset(after=True),
    "stall_before": lambda dice, stall: faults.StallBefore(stall * dice.random()),
    "stall_late": lambda dice, stall: faults.StallBefore(stall * dice.random(), even_if_gone=True),
    "stall_after": lambda dice, stall: faults.StallAfter(stall * dice.random()),
    "truncate": lambda dice, _stall: damage.Truncate(dice.random()),
    "truncate_json": lambda _dice, _stall: damage.TruncateJson(),
    "html_before": lambda dice, _stall: faults.Html(dice.choice((502, 503, 504, 522))),
    "html_after": lambda dice, _stall: faults.Html(dice.choice((502, 503, 504, 522)), after=True),
    "empty_before": lambda dice, _stall: faults.Empty(dice.choice((500, 502, 503))),
    "empty_after": lambda dice, _stall: faults.Empty(dice.choice((500, 502, 503)), after=True),
    "fault_before": lambda _dice, _stall: faults.Status.server_fault(),
    "fault_after": lambda _dice, _stall: faults.Status.server_fault(after=True),
    "rate_limited": lambda dice, stall: faults.RateLimited(
        stall * dice.random(), dice.choice(("seconds", "date", "body", "none"))
    ),
    "html_ok": lambda _dice, _stall: faults.Html(200, after=True),
    "vanish": lambda _dice, _stall: faults.Vanish(),
}
"""All kinds of faults chaos can draw, each given the dice and the longest stall."""

ON_REQUEST = frozenset({"html_ok", "vanish"})
"""Kinds drawn only when asked for: the job they hit cannot be brought to its end."""

DEFAULT_KINDS = tuple(kind for kind in KINDS if kind not in ON_REQUEST)


@frozen(kw_only=True)
class Chaos:
    """How much goes wrong. By default nothing refuses for good: every job can still come to its end.

    Attributes:
        seed: where the dice start.
        rate: the share of requests hit.
        stall: the longest stall, and the longest wait a 429 asks for, in seconds.
        kinds: the kinds to draw from, out of `KINDS`.
        endpoints: the endpoints to hit, or None for all.
    """

    seed: int = 0
    rate: float = field(default=0.1, validator=[validators.ge(0), validators.le(1)])
    stall: float = field(default=5.0, validator=validators.ge(0))
    kinds: tuple[str, ...] = DEFAULT_KINDS
    endpoints: Collection[str] | None = None

    def __attrs_post_init__(self) -> None:
        unknown = set(self.kinds) - KINDS.keys()
        if unknown or not self.kinds:
            raise ValueError(f"kinds are out of {', '.join(KINDS)}; not {', '.join(sorted(unknown)) or 'none'}")


class Dice:
    """Draws faults for one emulator."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._random = Random(chaos.seed)

    def draw(self, endpoint: str) -> Fault | None:
        """The fault that hits the next request to an endpoint, if one does."""
        chaos = self._chaos
        if chaos.endpoints is not None and endpoint not in chaos.endpoints:
            return None
        if self._random.random() >= chaos.rate:
            return None
        return KINDS[self._random.choice(chaos.kinds)](self._random, chaos.stall)
