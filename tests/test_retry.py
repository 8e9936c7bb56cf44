"""When to ask again: policies, the two loops, and how far an estimate of the server is believed."""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klingmotion.errors import (
    APIConnectionError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    KlingMotionError,
    RateLimitError,
)
from klingmotion.eta import Eta, left_of
from klingmotion.known_tasks import KnownTasks, Past
from klingmotion.models import Task
from klingmotion.refs import TaskRef
from klingmotion.retry import UNTOLD_PAUSE, PollPolicy, RetryPolicy, poll, retry

#: A loaded machine is no finding.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SECONDS: list[object] = [-1, -0.001, math.inf, math.nan, 10**40, True, "5", None]
SHARES: list[object] = [-0.01, 1.01, math.nan, math.inf, True, "0.1", None]
COUNTS: list[object] = [0, -1, 1.0, 2.5, True, "5", None]

WRONG = [
    *((RetryPolicy, "attempts", value) for value in COUNTS),
    *((RetryPolicy, name, value) for name in ("initial", "ceiling", "patience", "settle") for value in SECONDS),
    *(
        (PollPolicy, name, value)
        for name in ("first", "floor", "ceiling", "grace", "listing_patience")
        for value in SECONDS
    ),
    *((PollPolicy, name, value) for name in ("ratio", "jitter") for value in SHARES),
    *((PollPolicy, "max_failed_looks", value) for value in COUNTS),
]

Policy = type[RetryPolicy] | type[PollPolicy]


@pytest.mark.parametrize(("policy", "name", "value"), WRONG, ids=lambda part: getattr(part, "__name__", f"{part!r}"))
def test_a_policy_refuses_what_makes_no_sense(policy: Policy, name: str, value: object) -> None:
    """Every field is checked when the policy is made, and the text names it and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        policy(**{name: value})  # type: ignore[arg-type]  # wrong types are what is tested
    assert str(caught.value).startswith(f"{policy.__name__}.{name} must be a ")
    assert f"got {value!r}" in str(caught.value)


@pytest.mark.parametrize("policy", [RetryPolicy, PollPolicy])
def test_every_field_of_a_policy_is_checked(policy: Policy) -> None:
    """The table above leaves none out."""
    checked = {name for kind, name, _ in WRONG if kind is policy}
    assert checked == {attribute.name for attribute in attrs.fields(policy)}


def test_a_floor_above_the_ceiling_is_refused() -> None:
    """The two limits of a poll must leave room."""
    with pytest.raises(ConfigurationError, match=r"floor \(31\) must not exceed ceiling \(30.0\)"):
        PollPolicy(floor=31)
    assert PollPolicy(floor=30).interval(0, 0) == 30


@pytest.mark.parametrize("policy", [RetryPolicy, PollPolicy])
def test_policies_are_frozen_and_named(policy: Policy) -> None:
    """A policy is a value: it cannot change under a wait, and no number goes without its name."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy().ceiling = 1.0  # type: ignore[misc]  # what must not work
    with pytest.raises(TypeError):
        policy(1.0)  # type: ignore[call-arg, arg-type]  # what must not work


def test_the_defaults_are_the_documented_ones() -> None:
    """Changing one of them changes what every user gets."""
    assert attrs.asdict(RetryPolicy()) == {
        "attempts": 5, "initial": 0.5, "ceiling": 20.0, "patience": 120.0, "settle": 60.0,
    }  # fmt: skip
    assert attrs.asdict(PollPolicy()) == {
        "first": 5.0, "floor": 1.0, "ratio": 0.10, "ceiling": 30.0, "jitter": 0.10, "max_failed_looks": 5,
        "grace": 10.0, "listing_patience": 60.0,
    }  # fmt: skip


# --- Formulas -------------------------------------------------------------------------------------------------------

CHANCES = st.floats(0, 1)


@UNHURRIED
@given(failures=st.integers(1, 10**6), chance=CHANCES)
def test_backoff_is_a_random_share_of_a_doubling_bound(failures: int, chance: float) -> None:
    """Full jitter: between nothing and `initial * 2**n`, never above the ceiling, however many failures."""
    policy = RetryPolicy(initial=0.5, ceiling=20)
    bound = min(20.0, 0.5 * 2 ** min(failures - 1, 1000))
    assert policy.backoff(failures, chance) == pytest.approx(chance * bound)
    assert 0 <= policy.backoff(failures, chance) <= bound


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, 1), (5, 1), (10, 1), (20, 2), (100, 10), (300, 30), (3_000, 30), (10**9, 30)],
)
def test_the_interval_is_a_share_of_the_age_between_floor_and_ceiling(age: float, expected: float) -> None:
    """clamp(ratio * age, floor, ceiling)."""
    assert PollPolicy().interval(age, 0) == pytest.approx(expected)


@UNHURRIED
@given(
    age=st.floats(0, 10**7),
    chance=CHANCES,
    ratio=st.floats(0, 1),
    jitter=st.floats(0, 1),
    limits=st.tuples(st.floats(0, 100), st.floats(0, 100)),
)
def test_jitter_only_shortens(
    age: float, chance: float, ratio: float, jitter: float, limits: tuple[float, float]
) -> None:
    """A result is never noticed later than the schedule says, and never more than `jitter` earlier."""
    floor, ceiling = sorted(limits)
    policy = PollPolicy(floor=floor, ceiling=ceiling, ratio=ratio, jitter=jitter)
    longest = min(max(ratio * age, policy.shortest), ceiling)
    assert longest * (1 - jitter) <= policy.interval(age, chance) * (1 + 1e-12) + 1e-12
    assert policy.interval(age, chance) <= longest
    assert policy.interval(age, 0) == longest


def test_failed_looks_double_the_wait() -> None:
    """From twice the floor up to the ceiling, so that a short outage does not use up the patience."""
    policy = PollPolicy()
    assert [policy.interval_after_failures(5, failures, 0) for failures in range(1, 8)] == [2, 4, 8, 16, 30, 30, 30]
    assert [policy.interval_after_failures(100, failures, 0) for failures in range(1, 4)] == [10, 20, 30]
    assert policy.interval_after_failures(5, 10**6, 1) == 30


@UNHURRIED
@given(age=st.floats(0, 10**6), failures=st.integers(1, 1000), chance=CHANCES)
def test_waits_after_failures_stay_below_the_ceiling_and_do_not_shrink(
    age: float, failures: int, chance: float
) -> None:
    """More failures never mean more looks."""
    policy = PollPolicy()
    waits = [policy.interval_after_failures(age, failures + more, chance) for more in (0, 1)]
    assert waits[0] <= waits[1] <= 30
    assert waits[0] >= min(policy.interval(age, chance), 30)


# --- The default schedule -------------------------------------------------------------------------------------------


def looks_at(
    duration: float,
    chance: Callable[[], float],
    told: Callable[[float], dict[str, float]] | None = None,
    policy: PollPolicy = PollPolicy(),  # noqa: B008  # frozen
    known_unit: float | None = None,
    quiet: float = 0.0,
) -> list[float]:
    """The ages at which a task of the given duration is looked at; `told` is what the server estimates at an age.

    As for a wait, chance plays a part at first only, while hardly any task ends.
    """
    eta, age = Eta(), policy.first
    ages = [age]
    while age < duration:
        if told is not None:
            left = left_of(Task(id=17, **told(age)))  # type: ignore[arg-type]  # ETA fields by name
            eta.note(left, age, known_unit)
        age += policy.interval(age, chance() if len(ages) == 1 or age < quiet else 0.0, eta.left(age), quiet)
        ages.append(age)
    return ages


def durations(count: int, chance: random.Random) -> list[float]:
    """Log-uniform from 20 to 180 s: what is known of extractions."""
    return [20 * 9 ** chance.random() for _ in range(count)]


def test_the_default_schedule_notices_results_early() -> None:
    """W2: tasks of 20 to 180 s in 20 looks, at most 5 % of the duration late on average, never more than 10 %."""
    chance = random.Random(17)
    tasks = [(duration, looks_at(duration, chance.random, quiet=22)) for duration in durations(4_000, chance)]
    lags = [ages[-1] / duration - 1 for duration, ages in tasks]
    looks = sum(len(ages) for _, ages in tasks) / len(tasks)
    sys.stdout.write(f"{looks:.1f} looks, lag {sum(lags) / len(lags):.2%}, worst {max(lags):.2%}\n")  # pytest -s
    assert looks <= 20
    assert sum(lags) / len(lags) <= 0.05
    assert max(lags) <= 0.10 + 1e-9
    assert min(lags) >= 0


def test_the_default_schedule_is_the_documented_one() -> None:
    """Without chance: at 5 s, then each a quarter later up to 22 s, then a tenth, at last every 30 s."""
    ages = looks_at(1_000, lambda: 0.0, quiet=22)
    assert ages[:7] == pytest.approx([5, 6.25, 7.8125, 9.765625, 12.20703, 15.25879, 19.07349])
    assert ages[7:11] == pytest.approx([22, 24.2, 26.62, 29.282])
    assert max(after - before for before, after in pairwise(ages)) == pytest.approx(30)


# --- The server's estimate ------------------------------------------------------------------------------------------


def eta_after(*looks: tuple[float, dict[str, float]], known_unit: float | None = None) -> Eta:
    """What is believed after looks at the given times that told the given ETA fields."""
    eta = Eta()
    for now, told in looks:
        eta.note(left_of(Task(id=17, **told)), now, known_unit)  # type: ignore[arg-type]  # ETA fields by name
    return eta


BELIEVED = [
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 50})], 50, id="seconds"),
    pytest.param([(0, {"eta_time": 60_000}), (10, {"eta_time": 50_000})], 50, id="milliseconds"),
    pytest.param([(0, {"eta_time": 60.5}), (10, {"eta_time": 50.5})], 50.5, id="fractions"),
    pytest.param(
        [
            (0, {"eta_time": 1_760_000_060_000, "current_timestamp": 1_760_000_000_000}),
            (10, {"eta_time": 1_760_000_060_000, "current_timestamp": 1_760_000_010_000}),
        ],
        50,
        id="absolute, with the server's own time",
    ),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 54})], 54, id="half as fast as time"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 41})], 41, id="nearly twice as fast"),
    pytest.param([(0, {}), (10, {"eta_time": 60}), (20, {"eta_time": 50})], 50, id="from the second estimate on"),
]

NOT_BELIEVED = [
    pytest.param([], id="no look"),
    pytest.param([(0, {"eta_time": 60})], id="one look"),
    pytest.param([(0, {}), (10, {})], id="no estimate"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 60})], id="frozen"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 70})], id="growing"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 58})], id="too slow"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 20})], id="too fast"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 0})], id="zero"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": -50})], id="negative"),
    pytest.param([(0, {"eta_time": -40}), (10, {"eta_time": -50})], id="negative throughout"),
    pytest.param([(0, {"eta_time": 60}), (10, {})], id="gone"),
    pytest.param([(0, {"eta_time": 60}), (0, {"eta_time": 50})], id="no time passed"),
    pytest.param([(10, {"eta_time": 60}), (0, {"eta_time": 50})], id="time ran backwards"),
    pytest.param([(0, {"eta_time": 60}), (10, {"eta_time": 50_000})], id="the unit changed"),
    pytest.param(
        [(0, {"eta_time": 1_760_000_060_000}), (10, {"eta_time": 1_760_000_060_000})], id="absolute, without its time"
    ),
    pytest.param(
        [
            (0, {"eta_time": 1_760_000_000_000, "current_timestamp": 1_760_000_060_000}),
            (10, {"eta_time": 1_760_000_000_000, "current_timestamp": 1_760_000_070_000}),
        ],
        id="overdue",
    ),
    pytest.param([(0, {"eta_time": 10**9}), (10, {"eta_time": 10**9 - 10})], id="years"),
    pytest.param([(0, {"eta_time": 10**12}), (10, {"eta_time": 10**12 - 10_000})], id="years in milliseconds"),
    pytest.param([(0, {"eta_time": 10**400}), (10, {"eta_time": 10**400 - 10})], id="no number a clock could show"),
]


@pytest.mark.parametrize(("looks", "left"), BELIEVED)
def test_an_estimate_that_shrinks_as_time_passes_is_believed(
    looks: list[tuple[float, dict[str, float]]], left: float
) -> None:
    """In seconds or milliseconds, relative or absolute, from the second look that has one."""
    eta, now = eta_after(*looks), looks[-1][0]
    assert eta.left(now) == pytest.approx(left)
    assert eta.left(now + 20) == pytest.approx(left - 20)
    assert eta.left(now + 10_000) == 0


@pytest.mark.parametrize("looks", NOT_BELIEVED)
def test_any_other_estimate_is_not_believed(looks: list[tuple[float, dict[str, float]]]) -> None:
    """Frozen, zero, negative, in changing units or simply wrong: the schedule goes on without it."""
    assert eta_after(*looks).left(looks[-1][0] if looks else 0) is None


def test_a_day_is_believed_but_changes_little() -> None:
    """However far the end is said to be, looks are at most 28 % of the age apart."""
    eta = eta_after((0, {"eta_time": 86_000}), (10, {"eta_time": 85_990}))
    assert PollPolicy().interval(40, 0, eta.left(10)) == pytest.approx(0.28 * 40)
    assert PollPolicy().interval(4_000, 0, eta.left(10)) == 30


def test_an_estimate_that_stops_making_sense_is_dropped() -> None:
    """Belief has to be earned again after every odd answer."""
    eta = eta_after((0, {"eta_time": 60}), (10, {"eta_time": 50}))
    assert eta.left(10) == 50
    eta.note(left_of(Task(id=17, eta_time=50)), 20)
    assert eta.left(20) is None
    eta.note(left_of(Task(id=17, eta_time=40)), 30)
    assert eta.left(30) == 40


def test_noise_within_the_rate_since_the_first_estimate_does_no_harm() -> None:
    """What counts is how much has been lost since the first one: a step up on the way is forgiven."""
    eta = eta_after((0, {"eta_time": 60}), (10, {"eta_time": 45}), (12, {"eta_time": 50}))
    assert eta.left(12) == 50


def test_a_task_that_starts_late_is_believed_once_it_runs() -> None:
    """While it stands still nothing is believed, and the time that takes does not count against it later."""
    eta = eta_after(*((10.0 * number, {"eta_time": 60.0}) for number in range(60)))
    assert eta.left(590) is None
    eta.note(50, 600)
    assert eta.left(600) == 50


@pytest.mark.parametrize("unit", [1, 0.001], ids=["s", "ms"])
def test_where_an_earlier_task_was_right_the_first_estimate_is_taken_at_its_word(unit: float) -> None:
    """In the unit known from there, and the next ones within half and double of it."""
    assert eta_after((5, {"eta_time": 60 / unit}), known_unit=unit).left(5) == pytest.approx(60)
    for left, believed in [(110, True), (50, True), (21, True), (112, False), (19, False)]:
        eta = eta_after((5, {"eta_time": 60 / unit}), (14, {"eta_time": left / unit}), known_unit=unit)
        assert eta.unit == (unit if believed else None)
        eta.note((left - 9) / unit, 23, unit)
        assert eta.left(23) == pytest.approx(left - 9), "one that is out of line starts anew"


@pytest.mark.parametrize("told", [60, 0, -5, 10**9, 10**13])
def test_even_then_nonsense_is_not_believed(told: float) -> None:
    """What stands still, is over, or is years away."""
    assert eta_after((5, {"eta_time": told}), (6, {"eta_time": told}), known_unit=1).left(6) is None


ESTIMATES = st.none() | st.integers() | st.integers(0, 2 * 10**12) | st.floats(allow_nan=False, allow_infinity=False)


@UNHURRIED
@given(
    looks=st.lists(st.tuples(st.floats(0, 1_000), ESTIMATES, ESTIMATES), max_size=6),
    floor=st.floats(0, 10),
    room=st.floats(0, 100),
    jitter=st.floats(0, 1),
    chance=CHANCES,
    known_unit=st.sampled_from([None, 1.0, 0.001]),
)
def test_no_estimate_moves_the_interval_out_of_its_limits(
    looks: list[tuple[float, float | None, float | None]],
    floor: float,
    room: float,
    jitter: float,
    chance: float,
    known_unit: float | None,
) -> None:
    """Whatever the server says, a wait lasts from `floor`, less the jitter, to `ceiling`, and follows it only so far.

    For 28 % of the age, or up to the age of 25 s.
    """
    policy = PollPolicy(floor=floor, ceiling=floor + room, jitter=jitter)
    eta, now = Eta(), 0.0
    for passed, estimate, server_time in looks:
        now += passed
        eta.note(left_of(Task(id=17, eta_time=estimate, current_timestamp=server_time)), now, known_unit)
        wait = policy.interval(now, chance, eta.left(now))
        assert floor * (1 - jitter) - 1e-9 <= wait <= floor + room
        assert wait <= max(0.28 * now, 25 - now, floor)


#: What a server may say is left of a task, by its true duration and age.
LIES: dict[str, Callable[[float, float], float]] = {
    "half of what is left": lambda duration, age: (duration - age) / 2,
    "double of what is left": lambda duration, age: (duration - age) * 2,
    "four times what is left": lambda duration, age: (duration - age) * 4,
    "half the duration": lambda duration, age: max(0.0, duration / 2 - age),
    "double the duration": lambda duration, age: 2 * duration - age,
    "four times the duration": lambda duration, age: 4 * duration - age,
    "frozen": lambda duration, _: duration,
    "a year": lambda _, age: 365 * 86_400 - age,
    "growing": lambda duration, age: duration + age,
    "jumping": lambda duration, age: (duration - age) * (1.5 if int(age) % 2 else 0.5),
}


def told_by(estimate: Callable[[float, float], float], duration: float, unit: float, age: float) -> dict[str, float]:
    """The ETA fields of a server that estimates so."""
    return {"eta_time": estimate(duration, age) * unit}


@pytest.mark.parametrize("known", [False, True], ids=["first task", "trusted"])
@pytest.mark.parametrize("unit", [1, 1000], ids=["s", "ms"])
@pytest.mark.parametrize("lie", LIES)
def test_an_estimate_that_lies_costs_at_most_30_percent(lie: str, unit: float, known: bool) -> None:
    """However wrong the server is, no result is noticed later than 30 % of the duration after it was there."""
    chance = random.Random(17)
    for duration in durations(400, chance):
        told = partial(told_by, LIES[lie], duration, unit)
        ages = looks_at(duration, chance.random, told, known_unit=1 / unit if known else None)
        assert ages[-1] <= 1.30 * duration


@pytest.mark.parametrize("lie", ["frozen", "a year", "growing", "four times what is left"])
def test_what_does_not_shrink_as_time_passes_changes_no_look(lie: str) -> None:
    """The looks are those without any estimate."""
    for duration in durations(100, random.Random(17)):
        ages = looks_at(duration, lambda: 0.0, partial(told_by, LIES[lie], duration, 1))
        assert ages == looks_at(duration, lambda: 0.0)


def test_a_short_task_with_an_estimate_that_lies_is_noticed_at_25_seconds() -> None:
    """Later than without it, but no later than that, and a `first` below 5 s asks for more care."""
    told = partial(told_by, LIES["four times the duration"], 8.0, 1)
    assert looks_at(8.0, lambda: 0.0, told, known_unit=1) == [5, 25]
    assert looks_at(8.0, lambda: 0.0, told, PollPolicy(first=2), known_unit=1) == pytest.approx([2, 10])


@pytest.mark.parametrize("unit", [1, 1000], ids=["s", "ms"])
def test_an_exact_estimate_saves_most_looks(unit: float) -> None:
    """Fewer looks than without it, and none is later."""
    chance = random.Random(17)
    lags, looks, without = [], 0, 0
    for duration in durations(1_000, chance):
        ages = looks_at(duration, chance.random, partial(told_by, float.__sub__, duration, unit))
        lags.append(ages[-1] / duration - 1)
        looks += len(ages)
        without += len(looks_at(duration, chance.random))
    assert sum(lags) / len(lags) <= 0.01
    assert sorted(lags)[int(0.95 * len(lags))] <= 0.03
    assert looks <= 8 * len(lags)
    assert looks < 0.4 * without


def test_a_rough_estimate_saves_two_thirds_of_the_looks_once_it_is_trusted() -> None:
    """With an error of 25 %, half the job's own, half fresh at each look."""
    chance = random.Random(17)
    lags, looks, without = [], 0, 0
    for duration in durations(2_000, chance):
        own = chance.gauss(0, 1)

        def rough(duration: float, age: float, own: float = own) -> float:
            return (duration - age) * math.exp(0.25 * (own + chance.gauss(0, 1)) / math.sqrt(2))

        ages = looks_at(duration, chance.random, partial(told_by, rough, duration, 1), known_unit=1)
        lags.append(ages[-1] / duration - 1)
        looks += len(ages)
        without += len(looks_at(duration, chance.random))
    assert sum(lags) / len(lags) <= 0.02
    assert sorted(lags)[int(0.95 * len(lags))] <= 0.05
    assert looks < 0.34 * without


# --- What earlier tasks have taught ---------------------------------------------------------------------------------


def past_of(*ends: float) -> Past:
    """After tasks that were last seen unfinished at these ages."""
    past = Past()
    for age in ends:
        past.note_end(age)
    return past


def test_twenty_ends_teach_at_which_age_hardly_any_task_ends() -> None:
    """Fewer teach nothing; then it is the shortest, and of a hundred all but the three shortest."""
    assert past_of(*[60.0] * 19).quiet is None
    assert past_of(*[60.0] * 19, 40.0).quiet == 40
    assert past_of(*range(100)).quiet == 3
    assert past_of(*[60.0] * 97, 1, 2, 3).quiet == 60


def test_ends_are_forgotten_after_a_hundred_others() -> None:
    """Memory stays flat, and tasks that have become quicker or slower are noticed."""
    assert past_of(*[20.0] * 100, *[90.0] * 100).quiet == 90
    assert past_of(*[90.0] * 100, *[20.0] * 4).quiet == 20


def test_each_kind_of_task_teaches_for_itself() -> None:
    """Videos take longer than extractions."""
    known = KnownTasks.none()
    motion, video = TaskRef(task_id=1), TaskRef(task_id=2, image_url="https://x.test/a.jpg")
    known.past(motion).note_end(60)
    assert known.past(TaskRef(task_id=3)) == past_of(60)
    assert known.past(video) == Past()


def test_waits_are_longer_while_hardly_any_task_ends() -> None:
    """A quarter of the age instead of a tenth, up to the quiet age, then as ever."""
    policy = PollPolicy()
    assert policy.interval(8, 0, quiet=18) == pytest.approx(2)
    assert policy.interval(16, 0, quiet=18) == pytest.approx(2), "up to there"
    assert policy.interval(17.9, 0, quiet=18) == pytest.approx(1.79)
    assert policy.interval(20, 0, quiet=18) == pytest.approx(2)
    assert PollPolicy(ratio=0, floor=2).interval(8, 0, quiet=18) == 2, "an interval that was asked for stays"


def test_many_waits_leave_the_quiet_age_apart() -> None:
    """They would all look at that very age otherwise."""
    assert [PollPolicy().interval(16, chance, quiet=20) for chance in (0, 0.5, 1)] == pytest.approx([4, 3, 2])


@UNHURRIED
@given(age=st.floats(0, 10**4), chance=CHANCES, quiet=st.floats(0, 10**4), ratio=st.floats(0, 0.4))
def test_the_past_costs_a_quarter_of_the_age_at_most(age: float, chance: float, quiet: float, ratio: float) -> None:
    """By default; never more than 2.5 times the ratio, never beyond the quiet age, and never a look more."""
    policy = PollPolicy(ratio=ratio)
    without, wait = policy.interval(age, chance), policy.interval(age, chance, quiet=quiet)
    assert without <= wait <= policy.ceiling
    assert wait <= max(without, min(2.5 * ratio * age, quiet - age), policy.floor) * (1 + 1e-12)


# --- retry ----------------------------------------------------------------------------------------------------------


@attrs.define
class HandClock:
    """A clock that moves only when someone sleeps."""

    time: float = 100.0
    chance: float = 1.0
    slept: list[float] = attrs.field(factory=list)

    def now(self) -> float:
        return self.time

    def random(self) -> float:
        return self.chance

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@attrs.define
class Script:
    """A call that fails as told, one error after the other, then gives "done"; each try takes `takes` seconds."""

    clock: HandClock
    errors: list[BaseException]
    takes: float = 0.0
    tries: int = 0

    async def __call__(self) -> str:
        self.tries += 1
        self.clock.time += self.takes
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def limited(seconds: float | None) -> RateLimitError:
    error = RateLimitError("slow down", status=429)
    error.retry_after = seconds
    return error


def lost() -> APIConnectionError:
    return APIConnectionError("lost")


async def run(
    call: Callable[[], Awaitable[str]],
    clock: HandClock,
    policy: RetryPolicy | None = None,
    deadline: float | None = None,
) -> str:
    """`retry` on a hand clock; a `BadRequestError` is not worth another try."""
    return await retry(
        call,
        policy=policy or RetryPolicy(),
        clock=clock,
        sleep=clock.sleep,
        again=lambda error: not isinstance(error, BadRequestError),
        deadline=deadline,
    )


async def test_a_call_that_succeeds_is_made_once() -> None:
    """No wait, no second try."""
    clock = HandClock()
    script = Script(clock, [])
    assert await run(script, clock) == "done"
    assert (script.tries, clock.slept) == (1, [])


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_a_call_is_made_as_often_as_the_policy_says(attempts: int) -> None:
    """The last failure comes out as it is; after one less the call may still succeed."""
    clock = HandClock()
    failures = [lost() for _ in range(attempts)]
    script = Script(clock, list[BaseException](failures))
    with pytest.raises(APIConnectionError) as caught:
        await run(script, clock, RetryPolicy(attempts=attempts))
    assert caught.value is failures[-1]
    assert (script.tries, len(clock.slept)) == (attempts, attempts - 1)
    clock = HandClock()
    assert (
        await run(Script(clock, [lost() for _ in range(attempts - 1)]), clock, RetryPolicy(attempts=attempts)) == "done"
    )


async def test_waits_between_attempts_double_up_to_the_ceiling() -> None:
    """With the least lucky chance: 0.5, 1, 2, 3, 3 seconds."""
    clock = HandClock(chance=1.0)
    policy = RetryPolicy(attempts=6, initial=0.5, ceiling=3)
    await run(Script(clock, [lost() for _ in range(5)]), clock, policy)
    assert clock.slept == pytest.approx([0.5, 1, 2, 3, 3])
    lucky = HandClock(chance=0.0)
    await run(Script(lucky, [lost() for _ in range(5)]), lucky, policy)
    assert lucky.slept == [0, 0, 0, 0, 0]


async def test_a_failure_for_good_ends_it_at_once() -> None:
    """What `again` says no to is not tried again, whatever came before it."""
    clock = HandClock()
    final = BadRequestError("no", status=400)
    script = Script(clock, [lost(), final, lost()])
    with pytest.raises(BadRequestError) as caught:
        await run(script, clock)
    assert caught.value is final
    assert script.tries == 2


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(1)])
async def test_what_is_not_ours_passes_through(error: BaseException) -> None:
    """A bug, Ctrl-C and a cancellation come out untouched and at once."""
    clock = HandClock()
    script = Script(clock, [lost(), error])
    with pytest.raises(type(error)) as caught:
        await run(script, clock)
    assert caught.value is error
    assert script.tries == 2


async def test_patience_bounds_all_waiting_of_one_call() -> None:
    """A wait that would exceed it is not begun: the failure comes out at once."""
    clock = HandClock(chance=1.0)
    script = Script(clock, [lost() for _ in range(50)])
    with pytest.raises(APIConnectionError):
        await run(script, clock, RetryPolicy(attempts=50, initial=4, ceiling=4, patience=10))
    assert clock.slept == [4, 4]
    assert script.tries == 3


async def test_the_time_a_call_itself_takes_is_not_charged_to_patience() -> None:
    """Patience is for waiting; the deadline is for everything."""
    clock = HandClock(chance=1.0)
    script = Script(clock, [lost(), lost()], takes=1_000)
    assert await run(script, clock, RetryPolicy(initial=4, patience=10, ceiling=4)) == "done"


async def test_no_wait_goes_beyond_the_deadline() -> None:
    """The last failure comes out as soon as the next wait would reach it, not when it has passed."""
    clock = HandClock(time=100, chance=1.0)
    script = Script(clock, [lost() for _ in range(50)])
    with pytest.raises(APIConnectionError):
        await run(script, clock, RetryPolicy(attempts=50, initial=4, ceiling=4), deadline=110)
    assert clock.time == 108
    assert clock.slept == [4, 4]


async def test_a_429_waits_as_told_and_is_no_attempt() -> None:
    """Ten of them do not use up two attempts."""
    clock = HandClock()
    script = Script(clock, [limited(3.0) for _ in range(10)])
    assert await run(script, clock, RetryPolicy(attempts=2)) == "done"
    assert clock.slept == [3.0] * 10
    mixed = Script(clock, [limited(3.0), lost(), limited(3.0), lost()])
    with pytest.raises(APIConnectionError):
        await run(mixed, clock, RetryPolicy(attempts=2))


async def test_a_429_without_a_hint_waits_as_the_vendor_does() -> None:
    """Ten seconds and a little more, so that many callers do not come back at once."""
    for chance in (0.0, 0.5, 1.0):
        clock = HandClock(chance=chance)
        assert await run(Script(clock, [limited(None)]), clock) == "done"
        assert clock.slept == pytest.approx([UNTOLD_PAUSE * (1 + 0.1 * chance)])


@pytest.mark.parametrize("hint", [0.0, 0.25])
async def test_429s_that_say_now_do_not_make_a_hot_loop(hint: float) -> None:
    """The waits double, whatever chance says, and patience ends them."""
    clock = HandClock(chance=0.0)
    script = Script(clock, [limited(hint) for _ in range(1_000)])
    with pytest.raises(RateLimitError):
        await run(script, clock)
    assert clock.slept[:4] == pytest.approx([0.5, 1, 2, 4])
    assert script.tries < 20


async def test_a_429_beyond_patience_says_what_is_left_to_wait() -> None:
    """Nothing is waited for in vain: the error comes at once, with the seconds the server asked for."""
    clock = HandClock()
    script = Script(clock, [limited(50.0), limited(50.0), limited(50.0)])
    with pytest.raises(RateLimitError) as caught:
        await run(script, clock, RetryPolicy(patience=120))
    assert caught.value.retry_after == 50.0
    assert clock.slept == [50.0, 50.0]
    eternal = Script(clock, [limited(1e9)])
    with pytest.raises(RateLimitError) as caught:
        await run(eternal, clock)
    assert caught.value.retry_after == 1e9
    assert eternal.tries == 1


async def test_a_429_beyond_the_deadline_comes_out_at_once() -> None:
    """The same for the caller's own limit."""
    clock = HandClock()
    script = Script(clock, [limited(50.0)])
    with pytest.raises(RateLimitError) as caught:
        await run(script, clock, deadline=clock.now() + 50)
    assert (caught.value.retry_after, clock.slept) == (50.0, [])


async def test_an_untold_429_beyond_patience_says_what_is_left_to_wait() -> None:
    """Where the server gave no hint, what the client would have waited is the best there is."""
    clock = HandClock()
    with pytest.raises(RateLimitError) as caught:
        await run(Script(clock, [limited(None)]), clock, RetryPolicy(patience=5))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= UNTOLD_PAUSE


async def test_a_sleep_can_be_cancelled() -> None:
    """A cancellation that arrives between two attempts is not taken for a failure of the call."""
    clock = HandClock()
    script = Script(clock, [lost(), lost()])

    async def cancelled(_: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await retry(script, policy=RetryPolicy(), clock=clock, sleep=cancelled, again=lambda _: True)
    assert script.tries == 1


@pytest.mark.parametrize("policy", [RetryPolicy(attempts=1), RetryPolicy(attempts=3), RetryPolicy(patience=0)])
async def test_nothing_of_the_retry_library_comes_out(policy: RetryPolicy) -> None:
    """Errors, their causes and their contexts are ours."""
    clock = HandClock()
    with pytest.raises(KlingMotionError) as caught:
        await run(Script(clock, [InternalServerError("fault", status=503) for _ in range(9)]), clock, policy)
    error: BaseException | None = caught.value
    while error is not None:
        assert type(error).__module__ == "klingmotion.errors"
        error = error.__cause__ or error.__context__


# --- poll -----------------------------------------------------------------------------------------------------------


async def test_a_poll_goes_on_until_it_sees_something() -> None:
    """The interval is asked for before every sleep, and the first look comes at once."""
    clock = HandClock()
    seen: list[str | None] = [None, None, None, "done"]
    intervals = iter([1.0, 2.0, 4.0])

    async def look() -> str | None:
        return seen.pop(0)

    assert await poll(look, interval=lambda: next(intervals), sleep=clock.sleep) == "done"
    assert clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("value", [0, "", False, ()])
async def test_anything_but_none_ends_a_poll(value: object) -> None:
    """An empty answer is an answer."""
    clock = HandClock()

    async def look() -> object:
        return value

    assert await poll(look, interval=lambda: 1.0, sleep=clock.sleep) is value
    assert clock.slept == []


@pytest.mark.parametrize("error", [lost(), ValueError("bug"), asyncio.CancelledError(), limited(3)])
async def test_what_a_look_raises_ends_a_poll(error: BaseException) -> None:
    """It comes out as it is: which failed looks are survived is for the look to say."""
    clock = HandClock()
    failures: list[BaseException] = [error]

    async def look() -> str | None:
        if clock.slept:
            raise failures.pop()
        return None

    with pytest.raises(type(error)) as caught:
        await poll(look, interval=lambda: 1.0, sleep=clock.sleep)
    assert caught.value is error
    assert clock.slept == [1.0]


async def test_a_poll_has_no_limit_of_its_own() -> None:
    """Ten thousand looks are as good as one; deadlines belong to the look."""
    clock = HandClock()

    async def look() -> str | None:
        return "done" if len(clock.slept) == 10_000 else None

    assert await poll(look, interval=lambda: 30.0, sleep=clock.sleep) == "done"
    assert clock.time == 100 + 10_000 * 30.0
