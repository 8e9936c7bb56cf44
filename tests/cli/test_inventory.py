"""Commands about the account: what they show on a terminal, in a pipe and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from klingmotion.emulator import Account, ByTime, Emulator, Media, Status, ThreadedEmulator
from klingmotion.emulator.artefacts import cover_png
from tests.cli.shell import SAMPLE, objects, on_terminal, run

HERE, THERE = "performer@example.com", "other@example.com"


@pytest.fixture
def both() -> Iterator[ThreadedEmulator]:
    """Two accounts; tasks take long."""
    accounts = [Account(HERE, 3, points=6600), Account(THERE, 5, error="login failed")]
    with ThreadedEmulator(Emulator(accounts=accounts, progress=ByTime(600, 600))) as started:
        yield started


def plain(shown: str) -> str:
    """What a terminal was sent, without its control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def add_assets(emulator: ThreadedEmulator, email: str | None = None) -> list[str]:
    """An image and a video; their ids, the newest first."""

    def add(inner: Emulator) -> list[str]:
        square = Media("image/png", None, 320, 320)
        first = inner.add_asset(cover_png(320, 320), email=email, media=square, extension="png")
        second = inner.add_asset(SAMPLE.read_bytes(), email=email)
        return [str(second.id), str(first.id)]

    return emulator.run(add)


# --- accounts, capacity, running ------------------------------------------------------------------------------------


def test_the_accounts_are_a_table(both: ThreadedEmulator) -> None:
    """Address, jobs, session and trouble; the balance is a single account's."""
    code, shown = on_terminal("accounts", emulator=both)
    assert code == 0, shown
    assert re.search(r"email +jobs +session until +trouble", plain(shown))
    assert re.search(rf"{THERE} +5 +\S+ \S+ +login failed", plain(shown))
    assert "points" not in shown
    code, shown = on_terminal("accounts", "--email", HERE, emulator=both)
    assert re.search(rf"{HERE} +3 +\S+ \S+ +6600", plain(shown))
    assert THERE not in shown


def test_in_a_pipe_the_accounts_are_lines(both: ThreadedEmulator) -> None:
    """Between tabs, one each."""
    lines = run("accounts", emulator=both).stdout.splitlines()
    assert [(line.split("\t")[0], line.split("\t")[1], line.split("\t")[4]) for line in lines] == [
        (HERE, "3", ""),
        (THERE, "5", "login failed"),
    ]


def test_the_accounts_in_json_are_spelled_as_the_api_does(both: ThreadedEmulator) -> None:
    """But for what they log in with."""
    done = run("accounts", "--json", emulator=both)
    first, second = objects(done.stdout)
    assert (first["event"], first["email"], second["email"]) == ("account", HERE, THERE)
    assert isinstance(first["account"], dict)
    assert first["account"]["maxJobs"] == 3
    assert "password" not in done.stdout


def test_an_account_that_is_not_linked_is_3(both: ThreadedEmulator) -> None:
    """Whether it is looked at or used; what to do is told."""
    done = run("accounts", "--email", "no@example.com", emulator=both)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no@example.com is not a linked account; `klingmotion accounts` shows which are\n" in done.stderr
    done = run("list", "--email", "no@example.com", emulator=both)
    assert "has to be that of a linked one" in done.stderr


def test_slots_are_shown(both: ThreadedEmulator) -> None:
    """What runs takes one."""
    both.run(lambda inner: inner.add_task(email=HERE))
    assert run("capacity", emulator=both).stdout == f"{HERE}\t3\t1\t2\n{THERE}\t5\t0\t5\n"
    code, shown = on_terminal("capacity", emulator=both)
    assert code == 0
    assert re.search(r"email +jobs +running +free", plain(shown))
    (first, _) = objects(run("capacity", "--json", emulator=both).stdout)
    assert first == {
        "event": "capacity",
        "clip": None,
        "email": HERE,
        "capacity": {"email": HERE, "maxJobs": 3, "executing": 1, "available": 2},
    }


def test_running_tasks_are_shown_and_can_be_let_go(both: ThreadedEmulator) -> None:
    """Of all accounts; one that is untracked frees its slot and goes on."""
    task = both.run(lambda inner: inner.add_task(email=HERE, reply_ref="job-7"))
    number, email, _, _, mark = run("running", emulator=both).stdout.rstrip("\n").split("\t")
    assert (number, email, mark) == (str(task.id), HERE, "job-7")
    code, shown = on_terminal("running", emulator=both)
    assert code == 0
    assert re.search(rf"{task.id} +{HERE} .*job-7", plain(shown))
    done = run("running", "--untrack", str(task.id), emulator=both)
    assert (done.returncode, done.stdout) == (0, f"task {task.id} is no longer tracked; Kling goes on with it\n")
    empty = run("running", emulator=both)
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "No task is running.\n")
    gone = run("running", "--untrack", str(task.id), "--json", emulator=both)
    assert gone.returncode == 5
    assert objects(gone.stdout)[0]["kind"] == "NotFoundError"


# --- assets ---------------------------------------------------------------------------------------------------------


def test_uploaded_assets_are_shown(emulator: ThreadedEmulator) -> None:
    """The newest first; by kind, by name, in their own order."""
    second, first = add_assets(emulator)
    lines = [line.split("\t") for line in run("assets", emulator=emulator).stdout.splitlines()]
    assert [(line[0], line[1]) for line in lines] == [(second, "video"), (first, "image")]
    assert lines[0][4].startswith("http")
    assert run("assets", "--oldest-first", emulator=emulator).stdout.startswith(first)
    assert run("assets", "--type", "image", emulator=emulator).stdout.startswith(first)
    assert run("assets", "--name", lines[0][2], emulator=emulator).stdout.startswith(second)
    code, shown = on_terminal("assets", emulator=emulator)
    assert code == 0
    assert re.search(r"asset +type +name +length +uploaded", plain(shown))
    assert re.search(rf"{second} +video .* 5\.0 s", plain(shown))
    (newest, _) = objects(run("assets", "--json", emulator=emulator).stdout)
    assert (newest["event"], newest["asset_id"]) == ("asset", int(second))


def test_uploaded_assets_are_deleted_for_good(emulator: ThreadedEmulator) -> None:
    """Several at once; it asks first, and needs to know the account."""
    second, first = add_assets(emulator)
    unasked = run("assets", "--delete", first, emulator=emulator)
    assert (unasked.returncode, unasked.stdout) == (2, "")
    assert "pass --yes" in unasked.stderr
    nameless = run("assets", "--delete", first, "--yes", emulator=emulator)
    assert nameless.returncode == 2
    assert "pass --email or set $USEAPI_EMAIL" in nameless.stderr
    code, shown = on_terminal("assets", "--delete", first, "--email", HERE, emulator=emulator, typed="y\n")
    assert code == 0, shown
    assert f"Delete the uploaded assets {first}, for good?" in shown
    done = run("assets", "--delete", f"{first},{second}", "--yes", "--email", HERE, "--json", emulator=emulator)
    assert objects(done.stdout) == [{"event": "deleted", "clip": None, "deleted": 1, "asset_ids": [int(second)]}]
    assert run("assets", emulator=emulator).stderr == "There is no asset.\n"
    again = run("assets", "--delete", first, "--yes", "--email", HERE, emulator=emulator)
    assert (again.returncode, again.stdout) == (5, "")
    assert f"nothing was deleted: the account has no uploaded asset {first}\n" in again.stderr


# --- tasks ----------------------------------------------------------------------------------------------------------


def test_the_tasks_of_the_past_are_shown(emulator: ThreadedEmulator) -> None:
    """The newest first, up to a limit, or between two times."""
    made = [str(emulator.run(lambda inner: inner.add_task(ended=True)).id) for _ in range(3)]
    lines = [line.split("\t") for line in run("tasks", emulator=emulator).stdout.splitlines()]
    assert [line[0] for line in lines] == made[::-1]
    assert lines[0][3] == "succeed"
    assert lines[0][4].startswith("http")
    assert len(run("tasks", "--limit", "2", emulator=emulator).stdout.splitlines()) == 2
    assert run("tasks", "--before", "2020-01-01", emulator=emulator).stdout == ""
    assert len(run("tasks", "--after", "2020-01-01T12:30", "--limit", "0", emulator=emulator).stdout.splitlines()) == 3
    code, shown = on_terminal("tasks", emulator=emulator)
    assert code == 0
    assert re.search(r"task +made +makes +status +works", plain(shown))
    (newest, *_) = objects(run("tasks", "--json", emulator=emulator).stdout)
    assert (newest["event"], newest["task_id"]) == ("task", int(made[-1]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tasks", "--type", "text"], "--type must be"),
        (["tasks", "--after", "yesterday"], "'--after': 'yesterday' is no time; give one such as 2026-01-31"),
        (["tasks", "--after", "2026-02-01", "--before", "2026-01-01"], "must be earlier than --before"),
        (["assets", "--type", "text"], "--type must be"),
        (["assets", "--delete", "abc", "--yes", "--email", HERE], "the id of an uploaded asset"),
        (["running", "--untrack", "abc"], "not a task id"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_2(emulator: ThreadedEmulator, arguments: list[str], said: str) -> None:
    """Before anything is sent."""
    done = run(*arguments, emulator=emulator)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert emulator.books.count() == 0


@pytest.mark.parametrize("command", ["accounts", "capacity", "running", "assets", "tasks"])
def test_a_wrong_token_is_3(emulator: ThreadedEmulator, command: str) -> None:
    """As everywhere."""
    for endpoint in ("list_accounts", "capacity", "list_running", "list_uploaded", "list_tasks"):
        emulator.fail(endpoint, Status.unauthorized(), times=None)
    assert run(command, emulator=emulator).returncode == 3
