"""ZIP archives from elsewhere: checked before a byte of them is unpacked."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from klingmotion.errors import DownloadError
from klingmotion.transport import bare

#: Most members, bytes unpacked in all, and bytes unpacked for each packed one, that an archive may have.
MOST_MEMBERS = 1000
MOST_BYTES = 1 << 30
MOST_RATIO = 200

#: Archives smaller than this when unpacked may have any ratio: text of zeros packs well.
_HARMLESS = 1 << 20

_PIECE = 1 << 20


#: What the standard library may raise for an archive that is not what it should be.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


def unpack_bvh(archive: Path, target: BinaryIO, url: str) -> None:
    """Write the `.bvh` of an archive to `target`; of several, the first by name.

    Raises:
        DownloadError: The archive is damaged or hostile, or holds no BVH data.
        OSError: `target` cannot be written to.
    """
    target.writelines(_bvh_pieces(archive, url))


def is_bvh(path: Path) -> bool:
    """Whether a file is BVH data, not packed."""
    with path.open("rb") as file:
        return _is_bvh(file.read(64))


def check(archive: Path, url: str) -> None:
    """Read an archive whole and verify every checksum.

    Raises:
        DownloadError: It is damaged or hostile.
    """
    with archive.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as opened:
                checked(opened, url)
                bad = opened.testzip()
        except _DAMAGE as error:
            raise _damaged(url, error) from error
    if bad is not None:
        raise DownloadError(f"the archive from {bare(url)} is damaged: a checksum is wrong", url=url)


def _damaged(url: str, error: Exception) -> DownloadError:
    return DownloadError(f"the archive from {bare(url)} is damaged: {str(error) or type(error).__name__}", url=url)


def checked(opened: zipfile.ZipFile, url: str) -> list[zipfile.ZipInfo]:
    """The members of an archive none of which can do harm.

    Raises:
        DownloadError: One could.
    """
    members = opened.infolist()
    if len(members) > MOST_MEMBERS:
        raise DownloadError(f"the archive from {bare(url)} is refused: {len(members)} members", url=url)
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > MOST_BYTES or (unpacked > _HARMLESS and unpacked > MOST_RATIO * max(packed, 1)):
        raise DownloadError(f"the archive from {bare(url)} is refused: it would unpack to {unpacked} bytes", url=url)
    for member in members:
        if (trick := _trick(member)) is not None:
            raise DownloadError(
                f"the archive from {bare(url)} is refused: member {member.filename[:80]!r} {trick}", url=url
            )
    return members


def _trick(member: zipfile.ZipInfo) -> str | None:
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ":" in name:
        return "has an absolute path"
    if ".." in path.parts:
        return "leads out of the directory"
    if not name.strip("/. ") or not name.isprintable():
        return "has a name that is none"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 1:
        return "is encrypted"
    return None


def _bvh_member(members: list[zipfile.ZipInfo], url: str) -> zipfile.ZipInfo:
    # A ZIP made on a Mac has a shadow of each member that only bears its name.
    real = (member for member in members if not PurePosixPath(member.filename).name.startswith("._"))
    found = [member for member in real if member.filename.lower().endswith(".bvh")]
    if not found:
        names = ", ".join(member.filename for member in members[:5]) or "nothing"
        raise DownloadError(f"the archive from {bare(url)} holds no .bvh file, but {names}", url=url)
    return min(found, key=lambda member: member.filename)


def _bvh_pieces(archive: Path, url: str) -> Iterator[bytes]:
    """One member unpacked: never more bytes than its header says, which `checked` has found to be harmless."""
    with archive.open("rb") as packed:
        try:
            with zipfile.ZipFile(packed) as opened:
                member = _bvh_member(checked(opened, url), url)
                with opened.open(member) as file:
                    piece = file.read(_PIECE)
                    if not _is_bvh(piece[:64]):
                        what = f"{member.filename} from {bare(url)} is no BVH file: it begins {piece[:20]!r}"
                        raise DownloadError(what, url=url)
                    while piece:
                        yield piece
                        piece = file.read(_PIECE)
        except _DAMAGE as error:
            raise _damaged(url, error) from error


def _is_bvh(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"HIERARCHY")
