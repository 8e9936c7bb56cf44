"""What each command does, and how it shows it: lines, JSON lines, a terminal."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import frozen

import klingmotion
from klingmotion import TaskRef
from klingmotion.cli.app import COMMANDS
from klingmotion.emulator import Outcome, Replace, Slow, StallBefore, Status, ThreadedEmulator
from tests.cli.shell import environment, names, objects, on_terminal, resumed, run, run_apart, running


def _png(side: int) -> bytes:
    """A black square."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes((side + 1) * side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# --- demo -----------------------------------------------------------------------------------------------------------


@frozen
class Demos:
    """The demo as it went in a pipe and on a terminal."""

    piped: subprocess.CompletedProcess[str]
    seconds: float
    code: int
    shown: str


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Demos:
    """Both at the same time: each takes its three seconds, which it owes to the eye."""
    folder = tmp_path_factory.mktemp("demo")
    settings = {"USEAPI_EMAIL": "me@example.org", "KLINGMOTION_BASE_URL": "http://127.0.0.1:9"}
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "klingmotion", "demo", "--out", str(folder / "piped")]
    with ThreadPoolExecutor() as pool:
        terminal = pool.submit(on_terminal, "demo", "--out", folder / "shown")
        began = time.monotonic()
        piped = subprocess.run(
            command,
            env=environment(None, settings),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        taken = time.monotonic() - began
        return Demos(piped, taken, *terminal.result())


def test_the_demo_runs_the_main_job_without_a_token(demos: Demos) -> None:
    """In less than ten seconds, without a warning, it shows every step and saves a BVH.

    Settings meant for the real API do not reach the emulator, nor the other way round.
    """
    done = demos.piped
    assert done.returncode == 0, done.stderr
    assert demos.seconds < 10
    bvh = Path(done.stdout.removesuffix("\n"))
    assert bvh.read_text().startswith("HIERARCHY")
    for step in ("uploading 190.5 kB", "submitted as task", "processing", "succeed", "listing", "downloading", "saved"):
        assert f"walk.mp4: {step}" in done.stderr
    assert "nothing was extracted from the video" in done.stderr


def test_on_a_terminal_the_demo_draws_and_leaves_only_what_lasts(demos: Demos) -> None:
    """The moving part is erased; the end is a line, and the path the last one."""
    shown = demos.shown
    assert demos.code == 0, shown
    for word in ("uploading", "190.5/190.5 kB", "submitted", "processing"):
        assert word in shown
    assert "\x1b[2K" in shown
    *_, last = shown.splitlines()
    assert Path(last).suffix == ".bvh"
    assert "✓" in shown
    assert "saved" not in shown


def test_without_colour_and_unicode_the_terminal_is_served_as_well(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """NO_COLOR and an ASCII terminal are respected."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    settings = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    code, shown = on_terminal("wait", str(task.id), "--out", tmp_path, emulator=emulator, settings=settings)
    assert code == 0, shown
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", shown) is None
    assert shown.isascii()
    assert f"+ task {task.id}: done" in shown


# --- extract --------------------------------------------------------------------------------------------------------


def test_one_failure_stops_no_other_clip(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """The exit code is that of the first in the row that failed, the answers are those of the others."""
    second = Path(shutil.copy(clip, tmp_path / "second.mp4"))
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    emulator.fail("submit_motion", Status.moderation())
    emulator.next_tasks(Outcome(at_submit=True))
    done = run("extract", clip, second, text, "--out", tmp_path / "out", emulator=emulator)
    assert done.returncode == 4
    assert "text.mp4: failed: " in done.stderr
    [bvh] = done.stdout.splitlines()
    assert Path(bvh).exists()


def test_clips_of_the_same_name_are_told_apart(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """Where names are not enough, lines begin with paths."""
    done = run("extract", tmp_path / "a/clip.mp4", tmp_path / "b/clip.mp4", emulator=emulator)
    assert done.returncode == 2
    assert f"{tmp_path}/a/clip.mp4: failed" in done.stderr
    assert f"{tmp_path}/b/clip.mp4: failed" in done.stderr


def test_an_own_cover_is_uploaded_once_for_all_clips(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """It goes with every submit; what is no image is refused before anything is sent."""
    cover = tmp_path / "cover.png"
    cover.write_bytes(_png(320))
    refused = run("extract", clip, "--cover", clip, emulator=emulator)
    assert refused.returncode == 2
    assert emulator.books.count() == 0
    emulator.next_tasks(Outcome(at_submit=True), Outcome(at_submit=True))
    done = run("extract", clip, clip, "--cover", cover, "--out", tmp_path / "out", emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert emulator.books.count("upload_asset") == 3
    submits = [request.body or {} for request in emulator.books.seen("submit_motion")]
    assert [str(body["coverUrl"]).rpartition(".")[2] for body in submits] == ["png", "png"]
    assert len({body["resourceUrl"] for body in submits}) == 2


def test_the_time_limit_covers_the_upload(emulator: ThreadedEmulator, clip: Path) -> None:
    """An upload that does not come to its end is given up, and nothing was submitted."""
    emulator.fail("upload_asset", StallBefore(60.0))
    done = run("extract", clip, "--timeout", "0.5", emulator=emulator)
    assert done.returncode == 6
    assert "nothing was submitted" in done.stderr
    assert emulator.books.count("submit_motion") == 0


def test_in_json_every_step_is_an_object(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """The steps come in order, name the clip, and the last one holds motion and files; stderr is silent."""
    emulator.next_tasks(Outcome(at_submit=True))
    done = run("extract", clip, "--out", tmp_path, "--json", emulator=emulator)
    assert (done.returncode, done.stderr) == (0, "")
    found = objects(done.stdout)
    saved = [document["file"] for document in found if document["event"] == "saved"]
    assert sorted(map(str, saved)) == ["binary", "bvh", "bvh_archive", "cover", "video"]
    others = [name for name in names(found) if name != "saved"]
    assert others == ["uploading", "uploaded", "submitting", "submitted", "downloading", "done"]
    assert names(found)[-6:] == ["saved"] * 5 + ["done"]
    assert {document["clip"] for document in found} == {str(clip)}
    submitted, last = found[3], found[-1]
    assert submitted["task_id"] == last["task_id"] == emulator.books.tasks[0].task_id
    assert TaskRef.parse(str(submitted["ref"])).task_id == submitted["task_id"]
    motion, files = last["motion"], last["files"]
    assert isinstance(motion, dict)
    assert isinstance(files, dict)
    assert motion["taskId"] == last["task_id"]
    assert Path(files["bvh"]).read_text().startswith("HIERARCHY")


def test_in_json_an_error_is_an_object_as_well(emulator: ThreadedEmulator, clip: Path) -> None:
    """Kind, message and exit code, whether it concerns a clip or the command."""
    emulator.fail("submit_motion", Status.moderation())
    done = run("submit", clip, "--json", emulator=emulator)
    error = objects(done.stdout)[-1]
    assert (done.returncode, done.stderr) == (4, "")
    assert (error["event"], error["clip"], error["kind"]) == ("error", str(clip), "ModerationError")
    assert (error["exit_code"], error["task_id"]) == (4, None)
    assert "community guidelines" in str(error["message"])
    done = run("extract", clip, "--json")
    [error] = objects(done.stdout)
    assert (error["event"], error["clip"], error["exit_code"], done.returncode) == ("error", None, 3, 3)


# --- submit and wait ------------------------------------------------------------------------------------------------


def test_what_submit_prints_is_what_wait_takes(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """The reference on stdout finds the task again, and carries the account."""
    done = run(
        "submit", clip, "--reply-url", "http://127.0.0.1:9/", "--email", "performer@example.com", emulator=emulator
    )
    assert done.returncode == 0, done.stderr
    ref = done.stdout.strip()
    assert f"klingmotion wait '{ref}'" in done.stderr
    assert TaskRef.parse(ref).email == "performer@example.com"
    [task] = emulator.books.tasks
    emulator.run(lambda inner: inner.end_task(task.task_id))
    waited = run("wait", ref, "--out", tmp_path / "out", "--json", emulator=emulator)
    assert names(objects(waited.stdout)) == ["waiting", "changed", "listing", "downloading", *["saved"] * 5, "done"]
    assert run("wait", ref, emulator=emulator).stdout.endswith("bvh.zip\n")


# --- list, download, delete -----------------------------------------------------------------------------------------


def test_a_list_in_a_pipe_is_lines_of_columns(emulator: ThreadedEmulator) -> None:
    """Task id, work id, asset id, name and BVH link between tabs; a tab in a name is spelled out."""
    motion = emulator.run(lambda inner: inner.add_motion("A\tB", task_id=17))
    done = run("list", emulator=emulator)
    [line] = done.stdout.splitlines()
    task, work, asset, name, link = line.split("\t")
    assert (task, work, asset, name) == ("17", str(motion.work_id), "", "A\\tB")
    assert link.startswith("http")


def test_a_download_on_a_terminal_shows_bytes_rate_and_time_left(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """One bar for each clip, which is gone in the end."""
    emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    emulator.fail("file", Slow(22_000))
    code, shown = on_terminal("download", "17", "--parts", "bvh", "--out", tmp_path, emulator=emulator)
    assert code == 0, shown
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    drawn = re.findall(r"motion 17 +downloading +\d+% +[━╸╺]+ +(\d+\.\d)/\d+\.\d kB +\d+\.\d kB/s +0:0\d left", shown)
    assert len(drawn) > 1
    assert drawn == sorted(drawn, key=float)


def test_a_list_on_a_terminal_is_a_table(emulator: ThreadedEmulator) -> None:
    """With a head and the columns that somebody has an entry for."""
    code, shown = on_terminal("list", "--official", emulator=emulator)
    assert code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"work +name +tag +files", shown)
    assert re.search(r"-100000000000001 +Walk +Everyday", shown)


def test_a_list_in_json_is_the_motions_as_the_api_spells_them(emulator: ThreadedEmulator) -> None:
    """One object each; an empty list is none."""
    assert run("list", "--json", emulator=emulator).stdout == ""
    emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    [found] = objects(run("list", "--json", emulator=emulator).stdout)
    assert (found["event"], found["task_id"]) == ("motion", 17)
    assert isinstance(found["motion"], dict)
    assert found["motion"]["workName"] == "One"


def test_a_motion_is_downloaded_by_task_id_or_work_id(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """An official template has a negative work id, which is no option."""
    motion = emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    for number in ("17", str(motion.work_id), "-100000000000001"):
        done = run("download", number, "--out", tmp_path / number, emulator=emulator)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).read_text().startswith("HIERARCHY")
    done = run("download", "18", "--json", emulator=emulator)
    assert [(found["event"], found["ref"]) for found in objects(done.stdout)] == [("error", None)]
    done = run("download", "18", emulator=emulator)
    assert (done.returncode, done.stdout) == (5, "")
    assert "klingmotion wait 18" in done.stderr


@pytest.mark.parametrize("wanted", [["--parts", "bvh,video"], ["--parts", "video", "--parts", " bvh"]])
def test_parts_that_are_named_are_saved_and_no_others(
    emulator: ThreadedEmulator, tmp_path: Path, wanted: list[str]
) -> None:
    """Between commas or in several options; each part is told of on one line."""
    emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    done = run("download", "17", *wanted, "--out", tmp_path, emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path}/One-17.bvh\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["One-17-bvh.zip", "One-17.bvh", "One-17.mp4"]
    said = done.stderr.splitlines()
    assert said[0] == "motion 17: downloading"
    assert sorted(said[1:3]) == [
        "motion 17: saved One-17.bvh and the archive it came in",
        "motion 17: saved One-17.mp4",
    ]
    assert said[3].startswith("motion 17: done in ")


def test_each_file_that_is_saved_is_an_event(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """The BVH and the archive it came in are two; each path is there when it is told of."""
    motion = emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    done = run("download", "17", "--parts", "bvh", "--out", tmp_path, "--json", emulator=emulator)
    first, bvh, archive, last = objects(done.stdout)
    ids = {"clip": None, "task_id": 17, "work_id": motion.work_id}
    assert first == {"event": "downloading", **ids, "received": 0, "total": None}
    assert bvh == {"event": "saved", **ids, "file": "bvh", "path": f"{tmp_path}/One-17.bvh"}
    assert archive == {"event": "saved", **ids, "file": "bvh_archive", "path": f"{tmp_path}/One-17-bvh.zip"}
    assert Path(str(bvh["path"])).exists()
    files = {"bvh": bvh["path"], "bvh_archive": archive["path"], "binary": None, "video": None, "cover": None}
    assert last["files"] == files


def test_a_part_that_fails_loses_no_other(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """What was saved is told of, and the command that fetches the same again is printed."""
    emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    emulator.fail("file", Status(403))
    done = run("download", "17", "--out", tmp_path, "--email", "performer@example.com", emulator=emulator)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line for line in done.stderr.splitlines() if line.startswith("motion 17: saved ")]
    assert len(told) == 3
    assert "saved all the same: " in done.stderr
    assert "Links do not last\n" in done.stderr
    _, wait, ref, *rest = resumed(done.stderr)
    assert [wait, *rest] == ["wait", "--out", str(tmp_path)]
    assert TaskRef.parse(ref) == TaskRef(task_id=17, email="performer@example.com")


def test_a_part_that_the_motion_lacks_is_told(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """The error names it, and a note names the others."""
    emulator.fail("list_motions", Replace([{"workName": "One", "workId": 5, "taskId": 17}]))
    done = run("download", "17", "--parts", "bvh,cover", "--out", tmp_path, emulator=emulator)
    assert (done.returncode, done.stdout) == (1, "")
    assert "this motion has no bvh" in done.stderr
    assert "not saved either: cover" in done.stderr


def test_a_delete_in_json_is_an_object(emulator: ThreadedEmulator) -> None:
    """With the works that went with the task."""
    motion = emulator.run(lambda inner: inner.add_motion("One", task_id=17))
    [found] = objects(run("delete", "17", "--yes", "--json", emulator=emulator).stdout)
    works = {"deleted": 1, "work_ids": [motion.work_id]}
    assert found == {"event": "deleted", "clip": None, "task_id": 17, **works}


@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\x04", 130, 1)])
def test_a_delete_asks_first(emulator: ThreadedEmulator, typed: str, code: int, left: int) -> None:
    """Yes deletes; no does not, nor does the end of the input."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    ended, shown = on_terminal("delete", str(task.id), emulator=emulator, typed=typed)
    assert ended == code, shown
    assert f"Delete task {task.id}" in shown
    assert emulator.books.count("delete_task") == 1 - left


# --- emulate --------------------------------------------------------------------------------------------------------


def test_the_emulator_says_how_it_is_reached_and_what_it_is_asked() -> None:
    """Its two lines are all another command needs; Ctrl-C is how it is meant to end."""
    with running("emulate", "--max-jobs", "2") as command:
        lines = [command.until("export", command.process.stdout) for _ in range(2)]
        settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        assert settings.keys() == {"KLINGMOTION_BASE_URL", "USEAPI_TOKEN"}
        assert run("list", settings=settings).returncode == 0
        command.until("200 GET    /v1/kling/videos/motions")
        code, _, talk = command.interrupt()
    assert code == 0
    assert talk.endswith("Stopped.\n")


# --- help -----------------------------------------------------------------------------------------------------------


def test_the_help_names_every_command_and_gives_examples() -> None:
    """Commands, examples, exit codes; each command has a help of its own."""
    done = run_apart("--help")
    assert done.returncode == 0
    for word in (
        "demo",
        "emulate",
        "extract",
        "submit",
        "wait",
        "list",
        "download",
        "delete",
        "create",
        "assets",
        "tasks",
        "accounts",
        "capacity",
        "running",
        "Examples",
        "Exit codes",
    ):
        assert word in done.stdout
    assert "--emulator" in run("extract", "-h").stdout


@pytest.mark.parametrize("command", [name for name, *_ in COMMANDS])
def test_on_a_narrow_terminal_the_help_names_every_option_whole(command: str) -> None:
    """And what takes no value does not look as if it did, but for `--help`."""
    done = run(command, "-h", settings={"COLUMNS": "66" if command == "batch" else "60"})
    assert done.returncode == 0
    assert "…" not in done.stdout
    assert done.stdout.count("<bool>") == 1


def test_the_version_is_the_packages() -> None:
    """One line on stdout."""
    assert run_apart("--version").stdout == f"klingmotion {klingmotion.__version__}\n"
