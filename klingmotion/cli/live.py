"""The display for a terminal: a line with a spinner for each track under way."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from klingmotion.cli import streams
from klingmotion.cli.amounts import clock, share_of, size
from klingmotion.cli.failure import Failure
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track
from klingmotion.cli.transfer import Transfer

#: Columns of a status, and of what every line has besides name, detail and clock: spinner, status and gaps. There is a
#: gap after the clock too, for some versions of rich count it.
_STATUS = len("downloading 100%")
_FIXED = 1 + _STATUS + 5 * 2

#: Columns of what tells of a transfer, from the least to the most: time left and rate, bytes, a bar.
_LEFT, _RATE, _BYTES, _BAR = 11, 10, 16, 10
_DETAILS = (_LEFT + _RATE, _LEFT + _RATE + _BYTES, _LEFT + _RATE + _BYTES + _BAR + 2)

#: Columns of the longest bar, and of the shortest name worth reading.
_LONGEST_BAR, _NAME = 24, 8


class LiveDisplay:
    """Draws on stderr. What is over moves up out of the moving part, so that this stays small."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._console = Console(file=sys.stderr, force_terminal=True, highlight=False, markup=False, emoji=False)
        plain = self._console.options.ascii_only
        self._good, self._bad = ("+", "x") if plain else ("✓", "✗")
        self._cut = "~" if plain else "…"
        self._spinner = Spinner("line" if plain else "dots", style="cyan")
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._held_back: list[str] = []
        self._hold = streams.on_terminal()

    @classmethod
    def fits(cls) -> bool:
        """Whether stderr is a terminal that can be drawn on."""
        return sys.stderr is not None and sys.stderr.isatty() and not Console(file=sys.stderr).is_dumb_terminal

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._hold = False
        for line in self._held_back:
            streams.answer(line)

    def busy(self, track: Track, words: str) -> None:
        """Nothing: the moving part shows it by itself."""

    def show(self, track: Track, event: Event) -> None:
        """The moving part shows most steps by itself; ends and refusals stay."""
        if not track.stage.is_last:
            return
        first, *more = event.words
        good = track.stage is Stage.DONE
        mark = Text(f"{self._good} " if good else f"{self._bad} ", style="green" if good else "red")
        self._print(mark.append(f"{track.name}: {printable(first)}", style="default"))
        for line in more:
            self.say(f"  {line}")

    def fail(self, failure: Failure) -> None:
        """What went wrong outside any track."""
        first, *more = failure.lines
        self._print(Text(f"{self._bad} ", style="red").append(printable(first), style="default"))
        for line in more:
            self.say(f"  {line}")

    def say(self, line: str) -> None:
        """Above the moving part."""
        self._print(Text(printable(line)))

    def answer(self, line: str) -> None:
        """To stdout; if that is the same terminal, once the moving part is gone."""
        if self._hold:
            self._held_back.append(line)
        else:
            streams.answer(line)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _print(self, text: Text) -> None:
        # Soft wrapping leaves line breaks to the terminal: a command that is copied must stay in one piece.
        self._console.print(text, soft_wrap=True)

    def _picture(self) -> RenderableType:
        tracks = list(self.tracks)
        return self._table(tracks, max((len(track.name) for track in tracks), default=0))

    def _table(self, tracks: list[Track], longest: int, least: int = _NAME) -> Table:
        """A line for each track under way; the longest name has so many characters, and gets `least` of them."""
        clocks = max((len(clock(track.elapsed)) for track in tracks), default=0)
        name, detail = _widths(self._console.width - _FIXED - clocks, longest, least)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis", width=name)
        table.add_column(no_wrap=True, overflow="ellipsis", width=_STATUS, style="cyan")
        if detail:
            table.add_column(no_wrap=True, overflow="ellipsis", width=detail, style="dim")
        table.add_column(no_wrap=True, justify="right", style="dim")
        for track in tracks:
            if track.began is not None and not track.stage.is_last:
                details = [_detail(track, detail)] if detail else []
                table.add_row(
                    self._spinner,
                    Text(shortened(track.name, name, self._cut)),
                    _status(track),
                    *details,
                    clock(track.elapsed),
                )
        queued = sum(track.began is None and not track.stage.is_last for track in tracks)
        if queued:
            table.add_row("", Text(f"{queued} more", style="dim"), Text("queued", style="dim"))
        return table


def _widths(room: int, longest: int, least: int) -> tuple[int, int]:
    """Columns of names and of details: as much detail as leaves room for a name, or none."""
    least = min(longest, least)
    detail = max((columns for columns in _DETAILS if room - columns >= least), default=0)
    name = max(min(longest, room - detail), 1)
    return name, min(room - name, _DETAILS[-1] - _BAR + _LONGEST_BAR) if detail else 0


def shortened(name: str, columns: int, cut: str) -> str:
    """A name in so many columns, cut in the middle: names that begin alike often differ at their ends."""
    if cell_len(name) <= columns:
        return name
    head = _beginning(name, (columns - 1) // 3)
    return head + cut + _beginning(name[::-1], columns - 1 - cell_len(head))[::-1]


def _beginning(name: str, columns: int) -> str:
    """As much of a name as there is room for; some signs take two columns."""
    while cell_len(name) > columns:
        name = name[:-1]
    return name


def _status(track: Track) -> Text:
    share = None if track.transfer is None else track.transfer.share
    return Text(track.status + ("" if share is None else f" {int(share * 100):3d}%"))


def _detail(track: Track, columns: int) -> RenderableType:
    """How a transfer goes, or which task it is."""
    if track.transfer is not None:
        return _figures(track.transfer, columns)
    if track.ref is not None and track.ref.task_id is not None:
        return Text(f"task {track.ref.task_id}")
    return Text("")


def _figures(transfer: Transfer, columns: int) -> RenderableType:
    """Bar, bytes, rate and time left, as far as there is room for them."""
    moved, total, rate, left = transfer.moved, transfer.total, transfer.rate, transfer.left
    text = ("" if rate is None else f"{size(rate)}/s").rjust(_RATE)
    text += ("" if left is None else f"{clock(left)} left").rjust(_LEFT)
    _, with_bytes, with_bar = _DETAILS
    if columns >= with_bytes:
        text = f"{(size(moved) if total is None else share_of(moved, total)):>{_BYTES - 1}} {text}"
    if columns < with_bar:
        return Text(text)
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=columns - len(text) - 2)
    row.add_column(no_wrap=True, width=len(text))
    row.add_row(ProgressBar(total=1.0, completed=transfer.share or 0.0), Text(text))
    return row
