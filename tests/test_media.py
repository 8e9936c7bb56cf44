"""What is known of a file before it is sent: a bad one costs no request and says what would be a good one."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klingmotion
from klingmotion import MotionSession
from klingmotion.errors import InvalidRequestError
from klingmotion.media import APPLIED, EXTRACTED, LIMITS, MEGABYTE, USABLE, Length, Media, examine, type_of
from klingmotion.transport import BytesSource, Download, FileSource
from tests.films import box, film, moov, wide_box

#: A loaded machine is no finding.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WALK = Path(klingmotion.__file__).parent / "samples" / "walk.mp4"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)

Maker = Callable[[Path], str | os.PathLike[str] | bytes]


@attrs.define
class Unreachable:
    """A transport to nowhere: it counts what would have been sent."""

    requests: int = 0

    def now(self) -> float:
        return 0.0

    def utcnow(self) -> datetime:
        return datetime.now(UTC)

    def random(self) -> float:
        return 0.0

    async def sleep(self, *_: object, **__: object) -> None:
        """Not at all."""

    async def send(self, *_: object, **__: object) -> klingmotion.Response:
        self.requests += 1
        raise AssertionError("a request was sent")

    upload = send

    def download(
        self, url: str, *, offset: int = 0, validator: str | None = None
    ) -> AbstractAsyncContextManager[Download]:
        self.requests += 1
        raise AssertionError(f"{url} was fetched from byte {offset} of {validator}")

    async def close(self) -> None:
        """Nothing is open."""


def file(content: bytes, name: str = "clip.mp4") -> Maker:
    """Makes a file with the given content."""

    def make(directory: Path) -> Path:
        path = directory / name
        path.write_bytes(content)
        return path

    return make


def sparse(head: bytes, size: int) -> Maker:
    """Makes a file of a size that takes no space on the disk."""

    def make(directory: Path) -> Path:
        path = directory / "large.mp4"
        with path.open("wb") as opened:
            opened.write(head)
            opened.truncate(size)
        return path

    return make


def fifo(directory: Path) -> Path:
    path = directory / "pipe.mp4"
    os.mkfifo(path)
    return path


# --- Good files -----------------------------------------------------------------------------------------------------

GOOD = [
    pytest.param(film(2), "video/mp4", id="2 s"),
    pytest.param(film(10), "video/mp4", id="10 s"),
    pytest.param(film(10.04), "video/mp4", id="10 s and one frame's rounding"),
    pytest.param(film(1.96), "video/mp4", id="2 s less one frame's rounding"),
    pytest.param(film(5, moov_last=True), "video/mp4", id="moov at the end"),
    pytest.param(film(5, scale=90_000), "video/mp4", id="fine time scale"),
    pytest.param(film(5, brand=b"qt  "), "video/quicktime", id="QuickTime"),
    pytest.param(moov(5) + box(b"mdat", b"frames"), "video/quicktime", id="old QuickTime without ftyp"),
    pytest.param(film(5) + bytes(7), "video/mp4", id="a few bytes of padding"),
    pytest.param(film(5) + box(b"free", bytes(1000)), "video/mp4", id="free space"),
    pytest.param(film(5) + b"\x124 a maker's trailer 8db42d694ccc418790edff439fe026bf", "video/mp4", id="a trailer"),
    pytest.param(film(5) + struct.pack(">I4s", 0, b"mdat") + b"frames", "video/mp4", id="a box to the end"),
    pytest.param(film(5) + wide_box(b"mdat", b"frames"), "video/mp4", id="a wide box"),
    pytest.param(film(0), "video/mp4", id="length not told"),
    pytest.param(WALK.read_bytes(), "video/mp4", id="a real film"),
    pytest.param(PNG, "image/png", id="PNG"),
    pytest.param(JPEG, "image/jpeg", id="JPEG"),
    pytest.param(b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav", id="WAV"),
]


@pytest.mark.parametrize(("content", "kind"), GOOD)
async def test_a_usable_file_is_known_by_its_content(content: bytes, kind: str, tmp_path: Path) -> None:
    """From a path or from bytes, whatever the name says."""
    path = tmp_path / "misnamed.txt"
    path.write_bytes(content)
    source = FileSource(path, len(content), path.stat().st_mtime_ns)
    assert await examine(path) == Media(source, kind, str(path))
    assert await examine(str(path)) == await examine(path)
    in_memory = await examine(content)
    assert (in_memory.source, in_memory.content_type) == (BytesSource(content), kind)


async def test_a_source_can_be_read_again_from_its_first_byte(tmp_path: Path) -> None:
    """A retried upload starts over."""
    path = file(film(5))(tmp_path)
    for clip in (path, film(5)):
        source = (await examine(clip)).source
        for _ in range(2):
            with source.open() as opened:
                assert opened.read() == film(5)
        assert source.size == len(film(5))


# --- Bad files ------------------------------------------------------------------------------------------------------

NOT_VIDEO = "of no type the API takes, judged by its content: MP4 or QuickTime video, PNG or JPEG"

BAD: list[object] = [
    pytest.param(file(film(1.9)), "lasts 1.90 s; ", id="1.9 s"),
    pytest.param(file(film(30.1)), "ffmpeg -i", id="30.1 s, with a way out"),
    pytest.param(file(film(600, moov_last=True)), "lasts 600.00 s", id="10 min, moov at the end"),
    pytest.param(lambda _: film(1.9), "the clip of 577 bytes lasts 1.90 s", id="1.9 s as bytes"),
    pytest.param(file(film(5)[:-1]), "is cut short or damaged", id="one byte short"),
    pytest.param(file(film(5)[:300]), "is cut short or damaged", id="cut in the middle"),
    pytest.param(file(film(5)[:20]), "is cut short or damaged", id="cut in its first box"),
    pytest.param(file(film(5, moov_last=True)[:250]), "is cut short or damaged", id="cut before its description"),
    pytest.param(
        file(box(b"ftyp", b"isom") + box(b"mdat", b"frames")), "is cut short or damaged", id="no description"
    ),
    pytest.param(file(b"This is a text about dancing.\n" * 9), NOT_VIDEO, id="not a video"),
    pytest.param(file(b"GIF89a" + bytes(60)), NOT_VIDEO, id="a GIF"),
    pytest.param(file(b"\x1a\x45\xdf\xa3" + bytes(60)), NOT_VIDEO, id="a WebM"),
    pytest.param(file(box(b"ftyp", b"heic", bytes(8))), NOT_VIDEO, id="a HEIC image"),
    pytest.param(file(b"\x00"), NOT_VIDEO, id="one byte"),
    pytest.param(file(b""), "is empty", id="empty"),
    pytest.param(lambda _: b"", "the clip of 0 bytes is empty", id="empty bytes"),
    pytest.param(lambda directory: directory / "none.mp4", "cannot be read", id="missing"),
    pytest.param(lambda directory: directory / "none" / "none.mp4", "cannot be read", id="missing directory"),
    pytest.param(lambda _: "cl\x00ip.mp4", "cannot be read", id="a name no file can have"),
    pytest.param(lambda _: "x" * 5000, "cannot be read", id="too long a name"),
    pytest.param(lambda directory: directory, "is not a file", id="directory"),
    pytest.param(fifo, "is not a file", id="pipe"),
    pytest.param(sparse(film(5), 101 * MEGABYTE), "has 101.0 MB; the API takes at most 100 MB of video", id="101 MB"),
    pytest.param(sparse(PNG, 10 * MEGABYTE + 1), "has 10.0 MB; the API takes at most 10 MB of image/png", id="PNG"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), BAD)
async def test_a_file_that_cannot_be_used_is_refused_before_anything_is_sent(
    make: Maker, words: str, tmp_path: Path
) -> None:
    """No request is spent on it, alone or on the whole way, and the text says what is wrong and what is allowed."""
    source = make(tmp_path)
    transport = Unreachable()
    async with MotionSession(transport=transport) as session:
        for call in (session.upload_asset, session.extract_motion):
            with pytest.raises(InvalidRequestError) as caught:
                await call(source)
            assert words in str(caught.value)
            assert isinstance(source, bytes) or str(source)[:80] in str(caught.value).replace("\\x00", "\x00")
    assert transport.requests == 0


@pytest.mark.parametrize(
    ("length", "seconds", "words"),
    [
        (EXTRACTED, 1.9, "a motion is extracted from 2 to 10 s of video"),
        (EXTRACTED, 10.1, "a motion is extracted from 2 to 10 s of video. To keep the first 10 s: ffmpeg -i"),
        (APPLIED, 2.9, "a motion is applied from 3 to 30 s of video"),
        (APPLIED, 30.1, "a motion is applied from 3 to 30 s of video. To keep the first 30 s: ffmpeg -i"),
        (USABLE, 1.9, "there is a use for 2 to 30 s of video"),
        (USABLE, 30.1, "there is a use for 2 to 30 s of video. To keep the first 30 s: ffmpeg -i"),
    ],
    ids=str,
)
async def test_each_use_wants_a_length_of_its_own(length: Length, seconds: float, words: str) -> None:
    """What is applied to an image may be longer than what is extracted, and not quite as short."""
    with pytest.raises(InvalidRequestError) as caught:
        await examine(film(seconds), length=length)
    assert f"lasts {seconds:.2f} s; {words}" in str(caught.value)
    for allowed in (length.shortest, length.longest):
        assert (await examine(film(allowed), length=length)).content_type == "video/mp4"


@pytest.mark.parametrize("seconds", [1.9, 10.1])
async def test_an_extraction_refuses_what_it_cannot_take_before_anything_is_sent(seconds: float) -> None:
    """An upload alone may be meant for something else."""
    transport = Unreachable()
    async with MotionSession(transport=transport) as session:
        with pytest.raises(InvalidRequestError, match="a motion is extracted from 2 to 10 s of video"):
            await session.extract_motion(film(seconds))
    assert transport.requests == 0


@pytest.mark.parametrize(
    ("video", "cover", "words"),
    [
        (PNG, None, "is image/png; a file of type video is needed here"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None, "is audio/wav; a file of type video is needed here"),
        (film(5), film(5), "is video/mp4; a file of type image is needed here"),
        (film(5), b"", "is empty"),
        (film(5), b"no image", "of no type"),
    ],
)
async def test_an_extraction_needs_a_video_and_an_image(
    video: bytes, cover: bytes | None, words: str, tmp_path: Path
) -> None:
    """A PNG named .mp4 is a PNG; a wrong cover is seen before the video is uploaded."""
    transport = Unreachable()
    async with MotionSession(transport=transport) as session:
        for clip in (video, file(video, "really.mp4")(tmp_path)):
            with pytest.raises(InvalidRequestError) as caught:
                await session.extract_motion(clip, cover=cover)
            assert words in str(caught.value)
    assert transport.requests == 0


@pytest.mark.parametrize("given", [None, 17, ["clip.mp4"], bytearray(film(5)), memoryview(film(5))], ids=repr)
async def test_what_is_neither_path_nor_bytes_is_refused(given: object) -> None:
    """The text names the type that came."""
    with pytest.raises(InvalidRequestError, match=f"a path or as bytes, got {type(given).__name__}"):
        await examine(given)  # type: ignore[arg-type]  # wrong types are what is tested


async def test_a_content_type_may_be_said_but_not_invented() -> None:
    """For content that does not tell; one the API does not take is refused with those it does."""
    assert (await examine(b"frames without a header", "audio/mpeg")).content_type == "audio/mpeg"
    with pytest.raises(InvalidRequestError, match="content_type 'video/webm' is not one the API takes") as caught:
        await examine(film(5), "video/webm")
    assert all(kind in str(caught.value) for kind in LIMITS)
    with pytest.raises(InvalidRequestError, match="is cut short or damaged"):
        await examine(bytes(64), "video/mp4")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (PNG, "image/jpeg"),
        (JPEG, "image/png"),
        (PNG, "video/mp4"),
        (film(5), "image/png"),
        (film(5), "audio/mpeg"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/mpeg"),
        (b"OggS" + bytes(60), "audio/flac"),
        (b"ID3\x04" + bytes(60), "video/mp4"),
    ],
    ids=lambda value: value if isinstance(value, str) else type_of(value),
)
async def test_a_content_type_that_contradicts_the_content_is_refused(content: bytes, wrong: str) -> None:
    """The server would do so too, but only after the whole upload."""
    transport = Unreachable()
    async with MotionSession(transport=transport) as session:
        with pytest.raises(InvalidRequestError, match=f"judged by its content, and not {wrong}"):
            await session.upload_asset(content, content_type=wrong)
    assert transport.requests == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (film(5), "video/mp4"),
        (film(5), "video/quicktime"),
        (film(5, brand=b"qt  "), "video/mp4"),
        (film(5), "audio/mp4"),
        (box(b"ftyp", b"M4A ") + moov(5) + box(b"mdat", b"sound"), "video/mp4"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wave"),
        (b"ID3\x04" + bytes(60), "audio/aac"),
        (b"ID3\x04" + bytes(60), "audio/flac"),
        (b"\xff\xf1\x50\x80" + bytes(60), "audio/mpeg"),
    ],
    ids=lambda value: value if isinstance(value, str) else type_of(value),
)
async def test_what_may_begin_alike_is_what_it_is_said_to_be(content: bytes, said: str) -> None:
    """One container of pictures or of sound alone, two names of one type, a tag before any sound."""
    assert (await examine(content, said)).content_type == said


def test_the_limits_are_the_documented_ones() -> None:
    """10 MB of image, 100 MB of video, 20 MB of sound (contract section 2.6)."""
    by_kind = {kind.split("/")[0]: size for kind, size in LIMITS.items()}
    assert by_kind == {"image": 10_000_000, "video": 100_000_000, "audio": 20_000_000}
    assert len(LIMITS) == 11


@UNHURRIED
@given(head=st.binary(max_size=64))
def test_any_bytes_have_a_type_or_none(head: bytes) -> None:
    """And every type found has a limit."""
    found = type_of(head)
    assert found is None or found in LIMITS


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (box(b"ftyp", b"M4A "), "audio/mp4"),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"", None),
    ],
)
def test_sounds_are_told_apart(head: bytes, kind: str | None) -> None:
    """MP3 and AAC frames differ in two bits."""
    assert type_of(head) == kind


GARBLED = st.tuples(st.integers(8, len(moov(5)) - 1), st.integers(0, 255))


@UNHURRIED
@given(changes=st.lists(GARBLED, min_size=1, max_size=12))
def test_no_garbled_description_can_break_the_check(changes: list[tuple[int, int]]) -> None:
    """Damage inside the boxes gives a usable file or a readable refusal, and nothing else."""
    inside = bytearray(moov(5))
    for position, value in changes:
        inside[position] = value
    content = box(b"ftyp", b"isom", bytes(4)) + bytes(inside) + box(b"mdat", b"frames")
    try:
        said = asyncio.run(examine(content)).content_type
    except InvalidRequestError as refusal:
        said = str(refusal)
    assert said == "video/mp4" or said.startswith(f"the clip of {len(content)} bytes ")


# --- Without tinytag ------------------------------------------------------------------------------------------------


def test_without_tinytag_the_length_is_not_checked() -> None:
    """The core needs no extra: type, size and wholeness are still checked."""
    code = """
        import asyncio, sys
        sys.modules["tinytag"] = None
        from klingmotion.errors import InvalidRequestError
        from klingmotion.media import examine
        from tests.films import film

        async def main():
            for seconds in (1.9, 10.1, 600):
                print((await examine(film(seconds))).content_type)
            try:
                await examine(film(5)[:-1])
            except InvalidRequestError as error:
                print("refused" if "cut short" in str(error) else error)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert (done.stdout.split(), done.stderr) == (["video/mp4"] * 3 + ["refused"], "")
