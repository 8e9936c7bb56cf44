"""Sessions for commands: with the real API, or with an emulator that lives as long as the command."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from klingmotion.retry import PollPolicy
from klingmotion.session import MotionSession

INVENTED: Final = "The emulator invents its motions: nothing was extracted from the video."
INVENTED_VIDEO: Final = "The emulator invents its videos: neither motion nor image went into this one."

#: The pace of an emulated upload and task, in seconds: slow enough to be seen.
_UPLOAD, _SUBMITTED, _PROCESSING = 0.6, 0.8, 1.6


@asynccontextmanager
async def opened(
    email: str | None, *, emulated: bool = False, accounts: Sequence[str] = ()
) -> AsyncIterator[MotionSession]:
    """An open session. `accounts` are those that the emulator has, if it is to have several."""
    if not emulated:
        async with MotionSession(email=email) as session:
            yield session
        return
    from klingmotion.emulator import Account, ByTime, Emulator, StallAfter

    linked = [Account(one) for one in accounts or [account(email) or "performer@example.com"]]
    poll = PollPolicy(first=0.3, floor=0.3, listing_patience=5.0)
    async with (
        Emulator(accounts=linked, progress=ByTime(_SUBMITTED, _PROCESSING)) as emulator,
        MotionSession(emulator.token, email=linked[0].email, base_url=emulator.url, poll=poll) as session,
    ):
        emulator.fail("upload_asset", StallAfter(_UPLOAD), times=None)
        yield session


def account(email: str | None) -> str | None:
    """The linked account a session with this option uses."""
    return email or os.environ.get("USEAPI_EMAIL") or None
