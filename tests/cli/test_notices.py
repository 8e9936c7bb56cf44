"""What holds a command up is told on stderr as it happens, so that nobody takes it for dead."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import klingmotion
from klingmotion import KlingMotionError, Task, TaskRef
from klingmotion.cli.display import Lines
from klingmotion.cli.notices import WORDS
from klingmotion.cli.track import Track
from klingmotion.emulator import DropAfter, DropBefore, Fault, Outcome, Status, ThreadedEmulator
from klingmotion.emulator.artefacts import cover_png
from tests.cli.shell import run
from tests.virtual_time import run_virtual


@pytest.mark.parametrize(
    ("endpoint", "fault", "said"),
    [
        ("submit_motion", Status(429, headers={"Retry-After": "0.2"}), "429 to the submit of a motion extraction"),
        ("upload_asset", DropBefore(), "; trying again in "),
        ("submit_motion", DropAfter(), "no clear answer: looking for the task, for up to 60 s"),
        ("submit_motion", DropAfter(), "the submit was accepted: its task is found"),
    ],
)
def test_each_step_of_a_submit_that_takes_longer_is_told(
    emulator: ThreadedEmulator, clip: Path, endpoint: str, fault: Fault, said: str
) -> None:
    """Above all where it is paid for."""
    emulator.next_tasks(Outcome(at_submit=True))
    emulator.fail(endpoint, fault)
    done = run("submit", clip, emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    assert len(emulator.books.tasks) == 1


def test_a_look_that_fails_is_told(emulator: ThreadedEmulator) -> None:
    """With its reason; programs hear of the end only."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    emulator.fail("get_task", Status(503))
    done = run("wait", str(task.id), "--json", emulator=emulator)
    assert (done.returncode, done.stderr) == (0, "")
    emulator.fail("get_task", Status(503))
    done = run("wait", str(task.id), emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert re.search(r"a look failed: GET /tasks/\d+ was answered with 503\n", done.stderr)


def test_the_upload_of_a_cover_is_a_step_as_well(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """It goes before all clips."""
    cover = tmp_path / "cover.png"
    cover.write_bytes(cover_png(320, 320))
    emulator.next_tasks(Outcome(at_submit=True))
    done = run("extract", clip, "--cover", cover, "--out", tmp_path / "out", emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert [line.partition(" (")[0] for line in done.stderr.splitlines()[:2]] == [
        "cover.png: uploading 3.2 kB",
        "cover.png: uploaded",
    ]


def test_what_is_told_of_is_what_the_library_logs() -> None:
    """Word for word: a line that is logged in other words would no longer be told of."""
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(klingmotion.__file__).parent.glob("*.py"))
    assert [text for text in WORDS if f'("{text}"' not in sources] == []


def test_a_long_wait_says_once_a_minute_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """In a log or a pipe nothing else tells it from one that hangs; what is new is told at once, and counts anew."""

    async def story() -> None:
        lines = Lines()
        track = Track(lines, "walk.mp4", ref=TaskRef(task_id=17), clock=asyncio.get_running_loop().time)
        track.begin()
        track.waiting()
        await asyncio.sleep(150)
        track.changed(Task(id=17, status=10, status_name="processing"))
        await asyncio.sleep(70)
        track.failed(KlingMotionError("gone"))
        await asyncio.sleep(300)

    run_virtual(story())
    assert capsys.readouterr().err.splitlines() == [
        "walk.mp4: waiting for task 17",
        "walk.mp4: waiting, 1:00 so far",
        "walk.mp4: waiting, 2:00 so far",
        "walk.mp4: processing",
        "walk.mp4: processing, 3:30 so far",
        "walk.mp4: failed: gone",
    ]
