"""The emulated service without a wire: plain calls, with the time as a number."""

from __future__ import annotations

import pytest

from klingmotion.emulator import Account, ByTime, Outcome, Task
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.ledger import PLAIN_CLIP, Ledger
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.rules import Lag, Rules
from klingmotion.emulator.state import State
from klingmotion.emulator.tasks import Submission

NOW = 1_760_000_000.0


def _state(**rules: object) -> tuple[State, Ledger, Submission]:
    state = State(Rules(**rules), [Account("a@example.com", max_jobs=2)])  # type: ignore[arg-type]  # by name
    state.serve_at("http://host")
    ledger = state.ledger(None)
    asset = state.assets.add(ledger, Blob.of(b"clip"), PLAIN_CLIP, "mp4", state.new_ms(NOW))
    return state, ledger, Submission(resource_url=asset.resource_url, cover_url=asset.cover_url)


def test_moves_are_made_at_their_due_time_however_late_they_are_noticed() -> None:
    """Settling once after a minute gives the times a watcher would have seen."""
    state, ledger, submission = _state(progress=ByTime(2, 6))
    moves: list[tuple[str, int]] = []
    state.on_move = lambda task: moves.append((task.state, task.updated))
    task = state.submit(ledger, submission, None, NOW)
    assert state.next_due == pytest.approx(NOW + 2, abs=0.01)
    state.settle(NOW + 60)
    assert state.next_due is None
    assert [state_name for state_name, _ in moves] == ["processing", "succeed"]
    assert [at - task.created for _, at in moves] == [pytest.approx(2000, abs=10), pytest.approx(8000, abs=10)]


def test_each_task_keeps_its_own_pace() -> None:
    """An outcome may bring its own progress; tasks end in the order of their times, not of their submits."""
    state, ledger, submission = _state()
    ended: list[Task] = []
    state.on_move = lambda task: None if task.open else ended.append(task)
    state.outcomes.extend([Outcome(progress=ByTime(0, 180)), Outcome(progress=ByTime(0, 20))])
    slow, fast = (state.submit(ledger, submission, None, NOW) for _ in range(2))
    state.settle(NOW + 100)
    assert ended == [fast]
    state.settle(NOW + 200)
    assert ended == [fast, slow]


def test_a_vanished_task_gives_its_slot_back() -> None:
    """The limit counts what runs; what vanished runs no more, and time moves it no more."""
    state, ledger, submission = _state(progress=ByTime(1, 1))
    tasks = [state.submit(ledger, submission, None, NOW) for _ in range(2)]
    with pytest.raises(Refused):
        state.submit(ledger, submission, None, NOW)
    state.vanish(tasks[0], NOW)
    state.submit(ledger, submission, None, NOW)
    state.settle(NOW + 10)
    assert [task.state for task in tasks] == ["failed", "succeed"]


def test_a_lag_needs_its_looks_and_its_seconds() -> None:
    """Both must be over before a new thing is shown."""
    state, ledger, submission = _state(history_delay=Lag(looks=1, seconds=5))
    state.submit(ledger, submission, None, NOW)

    def shown(at: float) -> int:
        return len(ledger.history(before=None, after=None, limit=10, now=at))

    assert [shown(NOW), shown(NOW + 4), shown(NOW + 5), shown(NOW + 4)] == [0, 0, 1, 1]


def test_no_two_things_are_born_in_one_millisecond() -> None:
    """A listing paged by time of birth can lose nothing."""
    state, ledger, submission = _state()
    born = [state.submit(ledger, submission, 50, NOW).created for _ in range(50)]
    assert len(set(born)) == 50
    assert born == sorted(born)


def test_accounts_have_names_of_their_own() -> None:
    """Two accounts cannot share an email."""
    with pytest.raises(ValueError, match="two accounts"):
        State(Rules(), [Account("a@example.com"), Account("a@example.com")])
