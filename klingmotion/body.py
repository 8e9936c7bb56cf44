"""A file on its way out: read piece by piece, never on the event loop unless that cannot block."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from io import BufferedIOBase
from typing import BinaryIO, cast

from klingmotion.transport import ByteSource

if sys.platform == "linux":
    import fcntl

#: Bytes handed to the socket at once. Measured: as cheap as the kernel's own sendfile; half as large costs twice.
PIECE = 256 * 1024

#: Bytes read at once where a thread has to do it: its visit costs as much as sending half of that.
_READ_AHEAD = 4 * PIECE

#: Seconds after which other coroutines get their turn: a fast line takes a whole file without making the sender wait.
_TURN = 0.003

#: Seconds without a byte of progress after which a transfer is given up.
STALL = 60.0

#: Seconds the answer to an upload may take once the last byte has gone out.
DIGESTION = 180.0

#: Seconds by which a deadline may lag behind progress: to move it with every piece costs a third of the whole upload.
_SLACK = 1.0


class Body:
    """The body of one request; every piece moves the deadline for the next one."""

    def __init__(self, source: ByteSource, on_sent: Callable[[int], None]) -> None:
        self.size = source.size
        #: Why the source could not be read to its end, if so.
        self.unreadable: OSError | None = None
        self._source = source
        self._on_sent = on_sent
        self._limit: asyncio.Timeout | None = None
        self._deadline: float | None = None
        self._moved_at = 0.0
        self._file: BufferedIOBase | None = None
        self._closed = False
        self._room = bytearray()

    def watch(self, limit: asyncio.Timeout, deadline: float | None) -> None:
        """Let `limit` end the exchange after `STALL` seconds without a piece, and at `deadline` in any case."""
        self._limit, self._deadline = limit, deadline
        self._expect(STALL)

    def _expect(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._limit is not None:
            late = now + seconds
            self._limit.reschedule(late if self._deadline is None else min(late, self._deadline))
        self._moved_at = now

    async def pieces(self) -> AsyncGenerator[memoryview, None]:
        """The bytes of the source, in order. A piece is overwritten once the next one is asked for."""
        sent, count = 0, 0
        clock = asyncio.get_running_loop().time
        turn = clock()
        try:
            file = await asyncio.to_thread(self._open)
            flags = _flags_at_once(file)
            self._room = bytearray(_READ_AHEAD if flags is None else PIECE)
            while sent < self.size:
                if flags is None or not (count := _read_at_once(file, self._room, sent, flags)):
                    count = await asyncio.to_thread(_read, file, self._room, sent)
                if not count:
                    raise OSError(f"it has become shorter than {self.size} bytes")
                for start in range(0, count, PIECE):
                    piece = memoryview(self._room)[start : min(start + PIECE, count)]
                    yield piece
                    sent += len(piece)
                    self._take_back(piece)
                    self._on_sent(sent)
                    now = clock()
                    if now - self._moved_at > _SLACK:
                        self._expect(STALL)
                    if now - turn > _TURN:
                        await asyncio.sleep(0)
                        turn = clock()
            self._expect(DIGESTION)
        except OSError as error:
            self.unreadable = error
            raise

    def _take_back(self, piece: memoryview) -> None:
        """Read into the same memory again, which costs a third less, unless the transport has yet to send from it."""
        try:
            piece.release()
            self._room.append(0)  # refused while there is any view of it
            self._room.pop()
        except BufferError:
            self._room = bytearray(self._room)

    def _open(self) -> BufferedIOBase:
        self._file = cast("BufferedIOBase", self._source.open())  # `BinaryIO` does not tell of `readinto`
        if self._closed:  # the request ended while a thread was opening it
            self._file.close()
        return self._file

    def close(self) -> None:
        """Close the file: an exchange that is cut leaves `pieces` where it was."""
        self._closed = True
        if self._file is not None:
            self._file.close()


def _read(file: BufferedIOBase, room: bytearray, position: int) -> int:
    file.seek(position)
    return file.readinto(room)


def _flags_at_once(file: BufferedIOBase) -> int | None:
    """With which flags a file is read without ever waiting for a disk, if its system can do that."""
    if in_memory(file):
        return 0
    flags: int | None = getattr(os, "RWF_NOWAIT", None)
    if flags is not None:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, flags)
        except BlockingIOError:  # not just now
            return flags
        except OSError:  # never, or this is no file of the system's
            return None
    return flags


def _read_at_once(file: BufferedIOBase, room: bytearray, position: int, flags: int) -> int:
    """Read a piece if the system has it in memory already: a thread would cost as much as sending it does."""
    try:
        return os.preadv(file.fileno(), [room], position, flags)
    except OSError:
        return 0


def in_memory(file: BinaryIO | BufferedIOBase) -> bool:
    """Whether a file's only place is memory (tmpfs), so that neither reading nor writing waits for a disk."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(file, fcntl.F_GET_SEALS)  # only such files have seals
    except (OSError, AttributeError):  # a Python may have been built without it
        return False
    return True
