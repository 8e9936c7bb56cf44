"""klingmotion's own waits in virtual time: its code, no network, no sleeping, an ETA that is true or lies."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections.abc import Callable, Sequence
from functools import partial

from attrs import define

from klingmotion import MotionSession, Request
from tests.benchmarks import bodies
from tests.benchmarks.lab import Lab, Rows
from tests.fake_transport import FakeTransport
from tests.virtual_time import run_virtual

#: What a look at `age` shows as `etaTime`, for a job of the given duration.
Estimate = Callable[[float, float], float]

#: Durations are drawn from here, each order of magnitude as likely as the next.
_SHORTEST, _LONGEST = 20.0, 180.0


#: Tasks a session has seen end before its later ones are counted.
_EARLIER = 100


def walk(durations: Sequence[float], estimates: Sequence[Estimate] | None = None) -> list[tuple[float, int]]:
    """Lag and looks of one wait after another at default settings, each the first of its session."""
    return run_virtual(_walk(_jobs(durations, estimates), one_session=False))


def walk_on(durations: Sequence[float], estimates: Sequence[Estimate] | None = None) -> list[tuple[float, int]]:
    """As `walk`, but in one session, which learns on the way."""
    return run_virtual(_walk(_jobs(durations, estimates), one_session=True))


@define
class Job:
    """A task of the server's, and what was seen of it."""

    duration: float
    estimate: Estimate | None
    born: float = 0.0
    looks: int = 0

    def answer(self, request: Request) -> tuple[int, object]:
        """What the server says now."""
        age = asyncio.get_running_loop().time() - self.born
        if request.method == "POST":
            return 200, bodies.kling(final=False)
        self.looks += 1
        told = None if self.estimate is None else self.estimate(age, self.duration)
        return 200, bodies.kling(final=age >= self.duration, eta=told)


def _jobs(durations: Sequence[float], estimates: Sequence[Estimate] | None) -> list[Job]:
    told = [None] * len(durations) if estimates is None else estimates
    return [Job(duration, estimate) for duration, estimate in zip(durations, told, strict=True)]


async def _walk(jobs: Sequence[Job], *, one_session: bool) -> list[tuple[float, int]]:
    found = []
    transport = FakeTransport(jobs[0].answer, latency=0.0)
    for group in [jobs] if one_session else [[job] for job in jobs]:
        async with MotionSession(transport=transport) as session:
            for job in group:
                transport.answer = job.answer
                found.append(await _wait(session, job))
    return found


async def _wait(session: MotionSession, job: Job) -> tuple[float, int]:
    clock = asyncio.get_running_loop().time
    job.born = clock()
    task = await session.submit_motion("https://x.test/a.mp4", "https://x.test/a.jpg")
    await session.wait_for_task(task)
    return clock() - job.born - job.duration, job.looks


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


def _total(factor: float) -> Estimate:
    """Wrong about the whole duration; the end comes nearer as time passes."""
    return lambda age, duration: max(0.0, factor * duration - age)


def _rest(factor: float) -> Estimate:
    """Wrong about what is left; the end comes nearer faster or slower than time passes."""
    return lambda age, duration: factor * _left(age, duration)


def _always(estimate: Estimate, _: random.Random) -> Estimate:
    return estimate


_FACTORS = {"half": 0.5, "double": 2.0, "four times": 4.0}

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
    "growing": lambda _: lambda age, duration: duration + age,
    "zero": lambda _: lambda _age, _duration: 0.0,
    "years": lambda _: lambda age, _duration: 3e8 - age,
    "in minutes": lambda _: lambda age, duration: _left(age, duration) / 60,
    "noise": lambda chance: lambda _age, _duration: chance.uniform(0, 200),
    **{f"{name} the duration": partial(_always, _total(factor)) for name, factor in _FACTORS.items()},
    **{f"{name} of what is left": partial(_always, _rest(factor)) for name, factor in _FACTORS.items()},
}

#: Each is measured twice.
FIRST, LATER = "first task of a session", "later tasks"


def measure(lab: Lab) -> Rows:
    """Lag as a share of the duration, and looks, for durations of 20 to 180 s."""
    jobs = 60 if lab.quick else 400
    kinds: dict[str, Callable[[random.Random], Estimate] | None] = {"no estimate": None, **CREDIBLE, **LYING}
    rows: Rows = {}
    for name, make in kinds.items():
        lab.say(f"  schedule in virtual time: {name}")
        chance = random.Random(1)
        durations = _durations(jobs, chance)
        estimates = None if make is None else [make(chance) for _ in durations]
        rows[f"{name}, {FIRST}"] = _row(durations, walk(durations, estimates))
        durations = _durations(_EARLIER, chance) + durations
        estimates = None if make is None else [make(chance) for _ in durations]
        rows[f"{name}, {LATER}"] = _row(durations[_EARLIER:], walk_on(durations, estimates)[_EARLIER:])
    return rows


def _durations(count: int, chance: random.Random) -> list[float]:
    """Spread evenly over the logarithm, in any order."""
    shares = [(number + 0.5) / count for number in range(count)]
    chance.shuffle(shares)
    return [_SHORTEST * (_LONGEST / _SHORTEST) ** share for share in shares]


def _row(durations: Sequence[float], seen: Sequence[tuple[float, int]]) -> dict[str, float]:
    shares = sorted(lag / duration for (lag, _), duration in zip(seen, durations, strict=True))
    return {
        "mean": statistics.mean(shares),
        "p95": shares[int(0.95 * (len(shares) - 1))],
        "worst": shares[-1],
        "looks": statistics.mean(looks for _, looks in seen),
        "most": max(looks for _, looks in seen),
    }
