"""Exit codes, and which stream says what, seen from the shell."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from klingmotion import TaskRef
from klingmotion.emulator import ByTime, Fault, Outcome, Status, ThreadedEmulator
from tests.cli.shell import COMMAND, START, environment, resumed, run, run_apart


def test_done_is_0_and_the_answer_alone_is_on_stdout(emulator: ThreadedEmulator, clip: Path, tmp_path: Path) -> None:
    """A clip that becomes a motion: the path of the BVH on stdout, the steps on stderr."""
    emulator.next_tasks(Outcome(at_submit=True))
    done = run_apart("extract", clip, "--out", tmp_path / "out", emulator=emulator)
    assert done.returncode == 0, done.stderr
    bvh = Path(done.stdout.removesuffix("\n"))
    assert bvh.parent == tmp_path / "out"
    assert bvh.read_text().startswith("HIERARCHY")
    said = done.stderr.splitlines()
    assert [line.removeprefix("walk.mp4: ").split()[0] for line in said] == [
        "uploading", "uploaded", "submitting", "submitted", "downloading", *["saved"] * 4, "done"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extract"], "Missing argument"),
        (["extract", "/nowhere.mp4"], "nowhere.mp4: failed: /nowhere.mp4 cannot be read: No such file or directory\n"),
        (["extract", "."], ".: failed: . is not a file\n"),
        (["extract", "clip.mp4", "--timeout", "-1"], "--timeout"),
        (["extract", "clip.mp4", "--timeout", "abc"], "'abc' is no number of seconds"),
        (["extract", "clip.mp4", "--timeout", "nan"], "'nan' is no number of seconds"),
        (["wait", "seventeen"], "(expected digits, or the reference that `klingmotion submit` printed)"),
        (["wait", "17", "--parts", "bvh"], "--out"),
        (["download", "17", "--parts", "bvh,bhv"], "'bhv' is no part of a motion: take some of bvh, binary, video,"),
        (["extract", "clip.mp4", "--parts", ""], "'' is no part of a motion"),
        (["delete", '{"klingmotion":1,"reply_ref":"km-1"}', "--yes"], "`klingmotion wait` looks for the task first"),
        (["delete", "17"], "--yes"),
        (["list", "--email", "nobody"], "--email or $USEAPI_EMAIL must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_is_2(emulator: ThreadedEmulator, arguments: list[str], said: str) -> None:
    """What cannot be meant is refused before anything is sent."""
    done = run(*arguments, emulator=emulator)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert emulator.books.count() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "walk.mp4"],
        ["create", "--image", "walk.mp4", "--motion", "walk.mp4"],
        ["batch", "walk.mp4", "--journal", "run.db"],
        ["wait", "17"],
        ["download", "17"],
    ],
    ids=" ".join,
)
def test_a_directory_that_takes_no_files_is_2(
    emulator: ThreadedEmulator, clip: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It is seen before anything is sent, paid for or waited for."""
    monkeypatch.chdir(clip.parent)
    for out, said in {
        "walk.mp4": "walk.mp4 is a file, not a directory",
        "walk.mp4/out": "no files can be saved in ",
    }.items():
        done = run(*arguments, "--out", out, emulator=emulator)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "to resume" not in done.stderr
    assert emulator.books.count() == 0
    assert [path.name for path in clip.parent.iterdir()] == ["walk.mp4"]


@pytest.mark.parametrize("token", [None, "example"])
def test_a_token_that_is_missing_or_malformed_is_3(token: str | None) -> None:
    """The message says where the token comes from, and does not repeat it."""
    done = run("list", settings={} if token is None else {"USEAPI_TOKEN": token})
    assert (done.returncode, done.stdout) == (3, "")
    assert "token" in done.stderr


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Status.bad_request(), 2),
        (Status.unauthorized(), 3),
        (Status.account_error(), 3),
        (Status.asset_unknown(), 4),
        (Status.moderation(), 4),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Status) else "",
)
def test_a_submit_that_is_refused(emulator: ThreadedEmulator, clip: Path, fault: Fault, code: int) -> None:
    """The account's trouble and the input's have different exit codes; nothing is left to be resumed."""
    emulator.fail("submit_motion", fault)
    done = run("submit", clip, emulator=emulator)
    assert (done.returncode, done.stdout) == (code, "")
    assert "walk.mp4: failed: " in done.stderr
    assert "to resume" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(emulator.books.tasks) == 0


def test_a_task_that_failed_is_5(emulator: ThreadedEmulator) -> None:
    """The server's own words are shown."""
    failing = Outcome(end="failed", error="No person was found")
    task = emulator.run(lambda inner: inner.add_task(outcome=failing, ended=True))
    done = run("wait", str(task.id), emulator=emulator)
    assert (done.returncode, done.stdout) == (5, "")
    assert "No person was found" in done.stderr
    assert "to resume" not in done.stderr
    assert done.stderr.count(": failed") == 1


def test_a_task_that_is_unknown_is_5(emulator: ThreadedEmulator) -> None:
    """Waiting for it, deleting it and letting go of it end alike, and nothing is left to wait for."""
    for arguments in (["wait", "17"], ["delete", "17", "--yes"], ["running", "--untrack", "17"]):
        done = run(*arguments, emulator=emulator)
        assert (done.returncode, done.stdout) == (5, "")
        assert "to resume" not in done.stderr


def test_a_wait_that_takes_too_long_is_6_and_can_be_resumed(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """The command on stderr goes on where this one gave up."""
    task = emulator.run(lambda inner: inner.add_task())
    done = run("wait", str(task.id), "--timeout", "0.3", "--out", tmp_path / "my out", emulator=emulator)
    assert (done.returncode, done.stdout) == (6, "")
    command, wait, ref, *rest = resumed(done.stderr)
    assert [command, wait, *rest] == ["klingmotion", "wait", "--out", str(tmp_path / "my out")]
    assert TaskRef.parse(ref).task_id == task.id
    assert "(last seen: submitted). The task goes on" in done.stderr
    assert "wait_for_motion" not in done.stderr


def test_a_task_of_the_commands_own_emulator_does_not_go_on(clip: Path, tmp_path: Path) -> None:
    """It ends with the command: nobody is told to wait for it."""
    done = run("extract", clip, "--emulator", "--timeout", "1.2", "--out", tmp_path)
    assert (done.returncode, done.stdout) == (6, "")
    assert "was not final after" in done.stderr
    assert "goes on" not in done.stderr
    assert "to resume" not in done.stderr


def test_a_submit_left_unclear_is_7_and_can_be_resumed(emulator: ThreadedEmulator) -> None:
    """While the lists cannot be read nobody can know; the reference stays good."""
    emulator.fail("list_running", Status(503), times=None)
    emulator.fail("list_tasks", Status(503), times=None)
    ref = TaskRef(reply_ref="km-1", resource_url="https://cdn.example.test/in/walk.mp4")
    done = run("wait", str(ref), "--timeout", "0.3", emulator=emulator)
    assert (done.returncode, done.stdout) == (7, "")
    assert f"klingmotion wait '{ref}'\n" in done.stderr
    assert (
        "`klingmotion tasks` shows what there is; to submit again is your own choice, and may pay twice" in done.stderr
    )


def test_a_file_that_cannot_be_saved_is_1_and_can_be_resumed(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """The motion is there and paid for: only its files have to be fetched again."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    emulator.fail("file", Status(403))
    done = run("wait", str(task.id), "--out", tmp_path, emulator=emulator)
    assert (done.returncode, done.stdout) == (1, "")
    assert "to resume:\n    klingmotion wait " in done.stderr


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["list"], ["list", "--json"], ["wait", "TASK"], ["extract", "CLIP", "--json"]],
    ids=" ".join,
)
def test_an_answer_that_cannot_be_written_is_1(emulator: ThreadedEmulator, clip: Path, arguments: list[str]) -> None:
    """As on a full disk: it is told what cannot be written and why, and nothing is called a bug."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    named = {"TASK": str(task.id), "CLIP": str(clip)}
    words = [named.get(word, word) for word in arguments]
    with FULL.open("w") as full:
        done = run_apart(*words, emulator=emulator, out=full)
    assert done.returncode == 1, done.stderr
    assert "stdout cannot be written: No space left on device" in done.stderr
    assert "report it" not in done.stderr
    assert "Exception" not in done.stderr
    assert emulator.books.count("submit_motion") == 0


def test_an_api_that_cannot_be_reached_says_what_to_check() -> None:
    """In words, without those of the library beneath."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    done = run("capacity", settings={"KLINGMOTION_BASE_URL": f"http://{address}", "USEAPI_TOKEN": "user:1-example"})
    assert done.returncode == 1
    assert f"Cannot connect to host {address} [" in done.stderr
    assert done.stderr.endswith("\n  check the network, the proxy or $KLINGMOTION_BASE_URL\n")


def test_an_emulator_that_cannot_listen_is_2() -> None:
    """A port that is taken is told, not traced."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("emulate", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_text_that_cannot_be_printed_is_spelled_out(emulator: ThreadedEmulator) -> None:
    """Neither half a character nor a control sequence from the server reaches the terminal, or crashes."""
    emulator.fail("list_motions", Status(401, '{"error": "half \\ud800, clear \\u001b[2J"}'))
    done = run_apart("list", emulator=emulator, settings={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 3
    assert "half \\ud800, clear \\x1b[2J" in done.stderr


def test_without_the_extra_the_command_that_installs_it_is_shown() -> None:
    """A package missing is no traceback."""
    start = f"import sys; sys.modules['typer'] = None; {START}"
    command = [*COMMAND[:-1], start, "demo"]
    done = subprocess.run(command, env=environment(None), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "klingmotion[cli]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_log_and_never_the_token(emulator: ThreadedEmulator) -> None:
    """The log is on stderr: each request by its path, and the traceback of what went wrong."""
    emulator.fail("list_motions", Status.unauthorized())
    done = run_apart("--debug", "list", emulator=emulator)
    assert done.returncode == 3
    assert "GET /videos/motions: 401 in 0." in done.stderr
    assert "mine=true" not in done.stderr
    assert "Traceback" in done.stderr
    assert emulator.token not in done.stderr


def test_an_account_that_is_not_linked_is_a_matter_of_accounts(
    emulator: ThreadedEmulator, clip: Path, tmp_path: Path
) -> None:
    """The API says 400 to it; a batch names its own option."""
    wrong = "nobody@example.com"
    options: list[str | Path] = ["--journal", tmp_path / "run.db", "--out", tmp_path]
    for arguments in (["list", "--email", wrong], ["submit", clip, "--email", wrong]):
        assert run(*arguments, emulator=emulator).returncode == 3
    done = run("batch", clip, *options, "--account", wrong, emulator=emulator)
    assert done.returncode == 3
    assert "`--account`" in done.stderr
    assert "--email" not in done.stderr


def test_a_running_task_that_cannot_be_deleted_says_why(emulator: ThreadedEmulator) -> None:
    """There is nothing to delete before it has works."""
    task = emulator.run(lambda inner: inner.add_task(outcome=Outcome(progress=ByTime(600, 600))))
    done = run("delete", str(task.id), "--yes", emulator=emulator)
    assert done.returncode == 5
    assert "a task has no works before its end" in done.stderr
    assert "`klingmotion running --untrack`" in done.stderr


def test_resume_is_another_name_of_wait(emulator: ThreadedEmulator) -> None:
    """It is what somebody looks for after an interruption."""
    task = emulator.run(lambda inner: inner.add_task(ended=True))
    done = run("resume", str(task.id), emulator=emulator)
    assert (done.returncode, done.stdout) == (0, run("wait", str(task.id), emulator=emulator).stdout)
