"""Lists: a table on a terminal, else one line for each entry; with `--json` an object.

The events, one for each entry, are

    motion      task_id, work_id, motion                    (`list`)
    account     email, account                              (`accounts`)
    capacity    email, capacity                             (`capacity`)
    running     task_id, running                            (`running`)
    asset       asset_id, asset                             (`assets`)
    task        task_id, ref, task                          (`tasks`)

where the last field is the entry as the API spells it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime

from attrs import frozen
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from klingmotion.cli import streams
from klingmotion.cli.display import Display
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track

#: Columns whose values are copied, and so never broken.
_WHOLE = ("task", "work", "asset", "email")

Value = str | int | float | None


@frozen(kw_only=True)
class Row:
    """One entry: as an event for programs, as columns for a pipe, as named cells for a table."""

    event: Event
    columns: tuple[Value, ...]
    cells: Mapping[str, Value]


def listing(track: Track, display: Display, words: str) -> Track:
    """A track on which nothing is done but asking."""
    track.stage = Stage.LISTING
    display.tracks.append(track)
    display.busy(track, words)
    return track


async def show_rows(rows: AsyncIterator[Row], track: Track, display: Display, *, otherwise: str) -> None:
    """Show all there are, each as soon as it is there but for a table; `otherwise` is said if there is none."""
    found = []
    async for row in rows:
        found.append(row)
        track.note(row.event)
        if not streams.on_terminal():
            display.answer("\t".join(map(_shown, row.columns)))
    track.over()
    if not found:
        display.say(otherwise)
    elif streams.on_terminal():
        display.answer(_table(found))


async def at_once(rows: Iterable[Row]) -> AsyncIterator[Row]:
    """Rows that are all there already."""
    for row in rows:
        yield row


def length(seconds: float | None) -> str | None:
    """How long something lasts."""
    return None if seconds is None else f"{seconds:.1f} s"


def moment(time: datetime | None) -> str | None:
    """A time for people: local, to the minute."""
    return None if time is None else f"{time.astimezone():%Y-%m-%d %H:%M}"


def instant(time: datetime | None) -> str | None:
    """A time for programs."""
    return None if time is None else time.isoformat(timespec="seconds")


def _shown(value: Value) -> str:
    return "" if value is None else printable(str(value))


def _table(rows: list[Row]) -> str:
    """The rows in columns, without those nobody has an entry for."""
    used = [name for name in rows[0].cells if any(_shown(row.cells[name]) for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in used:
        table.add_column(name, overflow="fold", no_wrap=name in _WHOLE)
    for row in rows:
        table.add_row(*(Text(_shown(row.cells[name])) for name in used))
    console = Console()
    with console.capture() as drawn:
        console.print(table)
    return drawn.get().rstrip("\n")
