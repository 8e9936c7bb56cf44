"""Ctrl-C at every stage: what is left behind, and the command that goes on from there."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from klingmotion import TaskRef
from klingmotion.cli.interrupts import ENDINGS
from klingmotion.emulator import ByTime, DropAfter, Outcome, StallAfter, StallBefore, ThreadedEmulator
from tests.cli.shell import COMMAND, START, environment, objects, once, resumed, run, running

#: Where Ctrl-C can come before a command has begun: while modules load, the application is built, its words are read.
EARLY = {
    "loading": "sys.modules['klingmotion.cli.app'] = Pressed('app')",
    "building": "import typer; typer.Typer = press",
    "reading": "import klingmotion.cli.app as app; app.debug = press",
}


@pytest.mark.parametrize("early", EARLY.values(), ids=list(EARLY))
def test_before_the_command_has_begun_it_ends_without_a_word(early: str) -> None:
    """There is nothing to say where it was left."""
    press = """
import sys, types
def press(*_, **__): raise KeyboardInterrupt
class Pressed(types.ModuleType):
    def __getattr__(self, name): press()
"""
    command = [*COMMAND[:-1], f"{press}{early}\n{START}", "--debug", "journal", "show", "none.db"]
    done = subprocess.run(command, env=environment(None), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr


def test_during_the_upload_nothing_was_submitted(emulator: ThreadedEmulator, clip: Path) -> None:
    """Nothing is lost, so there is nothing to resume."""
    emulator.fail("upload_asset", StallBefore(60.0))
    with running("extract", clip, emulator=emulator) as command:
        command.until("walk.mp4: uploading")
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    assert talk.endswith("walk.mp4: failed: interrupted; nothing was submitted\n")


def test_during_the_submit_it_is_unknown_and_found_again(
    emulator: ThreadedEmulator, clip: Path, tmp_path: Path
) -> None:
    """The server has accepted but not answered: the command printed finds that very task."""
    emulator.next_tasks(Outcome(end="failed", error="found again"))
    emulator.fail("submit_motion", StallAfter(60.0))
    with running("extract", clip, "--out", tmp_path, emulator=emulator) as command:
        command.until("walk.mp4: submitting")
        once(emulator, lambda books: len(books.tasks) == 1)
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    assert "interrupted during the submit; it is unknown whether it was accepted" in talk
    emulator.run(lambda inner: inner.end_task(inner.books.tasks[0].task_id))
    assert "found again" in run(*resumed(talk)[1:], emulator=emulator).stderr
    assert len(emulator.books.tasks) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDINGS], ids=lambda number: number.name)
def test_during_the_wait_the_task_goes_on(
    emulator: ThreadedEmulator, clip: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """The command printed waits for it and saves what was to be saved; a service that is stopped prints it, too."""
    with running("extract", clip, "--out", tmp_path, emulator=emulator) as command:
        command.until("walk.mp4: submitted as task")
        code, out, talk = command.interrupt(number)
    assert (code, out) == (130, "")
    [task] = emulator.books.tasks
    assert f"walk.mp4: failed: interrupted; task {task.task_id} goes on" in talk
    emulator.run(lambda inner: inner.end_task(task.task_id))
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path
    assert len(emulator.books.tasks) == 1


def test_during_the_download_the_files_stay_available(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """The command printed fetches them, those that were wanted and no others; half a file is never left."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    emulator.fail("file", StallBefore(60.0), times=None)
    with running("wait", str(task.id), "--out", tmp_path, "--parts", "bvh,cover", emulator=emulator) as command:
        command.until(f"task {task.id}: downloading")
        once(emulator, lambda books: books.count("file") > 0)
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    assert f"task {task.id} is done and its files stay available" in talk
    assert list(tmp_path.iterdir()) == []
    emulator.run(lambda inner: inner.heal("file"))
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_text().startswith("HIERARCHY")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bvh", ".png", ".zip"]


def test_a_submit_alone_is_found_again_as_well(emulator: ThreadedEmulator, clip: Path) -> None:
    """`submit` knows the mark of its submit before the answer."""
    emulator.fail("submit_motion", StallBefore(60.0))
    with running("submit", clip, emulator=emulator) as command:
        command.until("walk.mp4: submitting")
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    ref = TaskRef.parse(resumed(talk)[2])
    assert ref.task_id is None
    assert ref.reply_ref
    assert ref.resource_url
    assert ref.sent_at is not None


def test_clips_that_wait_their_turn_were_never_begun(emulator: ThreadedEmulator, clip: Path) -> None:
    """Four are under way at once; each clip is told of by itself."""
    clips = [Path(shutil.copy(clip, clip.with_name(f"{number}.mp4"))) for number in range(6)]
    emulator.fail("upload_asset", StallBefore(60.0), times=None)
    with running("extract", *clips, emulator=emulator) as command:
        for _ in range(4):
            command.until("uploading")
        once(emulator, lambda books: books.count("upload_asset") == 4)
        code, _, talk = command.interrupt()
    assert code == 130
    assert emulator.books.count("upload_asset") == 4
    assert talk.count("failed: interrupted; nothing was submitted") == 6


def test_in_json_the_interruption_is_an_object(emulator: ThreadedEmulator) -> None:
    """Programs get the reference and the command, too."""
    task = emulator.run(lambda inner: inner.add_task())
    with running("wait", str(task.id), "--json", emulator=emulator) as command:
        command.until('"changed"', command.process.stdout)
        code, out, talk = command.interrupt()
    assert (code, talk) == (130, "")
    [error] = [document for document in objects(out) if document["event"] == "error"]
    assert (error["exit_code"], error["task_id"]) == (130, task.id)
    assert TaskRef.parse(str(error["ref"])).task_id == task.id


def test_what_the_emulator_did_is_not_resumed(clip: Path, tmp_path: Path) -> None:
    """Its task is gone with it."""
    with running("extract", clip, "--emulator", "--out", tmp_path) as command:
        command.until("walk.mp4: submitted as task")
        code, _, talk = command.interrupt()
    assert code == 130
    assert "the task was the emulator's and is gone with it" in talk
    assert "to resume" not in talk


def test_a_reader_that_leaves_ends_the_command_without_a_word(emulator: ThreadedEmulator, clip: Path) -> None:
    """As in `klingmotion list | head -1`, also while several clips are under way."""
    emulator.run(lambda inner: inner.add_motion())
    for arguments in (["list"], ["extract", clip, clip, "--json"]):
        with running(*arguments, emulator=emulator) as command:
            assert command.process.stdout is not None
            command.process.stdout.close()
            assert command.process.stderr is not None
            assert command.process.stderr.read() == ""
        assert command.process.returncode == 1


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["", "json"])
def test_a_reader_that_leaves_is_told_what_was_paid_for(
    emulator: ThreadedEmulator, clip: Path, tmp_path: Path, json: tuple[str, ...]
) -> None:
    """As in `klingmotion extract a.mp4 b.mp4 | head -1`: one is answered, the other's task goes on."""
    emulator.next_tasks(Outcome(progress=ByTime(600, 600)), Outcome(progress=ByTime(1, 1)))
    with running("extract", clip, clip, "--out", tmp_path, *json, emulator=emulator) as command:
        assert command.process.stdout is not None
        for _ in range(2):
            if json:
                command.until('"submitted"', command.process.stdout)
            else:
                command.until("submitted as task")
        command.process.stdout.close()
        assert command.process.stderr is not None
        talk = command.process.stderr.read()
    assert command.process.returncode == 1
    assert str(emulator.books.tasks[0].task_id) in re.findall(r'klingmotion wait .*"task_id":(\d+)', talk)


def test_a_listener_that_leaves_ends_nothing(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """As in `klingmotion extract clip.mp4 2> >(head -1)`: the work may be paid for, and the answer comes."""
    with running("extract", clip, "--out", tmp_path, emulator=emulator) as command:
        command.until("submitting")
        assert command.process.stderr is not None
        command.process.stderr.close()
        assert command.process.stdout is not None
        assert command.process.stdout.read().strip().endswith(".bvh")
    assert command.process.returncode == 0


def test_an_answer_that_got_lost_is_no_second_submit(emulator: ThreadedEmulator, clip: Path) -> None:
    """The command line adds no retry of its own: one clip, one task."""
    emulator.next_tasks(Outcome(at_submit=True))
    emulator.fail("submit_motion", DropAfter())
    done = run("submit", clip, emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert len(emulator.books.tasks) == 1
    assert TaskRef.parse(done.stdout).task_id == emulator.books.tasks[0].task_id
