"""The display for a terminal: a line with a spinner for each track under way."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from klingmotion.cli import streams
from klingmotion.cli.outcome import Outcome
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track

#: Columns of an upload's bar, and of a terminal that has room for it.
_BAR, _WIDE = 21, 72


class LiveDisplay:
    """Draws on stderr. What is over moves up out of the moving part, so that this stays small."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._console = Console(file=sys.stderr, force_terminal=True, highlight=False, markup=False, emoji=False)
        plain = self._console.options.ascii_only
        self._good, self._bad = ("+", "x") if plain else ("✓", "✗")
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

    def fail(self, outcome: Outcome) -> None:
        """What went wrong outside any track."""
        first, *more = outcome.lines
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
        wide = self._console.width >= _WIDE
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=_name_width(self._console.width))
        table.add_column(no_wrap=True, min_width=len("downloading 100%"), style="cyan")
        if wide:
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=_BAR, style="dim")
        table.add_column(no_wrap=True, justify="right", min_width=4, style="dim")
        for track in list(self.tracks):
            if track.began is not None and not track.stage.is_last:
                detail = [_detail(track)] if wide else []
                table.add_row(self._spinner, Text(track.name), _status(track), *detail, _clock(track))
        queued = sum(track.began is None and not track.stage.is_last for track in self.tracks)
        if queued:
            table.add_row("", Text(f"{queued} more", style="dim"), Text("queued", style="dim"))
        return table


def _name_width(width: int) -> int:
    """What a terminal of this width leaves for a name: the rest of the line is worth more."""
    others = 54 if width >= _WIDE else 32
    return min(max(width - others, 8), 32)


def _status(track: Track) -> Text:
    percent = "" if track.share is None else f" {int(track.share * 100):3d}%"
    return Text(track.status + percent, overflow="ellipsis")


def _detail(track: Track) -> RenderableType:
    """How much is transferred, or which task it is."""
    if track.share is not None:
        return ProgressBar(total=1.0, completed=track.share, width=_BAR)
    if track.ref is not None and track.ref.task_id is not None:
        return Text(f"task {track.ref.task_id}")
    return Text("")


def _clock(track: Track) -> Text:
    count = int(track.elapsed)
    return Text(f"{count // 60}:{count % 60:02d}")
