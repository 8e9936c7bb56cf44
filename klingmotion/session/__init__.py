"""The session: everything the package does, one method each."""

from __future__ import annotations

from klingmotion.session.accounts import AccountMethods
from klingmotion.session.assets import AssetMethods
from klingmotion.session.batches import BatchMethods
from klingmotion.session.motions import MotionMethods
from klingmotion.session.tasks import TaskMethods
from klingmotion.session.videos import VideoMethods


class MotionSession(MotionMethods, VideoMethods, BatchMethods, TaskMethods, AssetMethods, AccountMethods):
    """Extracts motion from videos, and gives it to images, through the Kling API v1 of useapi.net.

    Use it as `async with MotionSession() as session:`, or call `close()` in the end. It may be made anywhere, also at
    module level, and entered again after it was closed. One session serves any number of concurrent calls on one event
    loop, and does better than several would: they share connections, pauses and looks.

    Args:
        token: The useapi.net API token; else `$USEAPI_TOKEN`. White space around it is ignored.
        email: The linked Kling account to use; else `$USEAPI_EMAIL`; needed where several are linked. Every call takes
            another as `email=`, but for `extract_motions`, which takes several as `accounts=`, and `accounts`,
            `capacity` and `running`, which are about all of them.
        base_url: Where the API lives; else `$KLINGMOTION_BASE_URL`, else `https://api.useapi.net/v1/kling`.
        retry: How requests that fail are repeated.
        poll: How often tasks are looked at.
        inbox: Where callbacks arrive. Submits ask for them, and they wake the waits they are about.
        http: An aiohttp session to use (for a proxy, say). It is never closed here.
        transport: Another way to reach the API altogether; `token`, `base_url` and `http` are then not used.

    Raises:
        ConfigurationError: The token or another option is missing or malformed.
    """
