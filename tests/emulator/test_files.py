"""Files are served whole, in ranges, and by their heads; results open in other tools."""

from __future__ import annotations

import io
import zipfile

import pytest

from klingmotion.emulator.blobs import MP4_HEAD, BlobStore

from .bench import bench
from .clips import mp4

DATA = bytes(range(256)) * 1000


async def test_the_results_of_a_motion_are_real_files() -> None:
    """Preview is the uploaded video, the ZIPs open, and the BVH moves for as long as the video."""
    async with bench() as b:
        clip = mp4(3.0)
        upload = (await b.upload(clip, "video/mp4")).body
        fields = {"resourceUrl": upload["resourceUrl"], "coverUrl": upload["coverUrl"]}
        body = (await b.call("POST", "/videos/motion-upload", json=fields)).body
        while not (await b.look(body["task"]["id"])).body["status_final"]:
            pass
        entry = (await b.motions())[0]
        assert (await b.get(entry["resource"]["resource"], token=None)).raw == clip
        cover = await b.get(entry["cover"]["resource"], token=None)
        assert cover.raw.startswith(b"\x89PNG")
        for link, suffix in (("bvh_binary", ".bvh"), ("output_binary", ".bin")):
            archive = zipfile.ZipFile(io.BytesIO((await b.get(entry["extData"][link], token=None)).raw))
            assert archive.testzip() is None
            assert [name for name in archive.namelist() if name.endswith(suffix)]
        bvh = zipfile.ZipFile(io.BytesIO((await b.get(entry["extData"]["bvh_binary"], token=None)).raw))
        text = bvh.read(bvh.namelist()[0]).decode()
        frames = int(text.partition("Frames:")[2].split()[0])
        frame_time = float(text.partition("Frame Time:")[2].split()[0])
        assert frames * frame_time == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("wanted", "status", "start", "stop"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=100-", 206, 100, len(DATA)),
        ("bytes=-100", 206, len(DATA) - 100, len(DATA)),
        ("bytes=255000-999999999", 206, 255000, len(DATA)),
        (f"bytes=-{len(DATA) * 2}", 206, 0, len(DATA)),
        ("bytes=0-0,5-6", 200, 0, len(DATA)),
        ("bytes=9-3", 200, 0, len(DATA)),
        ("bytes=-", 200, 0, len(DATA)),
        ("lines=1-2", 200, 0, len(DATA)),
        (f"bytes={len(DATA)}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
async def test_ranges(wanted: str, status: int, start: int, stop: int) -> None:
    """One range is served as asked; several, or senseless ones, give the whole; outside ones 416."""
    async with bench() as b:
        asset = b.emulator.add_asset(DATA)
        answer = await b.get(asset.resource_url, token=None, headers={"Range": wanted})
        assert (answer.status, answer.raw) == (status, DATA[start:stop])
        assert answer.headers["Content-Length"] == str(stop - start)
        expected = {
            200: None,
            206: f"bytes {start}-{stop - 1}/{len(DATA)}",
            416: f"bytes */{len(DATA)}",
        }
        assert answer.headers.get("Content-Range") == expected[status]


async def test_a_range_is_served_only_while_the_file_is_the_same() -> None:
    """If-Range with the file's ETag or date gives the part, any other gives the whole."""
    async with bench() as b:
        asset = b.emulator.add_asset(DATA)
        whole = await b.get(asset.resource_url, token=None)
        conditions = {
            whole.headers["ETag"]: 206,
            whole.headers["Last-Modified"]: 206,
            '"another"': 200,
            "Thu, 01 Jan 1970 00:00:00 GMT": 200,
            "garbage": 200,
        }
        for condition, status in conditions.items():
            headers = {"Range": "bytes=10-19", "If-Range": condition}
            assert (await b.get(asset.resource_url, token=None, headers=headers)).status == status


async def test_a_head_tells_the_length() -> None:
    """HEAD answers as GET does, without the bytes."""
    async with bench() as b:
        asset = b.emulator.add_asset(DATA)
        answer = await b.call("HEAD", asset.resource_url, token=None)
        assert (answer.status, answer.headers["Content-Length"], answer.raw) == (200, str(len(DATA)), b"")
        assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    "path",
    ["/files/in/1/x.mp4", "/files/out/1/bvh.zip", "/files/", "/files/in/1/%2e%2e%2fpasswd", "/files/out/a/b"],
)
async def test_other_files_are_not_there(path: str) -> None:
    """What was never issued is 404."""
    async with bench() as b:
        origin = b.emulator.url.removesuffix("/v1/kling")
        assert (await b.get(origin + path, token=None)).status == 404


async def test_motions_made_elsewhere_have_files_too() -> None:
    """Every URL in the lists can be fetched."""
    async with bench() as b:
        b.emulator.add_motion()
        for entry in [*await b.motions(), *(await b.get("/videos/motions")).body]:
            assert (await b.get(entry["resource"]["resource"], token=None)).raw == MP4_HEAD
            for url in (entry["cover"]["resource"], *entry["extData"].values()):
                assert (await b.get(url, token=None)).status == 200


def test_equal_bytes_are_kept_once() -> None:
    """Small and large blobs with the same content are one, and the spare file is removed."""
    store = BlobStore()
    kept = []
    for _ in range(2):
        for piece in (b"small", b"x" * 700_000):
            writer = store.writer()
            writer.write(piece)
            writer.write(piece)
            kept.append(writer.finish())
    assert kept[0] is kept[2]
    assert kept[1] is kept[3]
    assert store.put(b"smallsmall") is kept[0]
    path = kept[1].source
    assert not isinstance(path, bytes)
    assert list(path.parent.iterdir()) == [path]
    assert b"".join(kept[1].chunks(699_990, 700_020)) == b"x" * 30
    abandoned = store.writer()
    abandoned.write(b"y" * 2_000_000)
    abandoned.discard()
    assert list(path.parent.iterdir()) == [path]
    store.close()
    assert not path.parent.exists()
