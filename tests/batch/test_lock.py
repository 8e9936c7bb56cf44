"""One runner for one journal, on a disk whose locks can be relied on (behaviour B1)."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from klingmotion import JournalError
from klingmotion.batch.journal import State
from klingmotion.batch.lock import Lock, _file_system
from klingmotion.batch.sqlite_journal import SqliteJournal
from tests.batch.journals import NOW, added, opened

HOLD = """
import asyncio, sys
from pathlib import Path
from klingmotion.batch.sqlite_journal import SqliteJournal

async def hold():
    journal = SqliteJournal(Path(sys.argv[1]))
    await journal.open()
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(hold())
"""


async def test_a_second_runner_is_refused_at_once_and_told_which_process_has_it(tmp_path: Path) -> None:
    """In the same process too, and the first is not disturbed."""
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        row = await added(journal)
        with pytest.raises(
            JournalError, match=f"{re.escape(str(path))} is in use by another run .process {os.getpid()}"
        ):
            async with opened(path):
                pass
        assert await journal.step(row, State.ASSETS, NOW) is not None


@pytest.mark.parametrize("turns", range(4))
def test_closing_is_finished_although_it_is_cancelled(tmp_path: Path, turns: int) -> None:
    """Whoever opens it next, in this process too, finds it free. (On a real loop: it takes a thread.)"""
    path = tmp_path / "run.db"

    async def cancelled() -> None:
        journal = SqliteJournal(path)
        await journal.open()
        busy = threading.Event()
        assert journal._thread is not None
        journal._thread.submit(busy.wait)  # the closing cannot begin yet
        closing = asyncio.create_task(journal.close())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.sleep(0)
        busy.set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        if turns:  # else it had not begun
            async with opened(path):
                pass
        await journal.close()

    asyncio.run(cancelled())


def test_a_runner_in_another_process_has_it_until_that_is_killed(tmp_path: Path) -> None:
    """The message names the process; no lock outlives it, however it ends."""
    path = tmp_path / "run.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=f"process {holder.pid}"):
            Lock(path).take()
        holder.kill()
    lock = Lock(path)
    lock.take()
    lock.give_up()


def test_a_lock_that_was_given_up_can_be_taken(tmp_path: Path) -> None:
    """By others and by the same; giving up what one does not have does nothing."""
    one, two = Lock(tmp_path / "run.db"), Lock(tmp_path / "run.db")
    one.give_up()
    for _ in range(2):
        one.take()
        one.give_up()
        one.give_up()
        two.take()
        two.give_up()
    assert (tmp_path / "run.db.lock").exists(), "removing it would let two hold one each"


async def test_a_journal_under_two_names_is_one_journal(tmp_path: Path) -> None:
    """A link to it does not lead around the lock."""
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "latest.db"
    link.symlink_to(tmp_path / "run.db")
    async with opened(tmp_path / "run.db"):
        with pytest.raises(JournalError, match="in use"):
            async with opened(link):
                pass
    async with opened(link) as journal:
        await added(journal)


def test_a_lock_file_without_a_number_is_no_obstacle(tmp_path: Path) -> None:
    """Whatever an earlier version or a hand left in it; while it is held, only the number is missing from the text."""
    (tmp_path / "run.db.lock").write_text("held by nobody\n")
    lock = Lock(tmp_path / "run.db")
    lock.take()
    assert (tmp_path / "run.db.lock").read_text() == f"{os.getpid()}\n"
    (tmp_path / "run.db.lock").write_text("")
    with pytest.raises(JournalError, match="in use by another run;"):
        Lock(tmp_path / "run.db").take()
    lock.give_up()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_may_not_be_written_is_said_to_be(tmp_path: Path) -> None:
    """The error names the lock file and the reason."""
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match=r"run\.db\.lock cannot be opened: Permission denied"):
        Lock(tmp_path / "run.db").take()


# --- File systems ---------------------------------------------------------------------------------------------------

MOUNTS = r"""/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
host:/export /srv/share nfs4 rw,vers=4.2 0 0
/dev/sdb1 /srv/share/local xfs rw 0 0
//nas/motion /mnt/motion\040capture cifs rw 0 0
user@host:/home /mnt/caf""" + "\u00e9" + r""" fuse.sshfs rw 0 0
/dev/sdc1 /srv/shared ext4 rw 0 0
tmpfs /over tmpfs rw 0 0
host:/over /over nfs rw 0 0
broken line
"""  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/run.db", "ext4"),
        ("/run.db", "ext4"),
        ("/srv/share/run.db", "nfs4"),
        ("/srv/share/deep/down/run.db", "nfs4"),
        ("/srv/share/local/run.db", "xfs"),
        ("/srv/shared/run.db", "ext4"),
        ("/mnt/motion capture/run.db", "cifs"),
        ("/mnt/motion/run.db", "ext4"),
        ("/mnt/caf\u00e9/run.db", "fuse.sshfs"),
        ("/over/run.db", "nfs"),
    ],
)
def test_the_longest_mount_point_above_a_file_tells_its_file_system(tmp_path: Path, path: str, kind: str) -> None:
    """Of two at one place the later one counts, and blanks in a place are written as an escape."""
    table = tmp_path / "mounts"
    table.write_text(MOUNTS, encoding="utf-8")
    assert _file_system(Path(path), table) == kind


def test_a_system_that_does_not_tell_is_believed(tmp_path: Path) -> None:
    """Without a table of mounts, or with an empty one, nothing is refused."""
    assert _file_system(tmp_path / "run.db", tmp_path / "no-table") is None
    (tmp_path / "empty").touch()
    assert _file_system(tmp_path / "run.db", tmp_path / "empty") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"])
def test_a_file_system_of_another_machine_is_refused(tmp_path: Path, kind: str) -> None:
    """Neither locks nor writes can be relied on there; nothing is made."""
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\nhost:/x {tmp_path.resolve()} {kind} rw 0 0\n")
    with pytest.raises(JournalError, match=f"another machine .{kind}"):
        Lock(tmp_path / "run.db", mounts=table).take()
    assert [path.name for path in tmp_path.iterdir()] == ["mounts"]
    local = tmp_path / "local"
    table.write_text(f"/dev/sda1 / {kind} rw 0 0\n/dev/sdb1 {tmp_path.resolve()} ext4 rw 0 0\n")
    lock = Lock(local, mounts=table)
    lock.take()
    lock.give_up()
