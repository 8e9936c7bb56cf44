"""The claim of one runner on one journal file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

from klingmotion.errors import JournalError

if sys.platform == "win32":
    import msvcrt

    #: The byte that is locked: the same for all, and beyond what is written, for a locked one cannot be read.
    _LOCKED = 1 << 20

    def _take(file: TextIO) -> None:
        os.lseek(file.fileno(), _LOCKED, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: TextIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


#: File systems of other machines: their locks, and what a write there survives, are not to be relied on.
_ELSEWHERE = ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.davfs", "davfs")

#: Where the system tells what is mounted where.
MOUNTS = Path("/proc/self/mounts")


class Lock:
    """An exclusive lock on a file beside the journal.

    The file stays when the lock is given up: two runners that take and remove it in turn could otherwise both hold one.
    """

    def __init__(self, journal: Path, *, mounts: Path = MOUNTS) -> None:
        self._journal = journal
        self._mounts = mounts
        real = journal.resolve()  # a journal that is found under two names is one journal
        self._path = real.with_name(f"{real.name}.lock")
        self._file: TextIO | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            JournalError: Another runner has it, or the file system is one of another machine.
        """
        _refuse_elsewhere(self._journal, self._mounts)
        try:
            file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise JournalError(f"{self._path} cannot be opened: {error.strerror or error}") from error
        try:
            _take(file)
        except OSError as error:
            file.seek(0)
            holder = file.read(20).strip()
            file.close()
            who = f" (process {holder})" if holder.isdigit() else ""
            raise JournalError(
                f"{self._journal} is in use by another run{who}; wait for it to end, or use another journal"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def give_up(self) -> None:
        """Give it up; not having it does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _refuse_elsewhere(path: Path, mounts: Path) -> None:
    kind = _file_system(path, mounts)
    if kind in _ELSEWHERE:
        raise JournalError(
            f"{path} is on a file system of another machine ({kind}), where neither locks nor writes can be relied on;"
            " put the journal on a local disk"
        )


def _file_system(path: Path, table: Path = MOUNTS) -> str | None:
    """The type of the file system a path is on, where the system tells."""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    directory = path.resolve().parent
    found: tuple[int, str] | None = None
    for _, place, kind, *_ in (line.split(" ") for line in lines if line.count(" ") >= 3):
        mount = Path(place.encode("ascii", "backslashreplace").decode("unicode_escape"))
        if directory.is_relative_to(mount) and (found is None or len(mount.parts) >= found[0]):
            found = (len(mount.parts), kind)
    return found[1] if found else None
