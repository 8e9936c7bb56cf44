"""Hooks for bytes: who may be told of a transfer."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from klingmotion import DownloadProgress, InvalidRequestError, UploadProgress
from klingmotion.emulator.artefacts import cover_png
from klingmotion.progress import Teller
from tests.stage import CLIP, staged

CLIPPED, PICTURE = CLIP.read_bytes(), cover_png(320, 320)


async def asynchronous(*_: object) -> None:
    """Would have to be awaited."""


class Asynchronous:
    """A call of it would have to be awaited."""

    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "hook",
    [asynchronous, functools.partial(asynchronous, "walk.mp4"), Asynchronous(), Asynchronous().__call__],
    ids=["function", "partial", "object", "method"],
)
async def test_a_coroutine_function_is_refused_before_anything_is_sent(hook: Any, tmp_path: Path) -> None:
    """It would be called, and never awaited: by every call that takes such a hook."""
    async with staged() as (emulator, session):
        motion, video = await session.extract_motion(CLIPPED), await session.create_video(CLIPPED, PICTURE)
        before = emulator.books.count()
        calls = (
            lambda: session.upload_asset(CLIPPED, on_progress=hook),
            lambda: session.extract_motion(CLIPPED, on_progress=hook),
            lambda: session.create_video(CLIPPED, PICTURE, on_progress=hook),
            lambda: session.download_motion(motion, tmp_path, on_progress=hook),
            lambda: session.download_video(video, tmp_path, on_progress=hook),
        )
        for call in calls:
            with pytest.raises(InvalidRequestError, match="on_progress must be a plain function"):
                await call()
        with pytest.raises(InvalidRequestError, match="on_progress must be a plain function"):
            session.extract_motions([], on_progress=hook)
        assert emulator.books.count() == before


async def test_it_is_refused_where_there_is_nothing_to_upload_too() -> None:
    """The slip is the same, and shows before the next call has a file."""
    async with staged() as (emulator, session):
        asset, image = await session.upload_asset(CLIPPED), await session.upload_asset(PICTURE)
        before = emulator.books.count()
        with pytest.raises(InvalidRequestError, match="on_progress must be a plain function"):
            await session.extract_motion(asset, on_progress=asynchronous)
        with pytest.raises(InvalidRequestError, match="on_progress must be a plain function"):
            await session.create_video(asset, image, on_progress=asynchronous)
        assert emulator.books.count() == before


@pytest.mark.parametrize("hook", [print, functools.partial(print, "walk.mp4"), [].append, None])
def test_whatever_is_just_called_may_be_told(hook: Any) -> None:
    """A function, a method, one with arguments before, nobody."""
    told: Teller[UploadProgress | DownloadProgress] = Teller(hook)
    assert told.listens is (hook is not None)
