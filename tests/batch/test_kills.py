"""A batch that is killed, again and again, at every change of its journal and in between.

The judge is the emulator, whose books know every task it made. `KLINGMOTION_BATCH_CLIPS` and
`KLINGMOTION_BATCH_KILLS` make the sweeps as long as wanted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from klingmotion.emulator import Account, ByTime, Chaos, Emulator, StallAfter, ThreadedEmulator
from klingmotion.emulator.chaos import DEFAULT_KINDS
from tests.emulator.clips import mp4

ROOT = Path(__file__).parent.parent.parent
CLIPS = int(os.environ.get("KLINGMOTION_BATCH_CLIPS", "5"))
KILLS = int(os.environ.get("KLINGMOTION_BATCH_KILLS", "6"))
ACCOUNTS = ("a@example.com", "b@example.com")
LIMIT = 3

#: Changes after which a run is killed at the latest. The first dozen only takes up what the run before left.
LONGEST_RUN = 40

#: Seconds that an unclear submit is looked for, here where nothing is far away.
SETTLE = 1.5


class Stage:
    """An emulator, clips, and the journal of a batch over them."""

    def __init__(self, directory: Path, emulator: ThreadedEmulator, *, clips: int) -> None:
        self.emulator = emulator
        self.directory = directory
        self.clips = directory / "clips"
        self.clips.mkdir()
        for number in range(clips):
            (self.clips / f"{number:04}.mp4").write_bytes(mp4(5.0, padding=number + 1))
        self.journal = directory / "run.db"
        self.runs = 0
        self.kills = 0

    def run(self, *, kill_after_seconds: float | None = None, **orders: Any) -> list[dict[str, Any]] | None:
        """Run the batch; its outcomes, or `None` if it was killed."""
        orders = {
            "url": self.emulator.url,
            "token": self.emulator.token,
            "clips": str(self.clips),
            "journal": str(self.journal),
            "out": str(self.directory / "out"),
            "accounts": ACCOUNTS,
            "settle": SETTLE,
            **orders,
        }
        self.runs += 1
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.batch.runner", json.dumps(orders)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, errors = process.communicate(timeout=kill_after_seconds or 300)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            if kill_after_seconds is None:
                raise
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            return None
        assert process.returncode == 0, errors[-3000:]
        return [json.loads(line) for line in output.splitlines()]

    def tasks_of_clips(self) -> Counter[str]:
        """How many tasks the emulator made of each clip, whatever URL it was uploaded to."""

        def count(emulator: Emulator) -> Counter[str]:
            uploaded = [emulator._state.assets.at(task.resource_url) for task in emulator.books.tasks]
            return Counter(asset.blob.sha256 for asset in uploaded if asset is not None)

        return self.emulator.run(count)

    def assert_once_each(self) -> None:
        """One task, and one set of files, for every clip; and no account ever above its limit."""
        counts = self.tasks_of_clips()
        clips = len(list(self.clips.iterdir()))
        assert {count for count in counts.values() if count != 1} == set()
        assert len(counts) == clips
        tasks = {str(task.task_id) for task in self.emulator.books.tasks}
        saved = [path.stem.rsplit("-", 1)[-1] for path in (self.directory / "out").glob("*.bvh")]
        assert sorted(saved) == sorted(tasks)
        assert not list((self.directory / "out").glob(".*"))
        assert max(self.emulator.books.open_tasks.values()) <= LIMIT
        assert self.emulator.token.encode() not in self.journal.read_bytes()


@contextmanager
def staged(directory: Path, *, clips: int = CLIPS, processing: float = 0.1, **options: Any) -> Iterator[Stage]:
    accounts = [Account(email, max_jobs=LIMIT) for email in ACCOUNTS]
    emulator = Emulator(accounts=accounts, progress=ByTime(0.05, processing), **options)
    with ThreadedEmulator(emulator) as running:
        yield Stage(directory, running, clips=clips)


def finish(stage: Stage, *, runs: int = 1, **orders: Any) -> None:
    """Run it to its end, where chaos may leave a clip to the next run.

    A submit that was killed on its way time after time stays uncertain until the user has it sent again, and one that
    nothing proves absent until others were submitted long enough ago. Whether that pays twice, the books tell.
    """
    outcomes: list[dict[str, Any]] | None = None
    for _ in range(runs):
        outcomes = stage.run(**orders)
        assert outcomes is not None
        if {outcome["status"] for outcome in outcomes} == {"done"}:
            return
    if {outcome["status"] for outcome in outcomes or ()} == {"done", "uncertain"}:
        outcomes = stage.run(**orders, resubmit_uncertain=True)
        if {outcome["status"] for outcome in outcomes or ()} == {"done"}:
            return
    raise AssertionError([outcome for outcome in outcomes or () if outcome["status"] != "done"])


def sweep(stage: Stage, *, after: bool, runs: int = 1) -> None:
    """Kill each run at its next change but one, two, three and so on, until a run comes to the end."""
    change = 1
    while stage.run(kill={"change": change, "after": after}) is None:
        change = change % LONGEST_RUN + 1
    finish(stage, runs=runs)


def assert_well(stage: Stage) -> None:
    stage.assert_once_each()
    print(f"\n{len(list(stage.clips.iterdir()))} clips, {stage.runs} runs, {stage.kills} kills")  # noqa: T201  # the figures of a long sweep, shown with -s


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_batch_killed_at_every_change_of_its_journal_pays_for_no_clip_twice(tmp_path: Path, after: bool) -> None:
    """B1, B2: whatever was written last, the next run goes on from there."""
    with staged(tmp_path) as stage:
        sweep(stage, after=after)
        assert_well(stage)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_batch_killed_under_chaos_pays_for_no_clip_twice(tmp_path: Path, after: bool) -> None:
    """B1, B2, S2: the same while a fifth of all requests goes wrong."""
    kinds = tuple(kind for kind in DEFAULT_KINDS if kind != "rate_limited")  # a pause of 10 s is no matter of kills
    with staged(tmp_path, chaos=Chaos(seed=3, rate=0.2, stall=0.3, kinds=kinds)) as stage:
        sweep(stage, after=after, runs=20)
        assert_well(stage)


def test_a_batch_killed_at_any_moment_pays_for_no_clip_twice(tmp_path: Path) -> None:
    """B1, B2: at random, in the middle of a POST too, which takes its time here."""
    chance = random.Random(4)
    with staged(tmp_path, clips=max(CLIPS, 3 * KILLS), processing=max(0.5, KILLS / 40)) as stage:
        stage.emulator.fail("submit_motion", StallAfter(0.2), times=None)
        for _ in range(KILLS):
            stage.run(kill_after_seconds=chance.uniform(0.6, 1.6))
        finish(stage)
        assert stage.kills
        assert_well(stage)


def test_without_looking_for_it_a_killed_submit_is_paid_twice(tmp_path: Path) -> None:
    """The control: what the journal alone would do. If this one finds no task twice, the others prove nothing."""
    with staged(tmp_path) as stage:
        assert stage.run(kill={"state": "submitted"}) is None
        with closing(sqlite3.connect(stage.journal)) as journal, journal:
            blind = journal.execute("UPDATE rows SET state = 'assets' WHERE state = 'submitting'").rowcount
        assert blind
        finish(stage)
        assert max(stage.tasks_of_clips().values()) == 2
