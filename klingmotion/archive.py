"""ZIP archives from elsewhere: checked before a byte of them is unpacked."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from klingmotion.errors import DownloadError

#: Most members, bytes unpacked in all, and bytes unpacked for each packed one, that an archive may have.
MOST_MEMBERS = 1000
MOST_BYTES = 1 << 30
MOST_RATIO = 200

#: Archives smaller than this when unpacked may have any ratio: text of zeros packs well.
_HARMLESS = 1 << 20

_PIECE = 1 << 20


def unpack_bvh(archive: Path, target: BinaryIO, url: str) -> None:
    """Write the one `.bvh` of an archive to `target`; an archive that is a BVH file itself is taken as it is.

    Raises:
        DownloadError: The archive is damaged or hostile, or holds no BVH data.
    """
    with archive.open("rb") as file:
        if _is_bvh(file.read(64)):
            file.seek(0)
            while piece := file.read(_PIECE):
                target.write(piece)
            return
    try:
        with zipfile.ZipFile(archive) as opened:
            _copy(opened, _bvh_member(checked(opened, url), url), target, url)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        raise DownloadError(f"the archive from {url} is damaged: {error}", url=url) from error


def check(archive: Path, url: str) -> None:
    """Read an archive whole and verify every checksum.

    Raises:
        DownloadError: It is damaged or hostile.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            checked(opened, url)
            bad = opened.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DownloadError(f"the archive from {url} is damaged: {error}", url=url) from error
    if bad is not None:
        raise DownloadError(f"the archive from {url} is damaged: a checksum is wrong", url=url)


def checked(opened: zipfile.ZipFile, url: str) -> list[zipfile.ZipInfo]:
    """The members of an archive none of which can do harm.

    Raises:
        DownloadError: One could.
    """
    members = opened.infolist()
    if len(members) > MOST_MEMBERS:
        raise DownloadError(f"the archive from {url} is refused: {len(members)} members", url=url)
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > MOST_BYTES or (unpacked > _HARMLESS and unpacked > MOST_RATIO * max(packed, 1)):
        raise DownloadError(f"the archive from {url} is refused: it would unpack to {unpacked} bytes", url=url)
    for member in members:
        if (trick := _trick(member)) is not None:
            raise DownloadError(f"the archive from {url} is refused: member {member.filename[:80]!r} {trick}", url=url)
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
    found = sorted(
        (member for member in members if member.filename.lower().endswith(".bvh")),
        key=lambda member: member.filename,
    )
    if not found:
        names = ", ".join(member.filename for member in members[:5]) or "nothing"
        raise DownloadError(f"the archive from {url} holds no .bvh file, but {names}", url=url)
    return found[0]


def _copy(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: BinaryIO, url: str) -> None:
    """Unpack one member, trusting its bytes and not its header for how many there are."""
    left = MOST_BYTES
    with opened.open(member) as file:
        piece = file.read(_PIECE)
        if not _is_bvh(piece[:64]):
            raise DownloadError(f"{member.filename} from {url} is no BVH file: it begins {piece[:20]!r}", url=url)
        while piece:
            left -= len(piece)
            if left < 0:
                raise DownloadError(f"the archive from {url} is refused: {member.filename} has no end", url=url)
            target.write(piece)
            piece = file.read(_PIECE)


def _is_bvh(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"HIERARCHY")
