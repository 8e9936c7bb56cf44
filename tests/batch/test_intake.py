"""What goes into a batch: paths read as they are wanted, clips known by their content (behaviours B5, B6)."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from klingmotion import InvalidRequestError
from klingmotion.batch.intake import admit, each, parameters
from klingmotion.batch.journal import Row, State
from klingmotion.batch.sqlite_journal import SqliteJournal
from tests.batch.journals import NOW, moved, opened
from tests.emulator.clips import mp4

PLAIN = parameters("")


def written(path: Path, number: int = 1, *, mtime: int | None = None) -> Path:
    """A clip on disk, with content of its own for each number."""
    path.write_bytes(mp4(5.0, padding=number))
    if mtime is not None:
        os.utime(path, ns=(mtime, mtime))
    return path


async def admitted(journal: SqliteJournal, path: Path | str, params: str = PLAIN) -> Row:
    return await admit(journal, str(path), params, NOW)


# --- What can be given ----------------------------------------------------------------------------------------------


async def asynchronous(*paths: str) -> AsyncIterator[str]:
    for path in paths:
        yield path


@pytest.mark.parametrize(
    "videos",
    [["a.mp4", "b.mp4"], ("a.mp4", "b.mp4"), iter(["a.mp4", "b.mp4"]), [Path("a.mp4"), Path("b.mp4")],
     {"a.mp4": 1, "b.mp4": 2}, asynchronous("a.mp4", "b.mp4")],
    ids=["list", "tuple", "iterator", "paths", "keys", "async"],
)  # fmt: skip
async def test_any_iterable_of_paths_will_do(videos: list[str]) -> None:
    """They come out in their order, spelled as they were given."""
    assert [path async for path in each(videos)] == ["a.mp4", "b.mp4"]


async def test_paths_are_read_only_as_they_are_wanted() -> None:
    """An endless source is no trouble: nobody reads ahead here."""
    read: list[int] = []

    def endless() -> Iterator[str]:
        for number in itertools.count():
            read.append(number)
            yield f"{number}.mp4"

    async with aclosing(each(endless())) as paths:  # type: ignore[type-var]  # an async generator, typed as what it gives
        assert [await anext(paths) for _ in range(3)] == ["0.mp4", "1.mp4", "2.mp4"]
    assert read == [0, 1, 2]


@pytest.mark.parametrize("thing", [b"bytes of a film", 7, None, b"path.mp4"])
async def test_what_is_no_path_is_refused(thing: object) -> None:
    """A batch is known by paths and contents, so bytes alone will not do."""
    with pytest.raises(InvalidRequestError, match="takes paths"):
        [path async for path in each([thing])]  # type: ignore[list-item]  # that is the point


# --- By content -----------------------------------------------------------------------------------------------------


async def test_the_same_content_under_two_names_is_one_clip(tmp_path: Path) -> None:
    """Both names lead to its row."""
    async with opened() as journal:
        first = await admitted(journal, written(tmp_path / "a.mp4"))
        second = await admitted(journal, written(tmp_path / "b.mp4"))
        other = await admitted(journal, written(tmp_path / "c.mp4", 2))
        assert second == first
        assert other.key != first.key
        found = [Path(clip.source).name for clip in await journal.sources(first.key)]
        assert found == ["a.mp4", "b.mp4"]


async def test_a_salt_makes_another_clip_of_the_same_content(tmp_path: Path) -> None:
    """Whoever wants it extracted again says so; the same salt is the same clip."""
    path = written(tmp_path / "a.mp4")
    async with opened() as journal:
        plain = await admitted(journal, path)
        salted = await admitted(journal, path, parameters("again"))
        assert salted.key != plain.key
        assert salted.content_hash == plain.content_hash
        assert await admitted(journal, path, parameters("again")) == salted
        assert await admitted(journal, path) == plain


async def test_a_file_that_was_written_over_is_another_clip(tmp_path: Path) -> None:
    """The old row stays as it is."""
    path = written(tmp_path / "a.mp4", 1)
    async with opened() as journal:
        old = await admitted(journal, path)
        new = await admitted(journal, written(path, 2))
        assert new.key != old.key
        assert await journal.row(old.key) == old


async def test_a_file_that_was_only_touched_is_the_same_clip(tmp_path: Path) -> None:
    """It is read again, and its content says so; its new time is remembered."""
    path = written(tmp_path / "a.mp4", mtime=10**18)
    async with opened() as journal:
        row = await admitted(journal, path)
        os.utime(path, ns=(2 * 10**18, 2 * 10**18))
        assert await admitted(journal, path) == row
        assert [clip.mtime_ns for clip in await journal.sources(row.key)] == [2 * 10**18]


async def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path: Path) -> None:
    """Going on with ten thousand clips does not read ten thousand files."""
    path = written(tmp_path / "a.mp4", mtime=10**18)
    async with opened() as journal:
        row = await admitted(journal, path)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(10**18, 10**18))
        assert await admitted(journal, path) == row, "its content was not looked at"


async def test_a_relative_path_is_known_by_its_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run from another directory finds the same clips."""
    written(tmp_path / "a.mp4")
    (tmp_path / "deep").mkdir()
    async with opened() as journal:
        monkeypatch.chdir(tmp_path)
        row = await admitted(journal, "a.mp4")
        assert row.source == str(tmp_path / "a.mp4")
        monkeypatch.chdir(tmp_path / "deep")
        (tmp_path / "a.mp4").unlink()
        assert await admitted(journal, "../a.mp4") == row


# --- Missing files --------------------------------------------------------------------------------------------------


async def test_a_missing_file_the_journal_has_never_seen_is_an_error(tmp_path: Path) -> None:
    """It says which, and why."""
    async with opened() as journal:
        with pytest.raises(InvalidRequestError, match=r"gone\.mp4 cannot be read: No such file"):
            await admitted(journal, tmp_path / "gone.mp4")
        with pytest.raises(InvalidRequestError, match="is no file"):
            await admitted(journal, tmp_path)
        assert await journal.rows() == []


async def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """A pipe would be waited for, and a device read, for ever."""
    os.mkfifo(tmp_path / "pipe.mp4")
    async with opened() as journal:
        with pytest.raises(InvalidRequestError, match=r"pipe\.mp4 is no file"):
            await admitted(journal, tmp_path / "pipe.mp4")


async def test_a_missing_file_the_journal_knows_is_its_clip(tmp_path: Path) -> None:
    """B6: what was submitted needs its file no more."""
    path = written(tmp_path / "a.mp4")
    async with opened() as journal:
        row = await moved(journal, await admitted(journal, path), State.ASSETS)
        path.unlink()
        assert await admitted(journal, path) == row
        with pytest.raises(InvalidRequestError):  # another salt was never seen
            await admitted(journal, path, parameters("again"))


async def test_a_missing_file_is_found_with_each_of_its_salts(tmp_path: Path) -> None:
    """The path was given with two; each leads to its own row after the file is gone."""
    path = written(tmp_path / "a.mp4")
    async with opened() as journal:
        plain = await admitted(journal, path)
        salted = await admitted(journal, path, parameters("again"))
        path.unlink()
        assert await admitted(journal, path, parameters("again")) == salted
        assert await admitted(journal, path) == plain


@pytest.mark.parametrize("name", ["nul\0byte.mp4", "", "x" * 5000])
async def test_a_name_no_file_can_have_is_an_error_of_its_clip(name: str) -> None:
    """Whatever the system says to it."""
    async with opened() as journal:
        with pytest.raises(InvalidRequestError):
            await admitted(journal, name)


async def test_a_name_that_is_no_text_is_refused_not_stumbled_over(tmp_path: Path) -> None:
    """A file name is bytes to the system; one that is no UTF-8 cannot be written down, and concerns no other clip."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    written(path)
    async with opened() as journal:
        with pytest.raises(InvalidRequestError, match="rename"):
            await admitted(journal, path)
