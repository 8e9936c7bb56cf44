"""What one run still owes, and how far it has come (behaviour B5)."""

from __future__ import annotations

import asyncio

from klingmotion.batch.journal import Row, State
from klingmotion.batch.outcome import Outcome
from klingmotion.batch.register import BatchTotals, Input, Register
from tests.batch.test_outcome import NOW


def row(key: str, state: State = State.DONE) -> Row:
    return Row(
        key=key, source=f"/clips/{key}.mp4", content_hash=key, params="{}", state=state, created_at=NOW, updated_at=NOW
    )


def register() -> tuple[Register, list[Outcome]]:
    told: list[Outcome] = []
    return Register(told.append), told


async def test_every_input_of_a_clip_gets_an_outcome_of_its_own() -> None:
    """One clip under three names: three outcomes, each with its name and place."""
    owed, told = register()
    for source, index in [("a.mp4", 0), ("b.mp4", 4), ("a.mp4", 5)]:
        owed.open("k", Input(source, index))
    assert owed.source(row("k")) == "a.mp4"
    owed.settle(row("k"))
    assert [(outcome.source, outcome.index) for outcome in told] == [("a.mp4", 0), ("b.mp4", 4), ("a.mp4", 5)]
    assert "k" not in owed
    assert owed.totals(slots=0).done == 3


async def test_a_clip_that_only_the_journal_names_gets_one_outcome() -> None:
    """Under the path it had, with no place among the inputs: once it is sure that none is yet to come."""
    owed, told = register()
    for key in "kl":
        owed.open(key)
    assert owed.source(row("k")) == "/clips/k.mp4"
    owed.settle(row("k"))
    assert told == []
    assert owed.totals(slots=0).done == 1
    owed.close_intake()
    owed.settle(row("l"))
    assert [(outcome.source, outcome.index) for outcome in told] == [("/clips/k.mp4", None), ("/clips/l.mp4", None)]
    assert owed.totals(slots=0).done == 2


async def test_a_clip_that_was_over_before_its_input_came_has_one_outcome_all_the_same() -> None:
    """A run that goes on may be quicker than the list of its clips; what it saw of the task is not lost."""
    owed, told = register()
    owed.open("k")
    error = ZeroDivisionError("a bug")
    owed.settle(row("k", State.READY), error=error)
    owed.tell(row("k", State.READY), Input("k.mp4", 7), earlier=True)
    owed.tell(row("k", State.READY), Input("twin.mp4", 8), earlier=False)
    owed.close_intake()
    assert [(outcome.source, outcome.index, outcome.earlier) for outcome in told] == [
        ("k.mp4", 7, False),
        ("twin.mp4", 8, False),
    ]
    assert told[0].error is error


async def test_outcomes_are_handed_out_as_they_come() -> None:
    """And everyone who asked hears of each."""
    owed, told = register()
    owed.close_intake()
    owed.settle(row("b"))
    owed.settle(row("a", State.FAILED))
    assert [owed.outcomes.get_nowait() for _ in range(2)] == told


async def test_it_is_over_when_all_is_taken_in_and_only_doubtful_clips_are_left() -> None:
    """Those get one more look."""
    owed, _ = register()
    owed.open("a")
    owed.open("b")
    assert not owed.is_over
    owed.close_intake()
    assert not owed.is_over
    owed.doubtful["b"] = row("b", State.UNCERTAIN)
    owed.settle(row("a"))
    assert owed.is_over
    owed.settle(row("b", State.UNCERTAIN))
    assert owed.is_over
    assert owed.doubtful == {}


async def test_totals_count_every_clip_once() -> None:
    """What is over, what runs, what waits."""
    owed, _ = register()
    for key in "abcdefg":
        owed.open(key)
    owed.running |= {"d", "e"}
    owed.settle(row("a"))
    owed.settle(row("b", State.FAILED))
    owed.settle(row("c", State.SUBMITTED))
    owed.settle(row("d", State.UNCERTAIN))
    assert owed.totals(slots=5) == BatchTotals(
        done=1, failed=1, unfinished=1, uncertain=1, running=1, waiting=2, slots=5
    )


async def test_what_has_not_begun_can_be_dropped() -> None:
    """A batch that is stopped owes nothing for it; what runs, and what is in doubt, it still does."""
    owed, told = register()
    for key in "abcd":
        owed.open(key)
    owed.running.add("a")
    owed.doubtful["b"] = row("b", State.UNCERTAIN)
    owed.drop_waiting()
    assert [key in owed for key in "abcd"] == [True, True, False, False]
    owed.drop("a")
    assert "a" not in owed
    assert told == []


async def test_inputs_are_taken_in_only_as_outcomes_are_consumed() -> None:
    """A slow reader slows the intake: memory stays flat."""
    owed, told = register()
    for _ in range(3):
        await owed.take_in(3)
    waiting = asyncio.create_task(owed.take_in(3))
    await asyncio.sleep(10)
    assert not waiting.done()
    owed.open("k", Input("a.mp4", 0))
    owed.settle(row("k"))
    await asyncio.sleep(10)
    assert not waiting.done(), "it is written down, and nobody has it yet"
    owed.consumed(told[0])
    await asyncio.sleep(10)
    assert waiting.done()
