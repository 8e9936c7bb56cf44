"""The display of a batch for a terminal: a bar for the whole, a line for each clip under way."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from klingmotion.cli.amounts import clock
from klingmotion.cli.live import LiveDisplay
from klingmotion.cli.tally import Standing

#: Columns of the shortest bar and of the longest.
_SHORTEST, _LONGEST = 10, 60

#: Columns of a name that no detail takes away: many clips are often called nearly alike.
_NAME = 28

#: Lines of the moving part that are no clip's: the bar, the counts, how many more there are, and where the cursor is.
_FIXED = 4


class Overview(LiveDisplay):
    """As many clips as there is room for, below one bar for all of them."""

    def __init__(self) -> None:
        self._standing: Callable[[], Standing] | None = None
        self._name = 0
        super().__init__()  # it asks for a picture at once

    def watch(self, standing: Callable[[], Standing]) -> None:
        """Show how far this has come."""
        self._standing = standing

    def answer(self, line: str) -> None:
        """To stdout; if that is the same terminal, the line of the clip has told it already."""
        if not self._hold:
            super().answer(line)

    def _picture(self) -> RenderableType:
        if self._standing is None:
            return super()._picture()
        standing = self._standing()
        begun = [track for track in self.tracks if track.began is not None and not track.stage.is_last]
        room = max(1, self._console.height - _FIXED)
        self._name = max([self._name, *(len(track.name) for track in begun)])  # no column moves to and fro
        parts = [self._bar(standing), Text(standing.words, style="dim", no_wrap=True, overflow="ellipsis")]
        if begun:
            parts.append(self._table(begun[:room], self._name, least=_NAME))
        more = [f"{len(begun) - room} more"] if len(begun) > room else []
        more += [f"{standing.unseen} looked for or being saved"] if standing.unseen else []
        if more:
            parts.append(Text("  " + ", ".join(more), style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _bar(self, standing: Standing) -> RenderableType:
        left = "" if standing.left is None else f"  about {clock(standing.left)} left"
        text = Text(f"{standing.over} of {standing.clips}  {clock(standing.seconds)}{left}")
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=max(_SHORTEST, min(_LONGEST, self._console.width - len(text) - 4)))
        row.add_column(no_wrap=True)
        row.add_row(ProgressBar(total=max(standing.clips, 1), completed=standing.over), text)
        return row
