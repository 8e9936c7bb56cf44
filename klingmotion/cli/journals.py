"""The command that looks into a journal. It writes nothing there, also while a batch uses it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from klingmotion.batch.journal import State
from klingmotion.cli import streams
from klingmotion.cli.display import Display
from klingmotion.cli.execution import execute
from klingmotion.cli.failure import ExitCode, spoken
from klingmotion.cli.rows import moment
from klingmotion.cli.streams import printable
from klingmotion.errors import InvalidRequestError
from klingmotion.models import Json

if TYPE_CHECKING:
    from klingmotion.batch.report import Share, Summary


#: The states after which nothing is under way.
_ENDS: Final = (State.DONE, State.FAILED, State.UNCERTAIN)

_NOBODY: Final = "(nobody's yet)"


class Action(StrEnum):
    """What is wanted of a journal."""

    SHOW = "show"
    EXPORT = "export"


def _action(text: str) -> Action:
    """One of them, as it is given."""
    if text not in list(Action):
        raise typer.BadParameter(f"{text!r} is nothing that can be done: take show or export")
    return Action(text)


What = Annotated[
    Action, typer.Argument(metavar="show|export", parser=_action, help="Totals, or all there is of each clip.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The journal of a batch.")]
Csv = Annotated[
    bool, typer.Option("--csv", metavar="", help="Export as CSV with a line of names, instead of a JSON object each.")
]
AsJson = Annotated[
    bool, typer.Option("--json", metavar="", help="Show one JSON object; `export` prints JSON lines anyway.")
]
Events = Annotated[bool, typer.Option("--events", metavar="", help="Export the history: each step of each clip.")]


def journal(action: What, file: File, as_csv: Csv = False, events: Events = False, as_json: AsJson = False) -> None:
    """Show what the journal of a batch says, or export it, one line for each clip.

    The batch may be running, and nothing is written. `show` counts clips by state and account, submits and tasks, and
    failures by kind. `export` prints a JSON object for each clip, with what finds its task again and its files.
    """
    if action is Action.SHOW and (as_csv or events):
        raise typer.BadParameter("is for `export` only", param_hint="'--csv'" if as_csv else "'--events'")
    if as_csv and as_json:
        raise typer.BadParameter("does not go with --csv", param_hint="'--json'")

    async def work(_display: Display) -> ExitCode:
        if not checked_journal(file).exists():
            raise InvalidRequestError(f"there is no journal {file}")
        if action is Action.SHOW:
            _show(file, as_json=as_json)
        else:
            _export(file, as_csv=as_csv, events=events)
        return ExitCode.DONE

    execute(work, json=as_json)


def checked_journal(file: Path) -> Path:
    """The path of a journal, unless there can be none.

    Raises:
        InvalidRequestError: It is a directory, or in none.
    """
    if file.is_dir():
        raise InvalidRequestError(f"{file} is a directory; name the journal's file")
    if not file.absolute().parent.is_dir():
        raise InvalidRequestError(f"there is no directory {file.parent} for the journal {file.name}")
    return file


# --- export ---------------------------------------------------------------------------------------------------------


def _export(file: Path, *, as_csv: bool, events: bool) -> None:
    from klingmotion.batch import report  # loads sqlite3, which other commands do not need

    documents = report.history(file) if events else report.entries(file)
    if not as_csv:
        for document in documents:
            streams.answer_json(document)
        return
    named = False
    for document in documents:
        cells = _cells(document, report.FILES)
        if not named:
            streams.answer(_line(cells))
            named = True
        streams.answer(_line(cells.values()))


def _cells(document: Mapping[str, Json], files: Iterable[str]) -> dict[str, str]:
    """A document as a row: what holds several things becomes several columns."""
    cells: dict[str, str] = {}
    for name, value in document.items():
        if name == "files":
            saved = value if isinstance(value, dict) else {}
            cells |= {part: _text(saved.get(part)) for part in files}
        elif name == "error":
            error = value if isinstance(value, dict) else {}
            cells |= {"error": _text(error.get("kind")), "message": _text(error.get("message"))}
        else:
            cells[name] = _text(value)
    return cells


def _text(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)


def _line(cells: Iterable[str]) -> str:
    page = io.StringIO()
    csv.writer(page, lineterminator="").writerow(cells)
    return page.getvalue()


# --- show -----------------------------------------------------------------------------------------------------------


def _show(file: Path, *, as_json: bool) -> None:
    from klingmotion.batch import report  # loads sqlite3, which other commands do not need

    found = report.summary(file)
    if as_json:
        streams.answer_json(_document(found))
        return
    for line in _page(file, found):
        streams.answer(line)


def _document(found: Summary) -> dict[str, Json]:
    oldest = found.oldest_open
    return {
        "event": "journal",
        "clips": found.clips,
        "states": dict(_counts(found.states)),
        "accounts": [
            {
                "account": share.account or None,
                "states": dict(_counts(share.states)),
                "submits": share.submits,
                "tasks": share.tasks,
            }
            for share in found.shares
        ],
        "submits": found.submits,
        "tasks": found.tasks,
        "extra_tasks": found.extra_tasks,
        "failures": dict(_kinds(found)),
        "oldest_open": None
        if oldest is None
        else {"source": oldest.source, "state": oldest.state.value, "added_at": oldest.created_at.isoformat()},
        "changed_at": None if found.changed_at is None else found.changed_at.isoformat(),
        "emulated": found.emulated,
    }


def _page(file: Path, found: Summary) -> list[str]:
    head = f"{printable(str(file))}: {_number(found.clips, 'clip')}"
    changed = f", last changed {moment(found.changed_at)}" if found.changed_at is not None else ""
    lines = [head + changed]
    lines += ["  of a run with --emulator, whose tasks are gone"] if found.emulated else []
    lines += _listed(_counts(found.states))
    lines += _accounts(found.shares)
    if found.submits:
        extra = f", {found.extra_tasks} of them besides the one that is used" if found.extra_tasks else ""
        lines += ["", f"{_number(found.submits, 'submit')} begun, {_number(found.tasks, 'task')} known{extra}"]
    if kinds := _kinds(found):
        lines += ["", "failed, by kind:"]
        lines += _listed(kinds)
        first = found.failures[0]
        lines += [f"  the first: {printable(spoken(str(first)))}"]
    if (oldest := found.oldest_open) is not None:
        lines += ["", "open for longest:"]
        lines += [f"  {printable(oldest.source)}: {oldest.state.value}, added {moment(oldest.created_at)}"]
    return lines


def _accounts(shares: tuple[Share, ...]) -> list[str]:
    """A table of the accounts, if there is more to say than the totals do."""
    if len(shares) < 2:
        return []
    head = ("account", "done", "failed", "uncertain", "open", "submits", "tasks")
    rows: list[Sequence[str]] = [head]
    for share in shares:
        ended = [share.states.get(state, 0) for state in _ENDS]
        cells = [*ended, sum(share.states.values()) - sum(ended), share.submits, share.tasks]
        rows.append((_NOBODY if share.account is None else share.account or "(the only one)", *map(str, cells)))
    return ["", *_columns(rows)]


def _listed(counts: Mapping[str, int]) -> list[str]:
    """Counts, one below the other."""
    digits = max((len(str(count)) for count in counts.values()), default=0)
    return [f"  {count:>{digits}} {printable(name)}" for name, count in counts.items()]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a name and numbers."""
    name, *numbers = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *cells in rows:
        lines.append("  ".join([f"  {first:<{name}}", *map(str.rjust, cells, numbers)]))
    return lines


def _counts(states: Mapping[State, int]) -> dict[str, int]:
    return {state.value: count for state, count in states.items()}


def _kinds(found: Summary) -> dict[str, int]:
    """How many clips failed with each kind of error, the commonest first."""
    return dict(Counter(type(error).__name__ for error in found.failures).most_common())


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
