"""An emulator and a session that talks to it, for one test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from klingmotion import AiohttpTransport, Asset, MotionSession
from klingmotion.emulator import Emulator

TOKEN = "user:1-example"

#: Where the virtual clocks begin.
_WALL, _LOOP = datetime.now(UTC), 1_000.0
CLIP = files("klingmotion") / "samples" / "walk.mp4"


def now() -> float:
    """The running loop's clock: virtual, in tests."""
    return asyncio.get_running_loop().time()


class VirtualTransport(AiohttpTransport):
    """The real transport, whose wall clock moves with the running loop's, as the emulator's does."""

    def utcnow(self) -> datetime:
        return _WALL + timedelta(seconds=now() - _LOOP)


def virtual_session(emulator: Emulator, **options: Any) -> MotionSession:
    """A session in virtual time, also for what it reads from a wall clock."""
    return MotionSession(transport=VirtualTransport(emulator.url, emulator.token), **options)


@asynccontextmanager
async def staged(emulator: Emulator | None = None, **options: Any) -> AsyncIterator[tuple[Emulator, MotionSession]]:
    """A started emulator and an entered session; `options` are the session's."""
    async with (
        emulator or Emulator() as started,
        MotionSession(TOKEN, base_url=started.url, **options) as session,
    ):
        yield started, session


async def uploaded(session: MotionSession, **options: Any) -> Asset:
    """The sample clip, uploaded."""
    return await session.upload_asset(CLIP.read_bytes(), **options)


async def submitted(session: MotionSession, **options: Any) -> Any:
    """The task of the sample clip, uploaded and submitted."""
    asset = await uploaded(session, email=options.get("email"))
    assert asset.resource_url is not None
    assert asset.cover_url is not None
    return await session.submit_motion(asset.resource_url, asset.cover_url, **options)
