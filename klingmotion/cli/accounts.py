"""Commands about the linked accounts: accounts, capacity, running."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import typer

from klingmotion.accounts import Account
from klingmotion.cli import options
from klingmotion.cli.display import Display
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.failure import ExitCode, reworded
from klingmotion.cli.rows import Row, at_once, instant, listing, moment, show_rows
from klingmotion.cli.sessions import opened
from klingmotion.cli.track import Event, Stage, Track
from klingmotion.errors import AccountError, NotFoundError
from klingmotion.models import Capacity, RunningTask
from klingmotion.refs import TaskRef
from klingmotion.session import MotionSession
from klingmotion.wire import spell

Rows = Callable[[MotionSession], Awaitable[list[Row]]]

AccountEmail = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="This linked account alone, with its balance.")
]
Untrack = Annotated[
    str | None,
    typer.Option(metavar="TASK", help="Stop tracking this task, which frees its slot; Kling goes on with it."),
]


def accounts(email: AccountEmail = None, json: options.Json = False) -> None:
    """Show the linked Kling accounts; with --email one of them, with its balance.

    On a terminal as a table; else one line each, with address, most jobs, end of the session, points and trouble
    between tabs.
    """

    async def rows(session: MotionSession) -> list[Row]:
        found = await session.accounts() if email is None else [await _linked(session, email)]
        return [_account_row(account) for account in found]

    _show(rows, "accounts", "asking for the accounts", "No account is linked.", json=json)


def capacity(json: options.Json = False) -> None:
    """Show how many tasks each linked account may run, and runs.

    On a terminal as a table; else one line each, with address, most jobs, running and free slots between tabs.
    """

    async def rows(session: MotionSession) -> list[Row]:
        return [_capacity_row(slots) for slots in await session.capacity()]

    _show(rows, "capacity", "asking for the free slots", "No account is linked.", json=json)


def running(untrack: Untrack = None, json: options.Json = False) -> None:
    """Show the tasks that the API tracks now, of all linked accounts.

    On a terminal as a table; else one line each, with task id, account, start, duration and reply ref between tabs.
    """
    if untrack is not None:
        _untrack(untrack, json=json)

    async def rows(session: MotionSession) -> list[Row]:
        return [_running_row(task) for task in await session.running()]

    _show(rows, "running", "asking for the running tasks", "No task is running.", json=json)


async def _linked(session: MotionSession, email: str) -> Account:
    """One account; that it is not linked is the account's trouble, no task's."""
    try:
        return await session.account(email)
    except NotFoundError as error:
        text = f"{email} is not a linked account; `klingmotion accounts` shows which are"
        raise reworded(error, AccountError, text) from error


def _show(rows: Rows, name: str, words: str, otherwise: str, *, json: bool) -> None:
    async def show(track: Track, display: Display) -> None:
        async with opened(None) as session:
            await show_rows(at_once(await rows(session)), track, display, otherwise=otherwise)

    async def work(display: Display) -> ExitCode:
        track = listing(Track(display, name), display, words)
        return await attempt(track, show(track, display))

    execute(work, json=json)


def _untrack(text: str, *, json: bool) -> NoReturn:
    async def end(track: Track, ref: TaskRef, display: Display) -> None:
        async with opened(ref.email) as session:
            await session.untrack_task(ref)
        track.note(Event("untracked", (), {"task_id": ref.task_id}))
        track.over()
        display.answer(f"task {ref.task_id} is no longer tracked; Kling goes on with it")

    async def work(display: Display) -> ExitCode:
        ref = TaskRef.parse(text)
        track = Track(display, f"task {options.task_id(ref)}", ref=ref)
        track.stage = Stage.UNTRACKING
        display.tracks.append(track)
        display.busy(track, f"untracking task {ref.task_id}")
        return await attempt(track, end(track, ref, display))

    execute(work, json=json)


# --- How they look --------------------------------------------------------------------------------------------------


def _account_row(account: Account) -> Row:
    ends = None if account.session is None else account.session.expires_at
    points = None if account.balance is None else account.balance.total
    return Row(
        event=Event("account", (), {"email": account.email, "account": spell(account)}),
        columns=(account.email, account.max_jobs, instant(ends), points, account.error),
        cells={
            "email": account.email,
            "jobs": account.max_jobs,
            "session until": moment(ends),
            "points": points,
            "trouble": account.error,
        },
    )


def _capacity_row(slots: Capacity) -> Row:
    return Row(
        event=Event("capacity", (), {"email": slots.email, "capacity": spell(slots)}),
        columns=(slots.email, slots.max_jobs, slots.executing, slots.available),
        cells={"email": slots.email, "jobs": slots.max_jobs, "running": slots.executing, "free": slots.available},
    )


def _running_row(task: RunningTask) -> Row:
    return Row(
        event=Event("running", (), {"task_id": task.id, "running": spell(task)}),
        columns=(task.id, task.email, task.started, task.elapsed, task.reply_ref),
        cells={
            "task": task.id,
            "email": task.email,
            "started": task.started,
            "for": task.elapsed,
            "reply ref": task.reply_ref,
        },
    )
