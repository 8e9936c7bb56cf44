"""Commands about what an account holds: assets, tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Final, Literal, NoReturn, cast

import typer

from klingmotion.assets import UploadedAsset
from klingmotion.cli import options
from klingmotion.cli.display import Display
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.failure import ExitCode
from klingmotion.cli.rows import Row, instant, length, listing, moment, show_rows
from klingmotion.cli.sessions import opened
from klingmotion.cli.streams import printable
from klingmotion.cli.tasks import confirm
from klingmotion.cli.track import Event, Stage, Track
from klingmotion.errors import NotFoundError
from klingmotion.models import Task
from klingmotion.videos import Video, makes_video
from klingmotion.wire import spell

Kind = Literal["video", "image", "audio"]

_TIMES: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def _time(text: str) -> datetime:
    """A local time, as it is given."""
    for form in _TIMES:
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007  # the zone is added where it is used
    raise typer.BadParameter(f"{text!r} is no time; give one such as 2026-01-31 or 2026-01-31T18:30")


Delete = Annotated[
    list[str] | None,
    typer.Option(metavar="ID,..", help="Delete these assets instead, for good. May be repeated; up to 10 at once."),
]
Name = Annotated[str | None, typer.Option(metavar="TEXT", help="Only assets whose names hold this.")]
OldestFirst = Annotated[bool, typer.Option("--oldest-first", metavar="", help="In the order of their upload.")]
After = Annotated[datetime | None, typer.Option(metavar="TIME", parser=_time, help="Only tasks from then on.")]
Before = Annotated[datetime | None, typer.Option(metavar="TIME", parser=_time, help="Only tasks before then.")]
Limit = Annotated[int, typer.Option(metavar="N", min=0, help="How many tasks at most; 0 for all.")]


def assets(
    kind: options.ContentType = None,
    name: Name = None,
    oldest_first: OldestFirst = False,
    delete: Delete = None,
    yes: options.Yes = False,
    email: options.Email = None,
    json: options.Json = False,
) -> None:
    """Show the uploaded assets, the newest first; with --delete, delete some of them for good.

    On a terminal as a table; else one line each, with id, type, name, time and link between tabs. A delete asks first;
    where nobody can answer, --yes is needed.
    """
    if delete:
        _delete([one.strip() for several in delete for one in several.split(",")], email, yes=yes, json=json)

    async def show(track: Track, display: Display) -> None:
        async with opened(email) as session:
            found = session.uploaded_assets(
                content_type=cast("Kind | None", kind), name=name, oldest_first=oldest_first
            )
            rows = (_asset_row(asset) async for asset in found)
            await show_rows(rows, track, display, otherwise="There is no asset.")

    async def work(display: Display) -> ExitCode:
        track = listing(Track(display, "assets"), display, "listing the assets")
        return await attempt(track, show(track, display))

    execute(work, json=json)


def _delete(ids: list[str], email: str | None, *, yes: bool, json: bool) -> NoReturn:
    names = ", ".join(map(printable, ids))
    if not yes:
        confirm(f"Delete the uploaded assets {names}, for good?")

    async def end(track: Track, display: Display) -> None:
        async with opened(email) as session:
            deletion = await session.delete_asset(*ids)
        if not deletion.deleted and not deletion.asset_ids:
            raise NotFoundError(f"nothing was deleted: the account has no uploaded asset {names}", status=404)
        track.note(Event("deleted", (), {"deleted": deletion.deleted, "asset_ids": list(deletion.asset_ids)}))
        track.over()
        display.answer(f"assets deleted: {', '.join(map(str, deletion.asset_ids)) or 'none'}")

    async def work(display: Display) -> ExitCode:
        track = Track(display, "assets")
        track.stage = Stage.DELETING
        display.tracks.append(track)
        display.busy(track, f"deleting the assets {names}")
        return await attempt(track, end(track, display))

    execute(work, json=json)


def tasks(
    kind: options.ContentType = None,
    after: After = None,
    before: Before = None,
    limit: Limit = 40,
    email: options.Email = None,
    json: options.Json = False,
) -> None:
    """Show the account's tasks, the newest first.

    On a terminal as a table; else one line each, with id, time, type, status and link between tabs. Times are local
    times: 2026-01-31, or with hours as 2026-01-31T18:30.
    """

    async def show(track: Track, display: Display) -> None:
        async with opened(email) as session:
            found = session.tasks(
                created_after=_aware(after), created_before=_aware(before), content_type=cast("Kind | None", kind)
            )
            rows = _first(found, limit)
            await show_rows(rows, track, display, otherwise="There is no task.")

    async def work(display: Display) -> ExitCode:
        track = listing(Track(display, "tasks"), display, "listing the tasks")
        return await attempt(track, show(track, display))

    execute(work, json=json)


async def _first(found: AsyncIterator[Task], limit: int) -> AsyncIterator[Row]:
    """A row for each task, up to the limit."""
    shown = 0
    async for task in found:
        yield _task_row(task)
        shown += 1
        if shown == limit:
            return


def _aware(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone()


# --- How they look --------------------------------------------------------------------------------------------------


def _asset_row(asset: UploadedAsset) -> Row:
    return Row(
        event=Event("asset", (), {"asset_id": asset.id, "asset": spell(asset)}),
        columns=(asset.id, asset.content_type, asset.name, instant(asset.created_at), asset.url),
        cells={
            "asset": asset.id,
            "type": asset.content_type,
            "name": asset.name,
            "length": length((asset.resource.duration or None) if asset.resource is not None else None),
            "uploaded": moment(asset.created_at),
        },
    )


def _product(task: Task) -> str:
    """What a task makes: other programs may have asked for other things."""
    if not makes_video(task):
        return "motion"
    return next((work.content_type for work in task.works if work.content_type), "video")


def _task_row(task: Task) -> Row:
    kind = task.type or (task.info.type if task.info is not None else None)
    link = Video(task=task).url
    return Row(
        event=Event("task", (), {"task_id": task.id, "ref": str(task.ref), "task": spell(task)}),
        columns=(task.id, instant(task.created_at), kind, task.status_name, link),
        cells={
            "task": task.id,
            "made": moment(task.created_at),
            "makes": _product(task),
            "status": task.status_name,
            "works": ", ".join(str(work.work_id) for work in task.works),
        },
    )
