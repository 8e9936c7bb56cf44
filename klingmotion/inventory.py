"""What an account holds, page by page: its uploaded assets, and the tasks of its past."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import attrs
from attrs import frozen

from klingmotion import replies, requests
from klingmotion.assets import UploadedAsset
from klingmotion.calls import Calls
from klingmotion.errors import InvalidRequestError
from klingmotion.models import Task
from klingmotion.requests import Request

#: Pages followed at most.
_MOST_PAGES = 1000

#: Entries that a page of uploaded assets has at most for certain: how many more a server grants is not documented.
_CERTAIN_PAGE = 20


@frozen(kw_only=True)
class AssetFilter:
    """Which uploaded assets, in which order, how many at once."""

    content_type: str | None = None
    name: str | None = None
    oldest_first: bool = False
    page_size: int = _CERTAIN_PAGE
    email: str | None = None

    def __attrs_post_init__(self) -> None:
        self.page(1)  # refuses what is wrong here, not at the first step

    def page(self, number: int) -> Request:
        """The request for one page."""
        return requests.list_uploaded(page=number, **attrs.asdict(self))


async def uploaded_assets(calls: Calls, wanted: AssetFilter) -> AsyncGenerator[UploadedAsset, None]:
    """Every uploaded asset once: pages shift while assets arrive."""
    seen: set[int | UploadedAsset] = set()
    for number in range(1, _MOST_PAGES + 1):
        found = await calls.repeat(wanted.page(number), replies.uploaded)
        fresh = {asset if asset.id is None else asset.id: asset for asset in found}
        fresh = {mark: asset for mark, asset in fresh.items() if mark not in seen}
        seen |= fresh.keys()
        for asset in fresh.values():
            yield asset
        if not fresh or len(found) < min(wanted.page_size, _CERTAIN_PAGE):
            return


@frozen(kw_only=True)
class TaskFilter:
    """Which tasks of the past."""

    created_after: datetime | None = None
    created_before: datetime | None = None
    content_type: str | None = None
    email: str | None = None

    def __attrs_post_init__(self) -> None:
        self.page(None)  # refuses what is wrong here, not at the first step
        for name in ("created_after", "created_before"):
            moment = getattr(self, name)
            if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
                raise InvalidRequestError(f"{name} must be a time with a zone, got {moment!r}")
        if self.created_after and self.created_before and self.created_after >= self.created_before:
            raise InvalidRequestError(
                f"created_after ({self.created_after}) must be earlier than created_before ({self.created_before})"
            )

    def page(self, edge: int | None) -> Request:
        """The request for what was created before `edge`, in epoch milliseconds."""
        return requests.list_tasks(created_before=edge, content_type=self.content_type, email=self.email)

    def takes(self, task: Task) -> bool:
        """Whether a task is wanted; one without a time may be."""
        made = task.created_at
        after = made is None or self.created_after is None or made >= self.created_after
        return after and (made is None or self.created_before is None or made < self.created_before)


async def tasks(calls: Calls, wanted: TaskFilter) -> AsyncGenerator[Task, None]:
    """Every task of the list that shows an id once, from the newest back.

    Only one bound can be asked for at a time, and pages have no numbers: each next one ends where the last began, with
    one millisecond in common, for whether the bound itself is included is not documented.
    """
    seen: set[int] = set()
    edge = None if wanted.created_before is None else _milliseconds(wanted.created_before)
    for _ in range(_MOST_PAGES):
        page = await calls.repeat(wanted.page(edge), replies.history)
        fresh = {task.id: task for task in page.tasks if task.id not in seen}
        seen |= fresh.keys()
        for task in fresh.values():
            if wanted.takes(task):
                yield attrs.evolve(task, ref=attrs.evolve(task.ref, email=wanted.email))
        oldest = min((task.created_at for task in page.tasks if task.created_at), default=None)
        if not fresh or oldest is None or (wanted.created_after is not None and oldest < wanted.created_after):
            return
        edge = _milliseconds(oldest) + 1


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
