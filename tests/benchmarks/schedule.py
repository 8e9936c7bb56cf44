"""klingmotion's own waits in virtual time: its code, no network, no sleeping, an ETA that is true or lies."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections.abc import Callable, Sequence

from klingmotion import MotionSession, Request
from tests.benchmarks import bodies
from tests.benchmarks.lab import Lab, Rows
from tests.fake_transport import FakeTransport
from tests.virtual_time import run_virtual

#: What a look at `age` shows as `etaTime`, for a job of the given duration.
Estimate = Callable[[float, float], float]

#: Durations are drawn from here, each order of magnitude as likely as the next.
_SHORTEST, _LONGEST = 20.0, 180.0


def walk(durations: Sequence[float], estimates: Sequence[Estimate] | None = None) -> list[tuple[float, int]]:
    """Lag and looks of one wait after another at default settings."""
    return run_virtual(_walk(durations, estimates))


async def _walk(durations: Sequence[float], estimates: Sequence[Estimate] | None) -> list[tuple[float, int]]:
    found = []
    for number, duration in enumerate(durations):
        estimate = None if estimates is None else estimates[number]
        found.append(await _wait(duration, estimate))
    return found


async def _wait(duration: float, estimate: Estimate | None) -> tuple[float, int]:
    clock = asyncio.get_running_loop().time
    born = clock()
    looks = 0

    def answer(request: Request) -> tuple[int, object]:
        nonlocal looks
        if request.method == "POST":
            return 200, bodies.kling(final=False)
        looks += 1
        age = clock() - born
        return 200, bodies.kling(final=age >= duration, eta=None if estimate is None else estimate(age, duration))

    async with MotionSession(transport=FakeTransport(answer, latency=0.0)) as session:
        task = await session.submit_motion("https://x.test/a.mp4", "https://x.test/a.jpg")
        await session.wait_for_task(task)
    return clock() - born - duration, looks


# --- Estimates ------------------------------------------------------------------------------------------------------


def _left(age: float, duration: float) -> float:
    return max(0.0, duration - age)


def _noisy(sigma: float, chance: random.Random) -> Estimate:
    """Half of the error is the job's own, half fresh at each look."""
    own = chance.gauss(0, 1)

    def estimate(age: float, duration: float) -> float:
        error = sigma * (own + chance.gauss(0, 1)) / math.sqrt(2)
        return _left(age, duration) * math.exp(error)

    return estimate


def _times(factor: float) -> Estimate:
    return lambda age, duration: max(0.0, factor * duration - age)


#: Estimates that are worth something, by what they are called.
CREDIBLE: dict[str, Callable[[random.Random], Estimate]] = {
    "exact": lambda _: _left,
    "error of 10 %": lambda chance: _noisy(0.10, chance),
    "error of 25 %": lambda chance: _noisy(0.25, chance),
    "exact, in milliseconds": lambda _: lambda age, duration: 1000 * _left(age, duration),
}

#: Estimates that lie.
LYING: dict[str, Callable[[random.Random], Estimate]] = {
    "frozen": lambda _: lambda _age, duration: duration,
    "half": lambda _: _times(0.5),
    "double": lambda _: _times(2),
    "four times": lambda _: _times(4),
    "zero": lambda _: lambda _age, _duration: 0.0,
    "in minutes": lambda _: lambda age, duration: _left(age, duration) / 60,
    "noise": lambda chance: lambda _age, _duration: chance.uniform(0, 200),
}


def measure(lab: Lab) -> Rows:
    """Lag as a share of the duration, and looks, for durations of 20 to 180 s."""
    jobs = 60 if lab.quick else 400
    kinds: dict[str, Callable[[random.Random], Estimate] | None] = {"no estimate": None, **CREDIBLE, **LYING}
    rows: Rows = {}
    for name, make in kinds.items():
        lab.say(f"  schedule in virtual time: {name}")
        chance = random.Random(1)
        durations = [math.exp(chance.uniform(math.log(_SHORTEST), math.log(_LONGEST))) for _ in range(jobs)]
        estimates = None if make is None else [make(chance) for _ in durations]
        seen = walk(durations, estimates)
        shares = sorted(lag / duration for (lag, _), duration in zip(seen, durations, strict=True))
        rows[name] = {
            "mean": statistics.mean(shares),
            "p95": shares[int(0.95 * (len(shares) - 1))],
            "worst": shares[-1],
            "looks": statistics.mean(looks for _, looks in seen),
            "most": max(looks for _, looks in seen),
        }
    return rows
