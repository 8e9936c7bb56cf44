"""`klingmotion batch`: what it takes, what it shows, how it ends, and how it goes on."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from klingmotion import TaskRef
from klingmotion.cli.clips import clips
from klingmotion.cli.interrupts import ENDINGS, endings_are_interrupts, in_two_steps
from klingmotion.cli.overview import Overview
from klingmotion.cli.runs import Order
from klingmotion.cli.tally import Standing
from klingmotion.cli.track import Track
from klingmotion.emulator import (
    Account,
    Emulator,
    Html,
    Outcome,
    Pass,
    StallBefore,
    Status,
    ThreadedEmulator,
)
from klingmotion.errors import InvalidRequestError
from tests.cli.shell import Object, names, objects, on_terminal, once, resumed, run, run_apart, running
from tests.emulator.clips import mp4

FULL = Path("/dev/full")

AT_ONCE = Outcome(at_submit=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four clips and something else, in a directory."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.mp4").write_bytes(mp4(5.0, padding=number))
    (folder / "notes.txt").write_text("no clip")
    return folder


def at_once(emulator: ThreadedEmulator, count: int = 4) -> None:
    """Let the next tasks end with their submit."""
    emulator.next_tasks(*[AT_ONCE] * count)


def options(tmp_path: Path) -> list[str | Path]:
    """Where the journal and the files go."""
    return ["--journal", tmp_path / "run.db", "--out", tmp_path / "out"]


def totals(documents: list[Object]) -> Object:
    """The last object of `--json`."""
    assert documents[-1]["event"] == "totals"
    return documents[-1]


# --- what it does ---------------------------------------------------------------------------------------------------


def test_every_clip_of_a_directory_becomes_a_motion(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """The paths are the answer; a line for each clip and the totals are the talk."""
    at_once(emulator)
    done = run("batch", folder, *options(tmp_path), emulator=emulator)
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 4
    assert all(path.read_text().startswith("HIERARCHY") for path in paths)
    said = done.stderr.splitlines()
    assert sorted(line.partition(":")[0] for line in said[:-1]) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    for path in paths:
        assert any(line.endswith(f": {path}") for line in said)
    assert said[-1] == "4 clips: 4 done"
    assert len(emulator.books.tasks) == 4


def test_paths_are_printed_as_the_directory_was_given(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other command prints them, although the journal has them from the root."""
    monkeypatch.chdir(tmp_path)
    at_once(emulator, 2)
    done = run("batch", folder / "0.mp4", "--journal", "run.db", "--out", "out", emulator=emulator)
    assert done.returncode == 0, done.stderr
    [path] = done.stdout.splitlines()
    assert Path(path).parent == Path("out")
    assert f": {path}\n" in done.stderr
    done = run("batch", folder / "1.mp4", "--journal", "run.db", "--out", "out", "--json", emulator=emulator)
    files = next(document["files"] for document in objects(done.stdout) if document["event"] == "outcome")
    assert isinstance(files, dict)
    assert str(files["bvh"]).startswith("out/")


def test_a_second_run_pays_for_nothing_and_lists_nothing(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """What was done before is counted, whether it is named again or not."""
    at_once(emulator)
    run("batch", folder, *options(tmp_path), emulator=emulator)
    for again in ([folder], []):
        done = run("batch", *again, *options(tmp_path), emulator=emulator)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "4 clips: 4 done before\n")
    assert len(emulator.books.tasks) == 4


def test_failures_are_told_with_their_reason_and_counted_by_kind(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """One kind of reason gives its exit code; trying again has to be asked for, by the command shown."""
    emulator.fail("submit_motion", Status.moderation(), times=2)
    at_once(emulator, 2)
    done = run("batch", folder, *options(tmp_path), emulator=emulator)
    assert done.returncode == 4
    assert len(done.stdout.splitlines()) == 2
    assert len(re.findall(r"^\d\.mp4: failed: .*500", done.stderr, re.MULTILINE)) == 2
    *_, whole, table, advice, command = done.stderr.splitlines()
    assert (whole, table) == ("4 clips: 2 done, 2 failed", "  failed  2  ModerationError")
    assert advice == "to try again what failed, which is paid for again:"
    again = run("batch", folder, *options(tmp_path), emulator=emulator)
    assert again.returncode == 4
    assert "4 clips: 2 done before, 2 failed before\n  failed before  2  ModerationError\n" in again.stderr
    assert len(emulator.books.tasks) == 2
    unnamed = run("batch", *options(tmp_path), emulator=emulator)
    assert (unnamed.returncode, unnamed.stderr) == (4, again.stderr)
    at_once(emulator, 2)
    retried = run(*shlex.split(command)[1:], emulator=emulator)
    assert retried.returncode == 0, retried.stderr
    assert "4 clips: 2 done, 2 done before" in retried.stderr
    assert len(emulator.books.tasks) == 4


def test_failures_of_several_kinds_are_1(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """Clips end in no certain order, so no single one decides."""
    (folder / "text.mp4").write_text("no video")
    emulator.fail("submit_motion", Status.moderation())
    at_once(emulator)
    done = run("batch", folder, *options(tmp_path), emulator=emulator)
    assert done.returncode == 1
    assert "5 clips: 3 done, 2 failed\n" in done.stderr
    assert "  failed  1  InvalidRequestError\n  failed  1  ModerationError\n" in done.stderr


def test_uncertain_ones_alone_are_7_and_can_be_resumed(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """While the lists cannot be read nobody can know; the next run finds the task, and pays for no other."""
    emulator.next_tasks(AT_ONCE)
    emulator.fail("submit_motion", Html(502))
    for lists in ("list_tasks", "list_running"):
        emulator.fail(lists, Status(503), times=None)
    clip = folder / "0.mp4"
    done = run("batch", clip, *options(tmp_path), "--settle", "0.2", emulator=emulator)
    assert done.returncode == 7, done.stderr
    assert "0.mp4: uncertain: " in done.stderr
    assert "1 clip: 1 uncertain\n  uncertain  1  SubmitUncertainError\n" in done.stderr
    emulator.run(lambda inner: inner.heal())
    at_once(emulator)
    command = resumed(done.stderr)
    assert command[-2:] == ["--settle", "0.2"]
    done = run(*command[1:], "--resubmit-uncertain", emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert len(emulator.books.tasks) == 1


def test_in_json_each_outcome_is_an_object_and_the_last_has_the_totals(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """Those of an earlier run included; stderr is silent."""
    emulator.fail("submit_motion", Status.moderation())
    at_once(emulator, 3)
    done = run("batch", folder, *options(tmp_path), "--json", emulator=emulator)
    assert (done.returncode, done.stderr) == (4, "")
    found = objects(done.stdout)
    assert names(found) == ["outcome"] * 4 + ["totals"]
    good = next(document for document in found if document["status"] == "done")
    bad = next(document for document in found if document["status"] == "failed")
    assert (good["error"], bad["files"], good["earlier"], good["emulated"]) == (None, None, False, False)
    assert isinstance(good["files"], dict)
    assert Path(good["files"]["bvh"]).exists()
    assert TaskRef.parse(str(good["ref"])).task_id == good["task_id"]
    assert isinstance(bad["error"], dict)
    assert (bad["error"]["kind"], bad["error"]["exit_code"]) == ("ModerationError", 4)
    whole = totals(found)
    assert (whole["clips"], whole["done"], whole["failed"], whole["exit_code"]) == (4, 3, 1, 4)
    assert whole["kinds"] == {"failed": {"ModerationError": 1}}
    again = objects(run("batch", folder, *options(tmp_path), "--json", emulator=emulator).stdout)
    assert [document["earlier"] for document in again[:-1]] == [True] * 4
    assert (totals(again)["done_before"], totals(again)["failed_before"]) == (3, 1)


def test_several_accounts_share_the_work(folder: Path, tmp_path: Path) -> None:
    """Each within its own limit; parts that are not named are not saved."""
    linked = ["a@example.com", "b@example.com"]
    emulator = Emulator(accounts=[Account(email, 1) for email in linked])
    with ThreadedEmulator(emulator) as started:
        at_once(started)
        accounts = ["--account", ",".join(linked), "--parts", "bvh"]
        done = run("batch", folder, *options(tmp_path), *accounts, emulator=started)
        assert done.returncode == 0, done.stderr
        assert {task.account for task in started.books.tasks} == set(linked)
        none_named = run("batch", folder, "--journal", tmp_path / "b.db", "--out", tmp_path / "out", emulator=started)
    assert not list((tmp_path / "out").glob("*.mp4"))
    assert none_named.returncode == 2
    [said] = none_named.stderr.splitlines()  # neither totals nor a command that would end alike
    assert "name those to use with --account" in said


def test_an_account_that_can_do_no_more_ends_it_and_it_can_be_resumed(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """The reason and its exit code; what is left goes on with the command shown."""
    emulator.fail("submit_motion", Status.unauthorized(), times=None)
    done = run("batch", folder, *options(tmp_path), emulator=emulator)
    assert done.returncode == 3
    assert "left to the next run" in done.stderr
    assert "error: " in done.stderr
    emulator.run(lambda inner: inner.heal())
    at_once(emulator)
    assert run(*resumed(done.stderr)[1:], emulator=emulator).returncode == 0
    assert len(emulator.books.tasks) == 4


def test_a_journal_in_use_is_refused(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """Before anything is sent; the message names the process."""
    emulator.fail("upload_asset", StallBefore(60.0), times=None)
    with running("batch", folder, *options(tmp_path), emulator=emulator) as command:
        once(emulator, lambda books: books.count("upload_asset") == 4)
        done = run("batch", folder, *options(tmp_path), emulator=emulator)
        assert done.returncode == 1
        [said] = done.stderr.splitlines()
        assert f"in use by another run (process {command.process.pid})" in said
        assert emulator.books.count("upload_asset") == 4


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_a_clip_is_done_although_its_line_cannot_be_printed(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """The totals say what is true, and the reason is told."""
    at_once(emulator)
    with FULL.open("w") as full:
        done = run_apart("batch", folder / "0.mp4", *options(tmp_path), emulator=emulator, out=full)
    assert done.returncode == 1
    assert done.stderr.endswith("1 clip: 1 done\nerror: stdout cannot be written: No space left on device\n")


def test_what_was_refused_before_it_was_sent_is_not_paid_for_again(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """Nor does another try do better: only clips that were submitted are offered one."""
    (folder / "text.mp4").write_text("no video")
    at_once(emulator)
    for named in ([folder], []):
        done = run("batch", *named, *options(tmp_path), emulator=emulator)
        assert done.returncode == 2
        assert "5 clips: " in done.stderr
        assert "paid for" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "out", "x.mp4"], "--journal"),
        (["--journal", "empty", "--out", "out", "clips"], "empty is a directory; name the journal's file"),
        (["--journal", "none/run.db", "--out", "out", "clips"], "there is no directory none for the journal run.db"),
        (["--journal", "run.db", "x.mp4"], "--out"),
        (["--journal", "run.db", "--out", "out"], "there is no journal run.db to go on with"),
        (["--journal", "run.db", "--out", "out", "none/*.mp4"], "no file matches none/*.mp4"),
        (["--journal", "run.db", "--out", "out", "empty"], "empty has no file that ends in .mp4 or .mov"),
        (["--journal", "run.db", "--out", "clips", "clips"], "clips has clips in clips, where the videos of the"),
        (["--journal", "run.db", "--out", "out", "clips", "--settle", "0"], "settle must be"),
        (
            ["--journal", "run.db", "--out", "out", "clips", "--account", "nobody"],
            "'nobody' is not the address of a linked account",
        ),
        (["--journal", "run.db", "--out", "out", "clips", "--concurrency", "51"], "--concurrency"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_2(
    emulator: ThreadedEmulator,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    """Nothing is sent, and no journal is made."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(folder.parent)
    done = run("batch", *arguments, emulator=emulator)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert emulator.books.count() == 0
    assert not (tmp_path / "run.db").exists()


# --- clips ----------------------------------------------------------------------------------------------------------


def test_arguments_are_files_directories_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, sorted within one, each clip once; of a directory what it has itself, hidden files left out."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a.MOV", "c.txt", ".d.mp4", "in/e.mp4", "in/f [1].mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(*arguments: str) -> list[str]:
        return [str(clip) for clip in clips(arguments, out=Path("out"), saves_videos=True)]

    assert found("gone.mp4", ".") == ["gone.mp4", "a.MOV", "b.mp4"]
    assert found("**/*.mp4", "a.MOV") == ["b.mp4", "in/e.mp4", "in/f [1].mp4", "a.MOV"]
    assert found(f"{tmp_path}/in/e*") == [f"{tmp_path}/in/e.mp4"]
    assert found("in/f [1].mp4", "in") == ["in/f [1].mp4", "in/e.mp4"]


def test_results_are_never_taken_for_clips(tmp_path: Path) -> None:
    """A directory or pattern that has the results in it is refused, unless no videos are among them."""
    (tmp_path / "a.mp4").touch()
    for argument in (str(tmp_path), f"{tmp_path}/*.mp4"):
        with pytest.raises(InvalidRequestError, match="the next run would take these for clips"):
            clips([argument], out=tmp_path, saves_videos=True)
        assert clips([argument], out=tmp_path, saves_videos=False) == [tmp_path / "a.mp4"]


def test_the_command_that_goes_on_names_what_is_not_usual() -> None:
    """And the clips, as long as the journal does not have them all; `--retry-failed` only where it is asked for."""
    order = Order(
        arguments=("my clips", "b.mp4"),
        clips=(Path("b.mp4"),),
        journal=Path("run.db"),
        out=Path("out"),
        accounts=("a@example.com",),
        parts=("bvh", "video"),
        timeout=None,
        retry_failed=True,
        resubmit_uncertain=True,
    )
    rest = "--parts bvh,video --account a@example.com --timeout 0"
    common = f"klingmotion batch --journal run.db --out out {rest}"
    assert order.command(clips=True) == f"{common} --resubmit-uncertain 'my clips' b.mp4"
    assert order.command(clips=False, retry_failed=True) == f"{common} --retry-failed --resubmit-uncertain"


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


def test_the_first_ctrl_c_finishes_what_runs(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """Nothing more is submitted; the command shown does the rest, and every clip is paid for once."""
    at_once(emulator)
    emulator.fail("upload_asset", Pass(), times=2)
    emulator.fail("upload_asset", StallBefore(60.0), times=None)
    emulator.fail("file", StallBefore(1.5), times=8)
    with running("batch", folder, *options(tmp_path), "--parts", "bvh", emulator=emulator) as command:
        once(emulator, lambda books: books.count("file") >= 2)
        code, out, talk = command.interrupt()
    assert code == 130, talk
    assert "Stopping: finishing 2 running clips; Ctrl-C again to leave them to the next run\n" in talk
    assert len(out.splitlines()) == 2
    assert "4 clips: 2 done, 2 left to the next run\n" in talk
    assert len(emulator.books.tasks) == 2
    emulator.run(lambda inner: inner.heal())
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert "4 clips: 2 done, 2 done before\n" in done.stderr
    assert len(emulator.books.tasks) == 4


def test_after_ctrl_c_nothing_is_resumed_where_nothing_is_left(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path
) -> None:
    """What ran was all there was."""
    at_once(emulator)
    emulator.fail("file", StallBefore(1.0), times=None)
    with running("batch", folder / "0.mp4", *options(tmp_path), "--parts", "bvh", emulator=emulator) as command:
        once(emulator, lambda books: books.count("file") == 1)
        code, out, talk = command.interrupt()
    assert code == 130, talk
    assert "Stopping: finishing 1 running clip; Ctrl-C again to leave it to the next run\n" in talk
    assert len(out.splitlines()) == 1
    assert talk.endswith("1 clip: 1 done\n")


def test_the_second_ctrl_c_ends_at_once(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """Tasks go on; the command shown waits for them, and every clip is paid for once."""
    with running("batch", folder, *options(tmp_path), "--concurrency", "2", emulator=emulator) as command:
        once(emulator, lambda books: len(books.tasks) == 2)
        command.process.send_signal(signal.SIGINT)
        command.until("Stopping: ")
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    assert "Ending at once" in talk
    assert "4 clips: 4 left to the next run\n" in talk
    tasks = [task.task_id for task in emulator.books.tasks]
    assert len(tasks) == 2
    for task in tasks:
        emulator.run(partial(Emulator.end_task, task_id=task))
    at_once(emulator, 2)
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert "4 clips: 4 done\n" in done.stderr
    assert len(emulator.books.tasks) == 4


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_a_service_that_is_stopped_ends_at_once(
    emulator: ThreadedEmulator, folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Whoever sends SIGTERM does not wait for tasks of minutes; the next run goes on, and nothing is paid twice."""
    with running("batch", folder, *options(tmp_path), "--concurrency", "2", emulator=emulator) as command:
        once(emulator, lambda books: len(books.tasks) == 2)
        code, out, talk = command.interrupt(number)
    assert (code, out) == (130, "")
    assert "Stopping" not in talk
    assert "Ending at once" in talk
    assert "4 clips: 4 left to the next run\n" in talk
    for task in emulator.books.tasks:
        emulator.run(partial(Emulator.end_task, task_id=task.task_id))
    at_once(emulator, 2)
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert len(emulator.books.tasks) == 4


def test_in_json_an_interruption_is_in_the_totals(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """With the command that goes on; people are not talked to."""
    emulator.fail("upload_asset", StallBefore(60.0), times=None)
    with running("batch", folder, *options(tmp_path), "--json", emulator=emulator) as command:
        once(emulator, lambda books: books.count("upload_asset") > 0)
        code, out, talk = command.interrupt()
    assert (code, talk) == (130, "")
    whole = totals(objects(out))
    assert (whole["interrupted"], whole["exit_code"], whole["unfinished"]) == (True, 130, 4)
    assert str(whole["resume"]).startswith("klingmotion batch --journal ")


async def test_a_third_ctrl_c_breaks_off_whatever_runs() -> None:
    """And afterwards Ctrl-C means what it meant before."""
    loop = asyncio.get_running_loop()
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)  # whoever runs the tests in the background has it ignored
    first, second = asyncio.Event(), asyncio.Event()
    with in_two_steps(first.set, second.set):
        for step in (first, second):
            assert not step.is_set()
            os.kill(os.getpid(), signal.SIGINT)
            await step.wait()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert not loop.remove_signal_handler(signal.SIGINT)


class _PlainLoop(asyncio.SelectorEventLoop):
    """As on Windows: it cannot hear of signals by itself."""

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        raise NotImplementedError

    def remove_signal_handler(self, sig: int) -> bool:
        raise NotImplementedError


def test_where_the_loop_hears_of_no_signals_the_process_tells_it() -> None:
    """Ctrl-C works in the same steps."""

    async def pressed_twice() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        with in_two_steps(first.set, second.set):
            for step in (first, second):
                os.kill(os.getpid(), signal.SIGINT)
                await step.wait()

    before = signal.getsignal(signal.SIGINT)
    with asyncio.Runner(loop_factory=_PlainLoop) as runner:
        runner.run(pressed_twice())
    assert signal.getsignal(signal.SIGINT) is before


async def test_after_an_end_that_came_otherwise_a_ctrl_c_breaks_off() -> None:
    """And afterwards all signals mean what they meant before."""
    numbers = (signal.SIGINT, *ENDINGS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in numbers]
    ended = asyncio.Event()
    with in_two_steps(pytest.fail, ended.set):
        os.kill(os.getpid(), signal.SIGTERM)
        await ended.wait()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize("number", ENDINGS)
def test_what_else_asks_to_end_is_a_ctrl_c_to_every_command(number: signal.Signals) -> None:
    """Unless that is ignored, as under nohup."""
    heard = signal.getsignal(signal.SIGINT)
    try:
        for ctrl_c in (signal.default_int_handler, signal.SIG_IGN):  # the second is that of the background
            signal.signal(signal.SIGINT, ctrl_c)
            with pytest.raises(KeyboardInterrupt), endings_are_interrupts():
                os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)
        with endings_are_interrupts():
            os.kill(os.getpid(), number)
    finally:
        signal.signal(signal.SIGINT, heard)
        signal.signal(number, signal.SIG_DFL)


async def test_where_ctrl_c_is_ignored_another_end_is_heard() -> None:
    """As of a command in the background that is stopped."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = asyncio.Event()
        with in_two_steps(pytest.fail, ended.set):
            os.kill(os.getpid(), signal.SIGTERM)
            await ended.wait()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, heard)


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """A process in the background does not hear of the terminal."""

    async def pressed() -> None:
        with in_two_steps(pytest.fail, pytest.fail):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(pressed())
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_reader_that_leaves_ends_it_without_a_word(emulator: ThreadedEmulator, folder: Path, tmp_path: Path) -> None:
    """As in `klingmotion batch ... | head -1`; the journal has what is done."""
    at_once(emulator)
    with running("batch", folder, *options(tmp_path), "--json", emulator=emulator) as command:
        assert command.process.stdout is not None
        command.process.stdout.close()
        assert command.process.stderr is not None
        assert command.process.stderr.read() == ""
    assert command.process.returncode == 1
    at_once(emulator)
    assert run("batch", *options(tmp_path), emulator=emulator).returncode == 0
    assert len(emulator.books.tasks) == 4


# --- with an emulator of its own ------------------------------------------------------------------------------------


def test_a_newcomer_can_try_it(folder: Path, tmp_path: Path) -> None:
    """No token; several run at once; the journal can be looked at, and is no other run's."""
    done = run("batch", folder, *options(tmp_path), "--emulator")
    assert done.returncode == 0, done.stderr
    assert "4 clips: 4 done\n" in done.stderr
    assert "nothing was extracted from the video" in done.stderr
    shown = run("journal", "show", tmp_path / "run.db")
    assert (shown.returncode, "of a run with --emulator" in shown.stdout) == (0, True)
    for more in ([], ["--emulator"]):
        again = run("batch", folder, *options(tmp_path), *more)
        assert (again.returncode, again.stdout) == (2, "")
        assert "another journal" in again.stderr.replace("\n", " ")


def test_without_clips_there_is_nothing_to_emulate(tmp_path: Path) -> None:
    """A journal of real tasks is not touched."""
    done = run("batch", *options(tmp_path), "--emulator")
    assert (done.returncode, done.stderr) == (2, "error: no clip is given\n")


# --- on a terminal --------------------------------------------------------------------------------------------------


def test_on_a_terminal_there_is_one_bar_and_a_line_for_each_running_clip(folder: Path, tmp_path: Path) -> None:
    """They are gone in the end: what stays is a line for each clip, with its file, and the totals."""
    code, shown = on_terminal("batch", folder, *options(tmp_path), "--emulator")
    assert code == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"━+ +\d of 4 +0:0\d", plain)
    assert re.search(r"\d running", plain)
    assert re.search(r"\d\.mp4 +processing +task \d+ +0:0\d", plain)
    ends = re.findall(r"✓ (\d)\.mp4: done in \d\.\d s: \S+\.bvh", plain)
    assert sorted(ends) == ["0", "1", "2", "3"]
    assert "4 clips: 4 done\r\n" in plain
    assert "\x1b[2K" in shown


def standing(**changes: int) -> Standing:
    """Of 40 clips, after 42 s."""
    known = {"running": 30, "unseen": 0, "waiting": 5, **changes}
    counts = {"done": 4, "done before": 0, "failed": 1, "failed before": 0, "uncertain": 0, "unfinished": 0}
    return Standing(counts=counts, clips=40, seconds=42.0, **known)


@pytest.mark.parametrize(("columns", "lines"), [(120, 40), (80, 24), (80, 10), (40, 8)])
def test_the_picture_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
    """As many clips as there is room for, and how many more there are."""
    display = Overview()
    monkeypatch.setattr(display, "_console", Console(width=columns, height=lines))
    display.watch(lambda: standing(unseen=2))
    for number in range(30):
        track = Track(display, f"{number:04}.mp4")
        track.begin()
        display.tracks.append(track)
    paper = Console(width=columns, height=lines)
    with paper.capture() as picture:
        paper.print(display._picture())
    drawn = picture.get().splitlines()
    assert len(drawn) < lines
    assert max(map(len, drawn)) <= columns
    assert re.search(r"5 of 40  0:42", drawn[0])
    assert drawn[1].startswith("4 done, 1 failed, 30 running, 5 waiting"[:columns])
    shown = sum(".mp4" in line for line in drawn)
    assert shown == min(30, lines - 4)
    more = "" if shown == 30 else f"{30 - shown} more, "
    assert drawn[-1] == f"  {more}2 looked for or being saved"


def test_how_long_it_takes_is_told_once_something_can_be_told() -> None:
    """By what this run has done, not by what was done before."""
    assert standing().left == pytest.approx(42.0 / 5 * 35)
    none = dict.fromkeys(standing().counts, 0)
    assert Standing(counts={**none, "done before": 9}, running=1, unseen=0, waiting=0, clips=10, seconds=5).left is None
