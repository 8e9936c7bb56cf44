"""Uploads of assets: streamed, and sent again from the first byte where that helps."""

from __future__ import annotations

from collections.abc import Callable

from klingmotion import replies, requests
from klingmotion.calls import Calls
from klingmotion.errors import APIResponseError, KlingMotionError
from klingmotion.media import Media
from klingmotion.models import Asset, UploadProgress
from klingmotion.progress import Teller
from klingmotion.refusals import is_passing

OnUpload = Callable[[UploadProgress], object]


async def upload(
    calls: Calls,
    media: Media,
    *,
    email: str | None,
    on_progress: OnUpload | None,
    deadline: float | None = None,
) -> Asset:
    """Upload a file, as often as the retry policy allows: a duplicate asset does no harm.

    Raises:
        APIResponseError: The answer does not mean success.
        KlingMotionError: It could not be uploaded.
    """
    request = requests.upload_asset(media.content_type, email=email)
    teller = Teller(on_progress)
    attempt = 0

    def tell(sent: int) -> None:
        if teller.listens:
            teller.tell(UploadProgress(sent=sent, total=media.source.size, attempt=attempt))

    async def once() -> Asset:
        nonlocal attempt
        attempt += 1
        tell(0)
        response = await calls.answer(
            request,
            lambda timeout: calls.transport.upload(
                request, media.source, on_sent=tell, timeout=None if deadline is None else timeout
            ),
            deadline=deadline,
            limit=float("inf"),  # a slow line may take its time: only a transfer that stands still is given up
        )
        return replies.read(request, response, calls.transport.utcnow(), replies.asset)

    return await calls.retried(once, again=_again, deadline=deadline)


def _again(error: KlingMotionError) -> bool:
    """An answer that says no in its `status` is final; the rest may pass."""
    return is_passing(error) and not (isinstance(error, APIResponseError) and error.path == "$.status")


def check_submittable(video: Asset, *, needs_cover: bool = True) -> None:
    """Refuse an answer to an upload that leaves nothing to submit.

    Raises:
        APIResponseError: A URL that a submit needs is missing or none.
    """
    usable("resourceUrl", video.resource_url)
    if needs_cover:
        usable("coverUrl", video.cover_url)


def usable(name: str, url: str | None) -> str:
    """A URL in the answer to an upload, as a submit needs it.

    Raises:
        APIResponseError: It is missing or none: that is the server's fault, not the caller's.
    """
    if not url or not url.startswith(("http://", "https://")) or not url.isprintable():
        way_out = ", or give cover=" if name == "coverUrl" else ""
        text = f"the answer to the upload holds no usable {name}: {url!r}; upload again{way_out}"
        raise APIResponseError(text, status=200, path=f"$.{name}")
    return url
