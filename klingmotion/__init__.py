"""klingmotion: motion data from a video of a person, through the Kling API v1 of useapi.net.

async with MotionSession() as session:
    motion = await session.extract_motion("dance.mp4")
    files = await session.download_motion(motion, "out/")
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klingmotion.accounts import Account, AccountSession, Balance
    from klingmotion.aiohttp_transport import AiohttpTransport
    from klingmotion.assets import AssetDeletion, UploadedAsset
    from klingmotion.batch.batch import Batch
    from klingmotion.batch.intake import Videos
    from klingmotion.batch.outcome import Outcome
    from klingmotion.batch.register import BatchTotals
    from klingmotion.downloads import Part
    from klingmotion.engine import TaskLike
    from klingmotion.errors import (
        AccountError,
        APIConnectionError,
        APIResponseError,
        APIStatusError,
        APITimeoutError,
        AssetNotFoundError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        DownloadError,
        EndpointUnavailableError,
        GoneError,
        InsufficientCreditsError,
        InternalServerError,
        InvalidRequestError,
        JournalError,
        KlingMotionError,
        ModerationError,
        MotionNotListedError,
        NotFoundError,
        PermissionDeniedError,
        PersonNotFoundError,
        RateLimitError,
        RejectedInputError,
        SubmitUncertainError,
        SubscriptionError,
        TaskError,
        TaskFailedError,
        TaskGoneError,
        TaskTimeoutError,
    )
    from klingmotion.farewell import OnCancel
    from klingmotion.fetching import OnDownload
    from klingmotion.forms import VideoOptions
    from klingmotion.hooks import OnTask
    from klingmotion.media import FileLike
    from klingmotion.models import (
        Asset,
        Capacity,
        Deletion,
        DownloadProgress,
        Json,
        Limitation,
        MediaFile,
        Motion,
        MotionFiles,
        PointGrant,
        RunningTask,
        Task,
        TaskArgument,
        TaskInfo,
        TaskInput,
        Ticket,
        UploadProgress,
        UserPoints,
        UserTickets,
        Work,
        WorkComment,
    )
    from klingmotion.refs import TaskRef
    from klingmotion.requests import Endpoint, Request
    from klingmotion.responses import Response
    from klingmotion.retry import PollPolicy, RetryPolicy
    from klingmotion.session import MotionSession
    from klingmotion.sources import ImageLike, MotionLike
    from klingmotion.transport import ByteSource, Download, Transport
    from klingmotion.uploads import OnUpload
    from klingmotion.videos import Video, VideoFile
    from klingmotion.webhooks import WebhookInbox

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "Account",
    "AccountError",
    "AccountSession",
    "AiohttpTransport",
    "Asset",
    "AssetDeletion",
    "AssetNotFoundError",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "Batch",
    "BatchTotals",
    "ByteSource",
    "Capacity",
    "ConfigurationError",
    "Deletion",
    "Download",
    "DownloadError",
    "DownloadProgress",
    "Endpoint",
    "EndpointUnavailableError",
    "FileLike",
    "GoneError",
    "ImageLike",
    "InsufficientCreditsError",
    "InternalServerError",
    "InvalidRequestError",
    "JournalError",
    "Json",
    "KlingMotionError",
    "Limitation",
    "MediaFile",
    "ModerationError",
    "Motion",
    "MotionFiles",
    "MotionLike",
    "MotionNotListedError",
    "MotionSession",
    "NotFoundError",
    "OnCancel",
    "OnDownload",
    "OnTask",
    "OnUpload",
    "Outcome",
    "Part",
    "PermissionDeniedError",
    "PersonNotFoundError",
    "PointGrant",
    "PollPolicy",
    "RateLimitError",
    "RejectedInputError",
    "Request",
    "Response",
    "RetryPolicy",
    "RunningTask",
    "SubmitUncertainError",
    "SubscriptionError",
    "Task",
    "TaskArgument",
    "TaskError",
    "TaskFailedError",
    "TaskGoneError",
    "TaskInfo",
    "TaskInput",
    "TaskLike",
    "TaskRef",
    "TaskTimeoutError",
    "Ticket",
    "Transport",
    "UploadProgress",
    "UploadedAsset",
    "UserPoints",
    "UserTickets",
    "Video",
    "VideoFile",
    "VideoOptions",
    "Videos",
    "WebhookInbox",
    "Work",
    "WorkComment",
    "__version__",
]

#: Where the public names are. Each is imported when it is first asked for: whoever only catches an error, or has the
#: pytest plugin installed, does not pay for aiohttp and for most of this package.
_HOMES = {
    name: home
    for home, names in {
        "accounts": ("Account", "AccountSession", "Balance"),
        "aiohttp_transport": ("AiohttpTransport",),
        "assets": ("AssetDeletion", "UploadedAsset"),
        "batch.batch": ("Batch",),
        "batch.intake": ("Videos",),
        "batch.outcome": ("Outcome",),
        "batch.register": ("BatchTotals",),
        "hooks": ("OnTask",),
        "downloads": ("Part",),
        "engine": ("TaskLike",),
        "errors": (
            "AccountError",
            "APIConnectionError",
            "APIResponseError",
            "APIStatusError",
            "APITimeoutError",
            "AssetNotFoundError",
            "AuthenticationError",
            "BadRequestError",
            "ConfigurationError",
            "DownloadError",
            "EndpointUnavailableError",
            "GoneError",
            "InsufficientCreditsError",
            "InternalServerError",
            "InvalidRequestError",
            "JournalError",
            "KlingMotionError",
            "ModerationError",
            "MotionNotListedError",
            "NotFoundError",
            "PermissionDeniedError",
            "PersonNotFoundError",
            "RateLimitError",
            "RejectedInputError",
            "SubmitUncertainError",
            "SubscriptionError",
            "TaskError",
            "TaskFailedError",
            "TaskGoneError",
            "TaskTimeoutError",
        ),
        "farewell": ("OnCancel",),
        "fetching": ("OnDownload",),
        "forms": ("VideoOptions",),
        "media": ("FileLike",),
        "models": (
            "Asset",
            "Capacity",
            "Deletion",
            "DownloadProgress",
            "Json",
            "Limitation",
            "MediaFile",
            "Motion",
            "MotionFiles",
            "PointGrant",
            "RunningTask",
            "Task",
            "TaskArgument",
            "TaskInfo",
            "TaskInput",
            "Ticket",
            "UploadProgress",
            "UserPoints",
            "UserTickets",
            "Work",
            "WorkComment",
        ),
        "refs": ("TaskRef",),
        "requests": ("Endpoint", "Request"),
        "responses": ("Response",),
        "retry": ("PollPolicy", "RetryPolicy"),
        "session": ("MotionSession",),
        "sources": ("MotionLike", "ImageLike"),
        "transport": ("ByteSource", "Download", "Transport"),
        "uploads": ("OnUpload",),
        "videos": ("Video", "VideoFile"),
        "webhooks": ("WebhookInbox",),
    }.items()
    for name in names
}


if not TYPE_CHECKING:  # a type checker would take any name at all to be there

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found: object = getattr(importlib.import_module(f"klingmotion.{home}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(globals().keys() | _HOMES.keys())
