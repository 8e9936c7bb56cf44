"""A file on its way out: read piece by piece, never on the event loop unless that cannot block."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncGenerator, Callable
from io import BufferedIOBase
from typing import cast

from klingmotion.limits import Limit
from klingmotion.transport import ByteSource

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


class JsonBody:
    """A small body, which knows whether it has begun to leave."""

    def __init__(self, document: object) -> None:
        self._content = json.dumps(document).encode()
        self.size = len(self._content)
        #: Whether there has been a connection to send it over.
        self.begun = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it; it is asked for once a connection is open."""
        self.begun = True
        yield self._content


class Body:
    """The body of one request; every piece moves the deadline for the next one."""

    def __init__(self, source: ByteSource, on_sent: Callable[[int], None]) -> None:
        self.size = source.size
        #: Why the source could not be read to its end, if so.
        self.unreadable: OSError | None = None
        self._source = source
        self._on_sent = on_sent
        self._limit: Limit | None = None
        self._deadline = math.inf
        self._file: BufferedIOBase | None = None
        self._closed = False
        self._rooms = [bytearray(PIECE), bytearray(PIECE)]

    def watch(self, limit: Limit) -> None:
        """Let `limit` end the exchange after `STALL` seconds without a piece, and when it would anyway."""
        self._limit, self._deadline = limit, limit.ends
        self._expect(asyncio.get_running_loop().time() + STALL)

    def _expect(self, instant: float) -> None:
        if self._limit is not None:
            self._limit.move(min(instant, self._deadline))

    async def pieces(self) -> AsyncGenerator[memoryview, None]:
        """The bytes of the source, in order."""
        sent = 0
        clock = asyncio.get_running_loop().time
        turn = clock()
        try:
            file = await asyncio.to_thread(self._open)
            written = _written(file)
            while sent < self.size:
                room = self._room()
                count = _read_at_once(file, room, sent) or await asyncio.to_thread(_read, file, room, sent)
                if not count:
                    raise OSError(f"it has become shorter than {self.size} bytes")
                count = min(count, self.size - sent)  # it may have become longer
                if sent + count == self.size and _written(file) != written:
                    raise OSError("it was changed while it was sent")
                for start in range(0, count, PIECE):
                    piece = memoryview(room)[start : min(start + PIECE, count)]
                    yield piece
                    sent += len(piece)
                    self._on_sent(sent)
                    now = clock()
                    self._expect(now + STALL)
                    if now - turn > _TURN:
                        await asyncio.sleep(0)
                        turn = clock()
            self._expect(clock() + DIGESTION)
        except OSError as error:
            self.unreadable = error
            raise

    def _room(self) -> bytearray:
        """Where to read to. The same memory again costs a third less than new, so there are two places in turn.

        The last piece is still held by whoever asks for the next one; the one before is too, where it waits to be sent.
        """
        self._rooms.reverse()
        room = self._rooms[0]
        try:
            room.append(0)  # refused while there is any view of it
            room.pop()
        except BufferError:
            room = self._rooms[0] = bytearray(len(room))
        return room

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


def _written(file: BufferedIOBase) -> int | None:
    """When a file was last written to; `None` of what is no file of the system's."""
    try:
        return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _read(file: BufferedIOBase, room: bytearray, position: int) -> int:
    room.extend(bytes(_READ_AHEAD - len(room)))
    file.seek(position)
    return file.readinto(room)


def _read_at_once(file: BufferedIOBase, room: bytearray, position: int) -> int:
    """Read a piece if the system has it in memory already: a thread would cost as much as sending it does."""
    if not hasattr(os, "RWF_NOWAIT"):
        return 0
    try:
        with memoryview(room)[:PIECE] as piece:
            return os.preadv(file.fileno(), [piece], position, os.RWF_NOWAIT)
    except OSError:  # it is not in memory, or this is no file of the system's
        return 0
