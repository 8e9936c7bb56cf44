"""How far a transfer is, how fast it goes, how long it will take; and who is told of it how often."""

from __future__ import annotations

import contextlib
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from klingmotion import DownloadProgress, Motion, UploadProgress
from klingmotion.cli.amounts import clock, share_of, size
from klingmotion.cli.live import LiveDisplay, shortened
from klingmotion.cli.track import Event, Track
from klingmotion.cli.transfer import Transfer


class _Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Listener:
    def __init__(self) -> None:
        self.heard: list[Event] = []

    def show(self, track: Track, event: Event) -> None:
        assert track.transfer is not None
        self.heard.append(event)


def test_parts_are_taken_together() -> None:
    """Bytes, rate and time left are those of the sum."""
    now = _Clock()
    transfer = Transfer(["bvh", "video"], now)
    now.now += 2.0
    transfer.note("bvh", 1000, 2000)
    transfer.note("video", 3000, 18_000)
    assert (transfer.moved, transfer.total, transfer.share) == (4000, 20_000, 0.2)
    assert (transfer.rate, transfer.left) == (2000.0, 8.0)


def test_a_share_is_known_once_every_part_has_told_its_size() -> None:
    """A bar never goes back because another part begins."""
    transfer = Transfer(["bvh", "video"], _Clock())
    transfer.note("bvh", 1000, 2000)
    assert (transfer.total, transfer.share, transfer.left) == (None, None, None)
    transfer.note("video", 0, 18_000)
    assert transfer.share == 0.05


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """What was slow long ago does not count; what stands still becomes slower."""
    now = _Clock()
    transfer = Transfer(["file"], now)
    for second in range(1, 61):
        now.now += 1.0
        transfer.note("file", second * 10, 100_000)
    for second in range(1, 11):
        now.now += 1.0
        transfer.note("file", 600 + second * 1000, 100_000)
    assert transfer.rate == 1000.0
    now.now += 5.0
    assert transfer.rate == 500.0


def test_there_is_no_rate_at_once_and_no_time_left_without_one() -> None:
    """The first bytes only fill buffers."""
    now = _Clock()
    transfer = Transfer(["file"], now)
    transfer.note("file", 1000, 2000)
    assert (transfer.rate, transfer.left) == (None, None)
    now.now += 1.0
    assert (transfer.rate, transfer.left) == (1000.0, 1.0)
    transfer.note("file", 2000, 2000)
    assert transfer.left is None


def test_a_transfer_that_begins_again_has_no_negative_rate() -> None:
    """Its rate is measured anew."""
    now = _Clock()
    transfer = Transfer(["file"], now)
    now.now += 1.0
    transfer.note("file", 1000, 2000)
    transfer.note("file", 0, 2000)
    assert (transfer.moved, transfer.rate) == (0, None)
    now.now += 1.0
    transfer.note("file", 500, 2000)
    assert transfer.rate == 500.0


def test_programs_are_told_once_a_second_and_people_once() -> None:
    """An upload of many pieces is one line; in JSON it is an event for each second, and one for each new attempt."""
    now, listener = _Clock(), _Listener()
    track = Track(listener, "walk.mp4", clock=now)
    for attempt in (1, 2):
        for piece in range(1000):
            track.uploading(UploadProgress(sent=piece * 1000, total=1_000_000, attempt=attempt))
            now.now += 1 / 256
    assert [event.fields["sent"] for event in listener.heard] == [0, 256_000, 512_000, 768_000] * 2
    assert [event.words for event in listener.heard if event.words] == [
        ("uploading 1.0 MB",), ("uploading 1.0 MB, attempt 2",)
    ]  # fmt: skip


def test_a_download_of_several_parts_is_told_of_as_one() -> None:
    """The bytes are those of all parts; the total is null until every part has begun."""
    now, listener = _Clock(), _Listener()
    track = Track(listener, "walk.mp4", clock=now)
    track.downloading(Motion(task_id=17, work_id=5), ["bvh", "video"])
    for received in range(0, 3001, 1000):
        track.received(DownloadProgress(part="bvh", received=received, total=3000))
        now.now += 0.4
    track.received(DownloadProgress(part="video", received=0, total=7000))
    track.received(DownloadProgress(part="video", received=7000, total=7000))
    now.now += 1.0
    track.received(DownloadProgress(part="video", received=7000, total=7000))
    fields = [(event.fields["task_id"], event.fields["received"], event.fields["total"]) for event in listener.heard]
    assert fields == [(17, 0, None), (17, 3000, None), (17, 10_000, 10_000)]
    assert [event.words for event in listener.heard] == [("downloading",), (), ()]


@pytest.mark.parametrize(
    ("columns", "drawn"),
    [
        (100, ["a-rath…of-a-clip.mp4", "uploading  25%", "━━", "5.0/20.0 MB", "2.5 MB/s", "0:06 left", "0:02"]),
        (80, ["a-", "uploading  25%", "5.0/20.0 MB", "2.5 MB/s", "0:06 left", "0:02"]),
        (60, ["a-…p.mp4", "uploading  25%", "2.5 MB/s", "0:06 left", "0:02"]),
        (40, ["a-", "uploading  25%", "0:02"]),
    ],
)
def test_a_line_shows_as_much_of_a_transfer_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, columns: int, drawn: list[str]
) -> None:
    """On one line, whatever the width: first the bar goes, then the bytes."""
    now = _Clock()
    with contextlib.redirect_stderr(io.StringIO()):
        display = LiveDisplay()
    monkeypatch.setattr(display, "_console", Console(width=columns, file=io.StringIO()))
    track = Track(display, "a-rather-long-name-of-a-clip.mp4", clock=now)
    display.tracks.append(track)
    track.begin()
    track.uploading(UploadProgress(sent=0, total=20_000_000))
    now.now += 2.0
    track.uploading(UploadProgress(sent=5_000_000, total=20_000_000))
    paper = Console(width=columns, file=io.StringIO())
    with paper.capture() as picture:
        paper.print(display._picture())
    [line] = picture.get().splitlines()
    assert len(line) <= columns
    places = [line.find(word) for word in drawn]
    assert -1 not in places, line
    assert places == sorted(places)


@pytest.mark.parametrize("columns", [8, 12, 20, 30])
def test_names_that_differ_at_their_ends_stay_different(columns: int) -> None:
    """However narrow the terminal; signs of two columns are counted as such."""
    names = [f"clip-with-long-name-{number}.mp4" for number in range(1, 8)]
    assert len({shortened(name, columns, "…") for name in names}) == 7
    for name in [*names, "\u821e" * 20]:
        assert cell_len(shortened(name, columns, "…")) <= columns
    assert shortened("short.mp4", 9, "…") == "short.mp4"


def test_amounts_are_in_the_unit_that_suits() -> None:
    """Of bytes and of seconds."""
    assert [size(999), size(1000), size(1_000_000), size(190_544.0)] == ["999 bytes", "1.0 kB", "1.0 MB", "190.5 kB"]
    assert [share_of(1, 999), share_of(500, 2000), share_of(500, 2_000_000)] == [
        "1/999 bytes", "0.5/2.0 kB", "0.0/2.0 MB"
    ]  # fmt: skip
    assert [clock(0), clock(65.9), clock(6000)] == ["0:00", "1:05", "100:00"]
