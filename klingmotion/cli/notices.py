"""What the library's log tells of a wait that shows in no other way: people are told of it as it happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from klingmotion.cli.display import Display
from klingmotion.cli.failure import spoken
from klingmotion.retry import RetryPolicy

#: Lines of the log by their text before it is filled in, and what is said of them.
WORDS: Final[Mapping[str, Callable[..., str]]] = {
    "%s: 429, calls of this account pause for %.1f s": lambda work, pause: f"429 to {work}: waiting {pause:.0f} s",
    "trying again in %.1f s: %s": lambda pause, error: f"{error}; trying again in {pause:.1f} s",
    "a look failed: %s": lambda error: f"a look failed: {error}",
    "the outcome of a submit is unclear: %s": lambda error: (
        f"no clear answer: looking for the task, for up to {RetryPolicy().settle:.0f} s ({error})"
    ),
    "while looking for an unclear submit: %s": lambda error: f"still looking for the task: {error}",
    "an unclear submit was accepted": lambda: "the submit was accepted: its task is found",
}


class _Notices(logging.Handler):
    """Says on a display what is in `WORDS`."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.INFO)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, if it is for people."""
        words = WORDS.get(str(record.msg))
        if words is not None:
            self._display.say(spoken(words(*(record.args or ()))))


@contextmanager
def told_on(display: Display) -> Iterator[None]:
    """Tell of what the log says inside the block; where the log itself goes to stderr, once is enough."""
    log = logging.getLogger("klingmotion")
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    handler, level = _Notices(display), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
