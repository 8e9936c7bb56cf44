"""ZIP archives from elsewhere: every known trick is refused with a `DownloadError`, good ones give their BVH file."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from klingmotion.archive import MOST_BYTES, MOST_MEMBERS, check, is_bvh, unpack_bvh
from klingmotion.errors import DownloadError

URL = "https://cdn.example.test/out/walk-bvh.zip"
BVH = b"HIERARCHY\nROOT Hips\n{\n  OFFSET 0 0 0\n  CHANNELS 0\n}\nMOTION\nFrames: 1\nFrame Time: 0.033\n"

Member = tuple[zipfile.ZipInfo | str, bytes]


def packed(*members: Member, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of the given members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for member, content in members:
            opened.writestr(member, content)
    return buffer.getvalue()


def named(name: str) -> bytes:
    """An archive of one BVH file whose name is written as it is, which the standard library would not do."""
    mark = "n" * len(name.encode())
    return packed((mark, BVH)).replace(mark.encode(), name.encode())


def special(kind: int, content: bytes = b"/etc/passwd") -> bytes:
    """An archive with a good BVH file and a member of another kind of file."""
    info = zipfile.ZipInfo("other")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return packed(("walk.bvh", BVH), (info, content))


def with_flag(archive: bytes, flag: int) -> bytes:
    """The archive with a general purpose bit set on its first member."""
    changed = bytearray(archive)
    central = archive.index(b"PK\x01\x02")
    for position in (6, central + 8):
        changed[position] |= flag
    return bytes(changed)


def claiming(archive: bytes, size: int) -> bytes:
    """The archive, whose directory claims another size for its first member."""
    changed = bytearray(archive)
    at = archive.index(b"PK\x01\x02") + 24
    changed[at : at + 4] = struct.pack("<I", size)
    return bytes(changed)


def flipped(archive: bytes, position: int) -> bytes:
    """The archive with one bit changed."""
    changed = bytearray(archive)
    changed[position] ^= 1
    return bytes(changed)


def unpacked(archive: bytes, directory: Path) -> bytes:
    """What `unpack_bvh` makes of it."""
    path = directory / "archive.zip"
    path.write_bytes(archive)
    target = io.BytesIO()
    unpack_bvh(path, target, URL)
    return target.getvalue()


# --- Good archives --------------------------------------------------------------------------------------------------

GOOD: list[object] = [
    pytest.param(packed(("walk.bvh", BVH)), id="packed"),
    pytest.param(packed(("walk.bvh", BVH), method=zipfile.ZIP_STORED), id="stored"),
    pytest.param(packed(("walk.bvh", BVH), method=zipfile.ZIP_BZIP2), id="bzip2"),
    pytest.param(packed(("walk.bvh", BVH), method=zipfile.ZIP_LZMA), id="LZMA"),
    pytest.param(packed(("out/take 1/", b""), ("out/take 1/walk.bvh", BVH)), id="in a directory"),
    pytest.param(packed(("readme.txt", b"hello"), ("WALK.BVH", BVH)), id="among others, in capitals"),
    pytest.param(packed(("b.bvh", b"HIERARCHY of another"), ("a.bvh", BVH)), id="the first of several"),
    pytest.param(packed(("J\u00e4ger-\u8d70.bvh", BVH)), id="a name in any script"),
    pytest.param(packed(("..walk..bvh", BVH)), id="dots that lead nowhere"),
    pytest.param(named("a\\walk.bvh"), id="backslashes of Windows"),
    pytest.param(b"self-extracting" + packed(("walk.bvh", BVH)), id="something in front"),
    pytest.param(packed(("walk.bvh", BVH), ("zeros", bytes(1_000_000))), id="much of nothing, but small"),
    pytest.param(packed(("__MACOSX/._walk.bvh", b"\x00\x05\x16\x07Mac OS X"), ("walk.bvh", BVH)), id="packed on a Mac"),
]


@pytest.mark.parametrize("archive", GOOD)
def test_a_good_archive_gives_its_bvh_file(archive: bytes, tmp_path: Path) -> None:
    """Byte for byte, however it is packed."""
    assert unpacked(archive, tmp_path) == BVH


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf", b"\r\n \t", b"\xef\xbb\xbf\n"])
def test_a_bvh_file_may_begin_with_a_mark_or_white_space(head: bytes, tmp_path: Path) -> None:
    """As editors write it; the letters may be small."""
    for content in (head + BVH, head + BVH.lower()):
        plain = tmp_path / "plain"
        plain.write_bytes(content)
        assert is_bvh(plain)
        assert unpacked(packed(("walk.bvh", content)), tmp_path) == content


def test_a_large_file_is_unpacked_whole(tmp_path: Path) -> None:
    """Piece by piece, so memory stays flat."""
    numbers = random.Random(17)
    content = BVH + b"".join(b"%f " % numbers.random() for _ in range(400_000))
    assert len(content) > 3 << 20
    assert unpacked(packed(("walk.bvh", content)), tmp_path) == content


@pytest.mark.parametrize("archive", [packed(("walk.bin", b"\x00" * 50)), packed(), packed(("a/", b""), ("a/b", b"c"))])
def test_a_sound_archive_passes_the_check(archive: bytes, tmp_path: Path) -> None:
    """What is kept as an archive may hold anything harmless."""
    path = tmp_path / "archive.zip"
    path.write_bytes(archive)
    check(path, URL)
    assert path.read_bytes() == archive


# --- Hostile archives -----------------------------------------------------------------------------------------------

ALONE = packed(("walk.bvh", BVH))
ZEROS = bytes(4 << 20)

HOSTILE: list[object] = [
    pytest.param(named("../walk.bvh"), "leads out of the directory", id="up"),
    pytest.param(named("a/../../walk.bvh"), "leads out of the directory", id="down and up"),
    pytest.param(named("..\\walk.bvh"), "leads out of the directory", id="up in Windows"),
    pytest.param(named("a\\..\\..\\walk.bvh"), "leads out of the directory", id="down and up in Windows"),
    pytest.param(named("/etc/walk.bvh"), "has an absolute path", id="absolute"),
    pytest.param(named("\\\\host\\walk.bvh"), "has an absolute path", id="network share"),
    pytest.param(named("C:\\walk.bvh"), "has an absolute path", id="drive"),
    pytest.param(named("c:walk.bvh"), "has an absolute path", id="relative to a drive"),
    pytest.param(named("walk.bvh:stream"), "has an absolute path", id="stream of a file"),
    pytest.param(named("a\nb.bvh"), "has a name that is none", id="line break in a name"),
    pytest.param(named("\x1b[2J.bvh"), "has a name that is none", id="terminal codes in a name"),
    pytest.param(packed(("\u202ehvb.klaw", BVH)), "has a name that is none", id="reversed name"),
    pytest.param(named("./."), "has a name that is none", id="a name of dots"),
    pytest.param(packed(("walk.bvh", BVH), ("../other", b"")), "leads out of the directory", id="only a bystander"),
    pytest.param(special(stat.S_IFLNK), "is a link", id="symbolic link"),
    pytest.param(with_flag(ALONE, 1), "is encrypted", id="encrypted"),
    pytest.param(packed(("walk.bvh", BVH + ZEROS)), f"it would unpack to {len(BVH + ZEROS)} bytes", id="ratio"),
    pytest.param(
        packed(*((f"{number}.bvh", bytes(1 << 20)) for number in range(5))),
        "it would unpack to 5242880 bytes",
        id="ratio of all",
    ),
    pytest.param(claiming(ALONE, MOST_BYTES + 1), f"unpack to {MOST_BYTES + 1} bytes", id="a gigabyte claimed"),
    pytest.param(claiming(packed(("walk.bvh", BVH), method=0), 2**32 - 1), "it would unpack to", id="four claimed"),
    pytest.param(
        packed(*((f"{number}", b"") for number in range(MOST_MEMBERS + 1))), f"{MOST_MEMBERS + 1} members", id="many"
    ),
]  # fmt: skip

DAMAGED: list[object] = [
    pytest.param(ALONE[: len(ALONE) // 2], id="half of it"),
    pytest.param(ALONE[:-1], id="all but the last byte"),
    pytest.param(ALONE[:4], id="its first bytes"),
    pytest.param(b"", id="empty"),
    pytest.param(b"<html>not found</html>", id="a web page"),
    pytest.param(bytes(1000), id="zeros"),
    pytest.param(flipped(ALONE, 45), id="a flipped bit in packed data"),
    pytest.param(flipped(packed(("walk.bvh", BVH), method=0), 60), id="a flipped bit in stored data"),
    pytest.param(flipped(ALONE, ALONE.index(b"PK\x01\x02") + 16), id="a wrong checksum"),
    pytest.param(claiming(ALONE, 10), id="more than it claims"),
    pytest.param(ALONE.replace(b"walk.bvh", b"milk.bvh", 1), id="two names for one member"),
    pytest.param(ALONE.replace(b"PK\x03\x04", b"PK\x05\x06"), id="a member that is none"),
    pytest.param(with_flag(ALONE, 0x20), id="patched data"),
]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DownloadError) as caught:
        call()
    assert caught.value.url == URL
    assert str(caught.value).count(URL) == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("archive", "words"), HOSTILE)
def test_every_trick_is_refused_by_name(archive: bytes, words: str, tmp_path: Path) -> None:
    """Before a byte is unpacked, and whether one file is wanted or the archive itself."""
    path = tmp_path / "archive.zip"
    path.write_bytes(archive)
    target = io.BytesIO()
    for text in (refused(lambda: unpack_bvh(path, target, URL)), refused(lambda: check(path, URL))):
        assert text.startswith(f"the archive from {URL} is refused: ")
        assert words in text
    assert target.getvalue() == b""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("archive", DAMAGED)
def test_damage_is_refused_as_damage(archive: bytes, tmp_path: Path) -> None:
    """Cut, flipped or mislabelled: never half a result, never another kind of error."""
    path = tmp_path / "archive.zip"
    path.write_bytes(archive)
    for call in (lambda: unpack_bvh(path, io.BytesIO(), URL), lambda: check(path, URL)):
        assert refused(call).startswith(f"the archive from {URL} is damaged: ")


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (packed(), "holds no .bvh file, but nothing"),
        (packed(("walk.txt", BVH), ("a/b.bin", b"")), "holds no .bvh file, but walk.txt, a/b.bin"),
        (packed(("walk.bvh/", b"")), "holds no .bvh file"),
        (packed(("walk.bvh", b"")), "walk.bvh from"),
        (packed(("walk.bvh", b"<html>")), "is no BVH file: it begins b'<html>'"),
        (packed(("walk.bvh", b"X" + BVH)), "is no BVH file"),
        (packed(("inner.zip", ALONE)), "holds no .bvh file, but inner.zip"),
    ],
)
def test_an_archive_without_motion_is_refused(archive: bytes, words: str, tmp_path: Path) -> None:
    """The text says what is there instead."""
    assert words in refused(lambda: unpacked(archive, tmp_path))


def mutants(method: int, count: int) -> Iterable[bytes]:
    """Archives with a few bytes changed, and some cut short."""
    numbers = random.Random(method)
    good = packed(("walk.bvh", BVH * 20), ("readme.txt", b"hi" * 50), method=method)
    for _ in range(count):
        mutant = bytearray(good)
        for _ in range(numbers.choice([1, 1, 2, 4])):
            mutant[numbers.randrange(len(mutant))] = numbers.randrange(256)
        yield bytes(mutant[: numbers.randrange(len(mutant))] if numbers.random() < 0.1 else mutant)


METHODS = [
    pytest.param(zipfile.ZIP_STORED, id="stored"),
    pytest.param(zipfile.ZIP_DEFLATED, id="packed"),
    pytest.param(zipfile.ZIP_BZIP2, id="bzip2"),
    pytest.param(zipfile.ZIP_LZMA, id="LZMA"),
]


@pytest.mark.parametrize("method", METHODS)
def test_no_damage_can_break_the_unpacking(method: int, tmp_path: Path) -> None:
    """Whatever bytes are changed, the file comes out right or a `DownloadError` does."""
    for mutant in mutants(method, 1_000):
        try:
            found = unpacked(mutant, tmp_path)
        except DownloadError:
            continue
        assert found == BVH * 20


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_can_break_the_check(method: int, tmp_path: Path) -> None:
    """The same for an archive that is kept as it is."""
    path = tmp_path / "archive.zip"
    for mutant in mutants(method, 2_000):
        path.write_bytes(mutant)
        try:
            check(path, URL)
        except DownloadError as refusal:
            path.write_text(str(refusal))


class FullDisk(io.BytesIO):
    """A file on a disk that has no room left."""

    def write(self, *_: object) -> int:
        raise OSError(28, "No space left on device")

    def writelines(self, lines: Iterable[object]) -> None:
        for line in lines:
            self.write(line)


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path: Path) -> None:
    """The caller has to make room, not to fetch the archive again."""
    path = tmp_path / "archive.zip"
    path.write_bytes(ALONE)
    with pytest.raises((OSError, DownloadError)) as caught:
        unpack_bvh(path, FullDisk(), URL)
    assert "No space left on device" in str(caught.value)
    assert "damaged" not in str(caught.value)
