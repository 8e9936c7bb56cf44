"""A file on its way out: read piece by piece, never on the event loop unless that cannot block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from typing import BinaryIO

from klingmotion.limits import Limit
from klingmotion.transport import ByteSource

#: Bytes handed to the socket at once. Measured: as cheap as the kernel's own sendfile; half as large costs twice.
PIECE = 256 * 1024

#: Bytes read at once where a thread has to do it.
_READ_AHEAD = 4 * PIECE

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
        self._limit: Limit | None = None
        self._deadline: float | None = None
        self._moved_at = 0.0
        self._file: BinaryIO | None = None
        self._closed = False

    def watch(self, limit: Limit) -> None:
        """Let `limit` end the exchange after `STALL` seconds without a piece, and when it would anyway."""
        self._limit, self._deadline = limit, limit.ends
        self._expect(STALL)

    def _expect(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._limit is not None:
            late = now + seconds
            self._limit.move(late if self._deadline is None else min(late, self._deadline))
        self._moved_at = now

    async def pieces(self) -> AsyncGenerator[memoryview, None]:
        """The bytes of the source, in order."""
        sent = 0
        clock = asyncio.get_running_loop().time
        try:
            file = await asyncio.to_thread(self._open)
            while sent < self.size:
                ahead = _cached(file, sent) or memoryview(await asyncio.to_thread(_read, file, sent))
                if not ahead:
                    raise OSError(f"it has become shorter than {self.size} bytes")
                for start in range(0, len(ahead), PIECE):
                    piece = ahead[start : start + PIECE]
                    yield piece
                    sent += len(piece)
                    if clock() - self._moved_at > _SLACK:
                        self._expect(STALL)
                    self._on_sent(sent)
            self._expect(DIGESTION)
        except OSError as error:
            self.unreadable = error
            raise

    def _open(self) -> BinaryIO:
        self._file = self._source.open()
        if self._closed:  # the request ended while a thread was opening it
            self._file.close()
        return self._file

    def close(self) -> None:
        """Close the file: an exchange that is cut leaves `pieces` where it was."""
        self._closed = True
        if self._file is not None:
            self._file.close()


def _read(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(_READ_AHEAD)


def _cached(file: BinaryIO, position: int) -> memoryview | None:
    """The next piece if the system has it in memory already: a thread would cost as much as sending it does."""
    if not hasattr(os, "RWF_NOWAIT"):
        return None
    piece = bytearray(PIECE)
    try:
        count = os.preadv(file.fileno(), [piece], position, os.RWF_NOWAIT)
    except OSError:  # it is not in memory, or this is no file of the system's
        return None
    return memoryview(piece)[:count]
