"""What one wait hears of its task by callbacks, and which looks that asks for or spares."""

from __future__ import annotations

from klingmotion.webhooks import Callback, WebhookInbox

#: Doublings at most of the time between looks that callbacks ask for in vain.
_MOST_DOUBLINGS = 20


class Hearing:
    """The part of a wait that callbacks reach, where its session has an inbox."""

    __slots__ = ("_answers", "_asked", "_in_vain", "_reply_ref", "announced", "inbox")

    def __init__(self, inbox: WebhookInbox, reply_ref: str | None) -> None:
        self.inbox = inbox
        self._reply_ref = reply_ref
        #: Whether a callback has said, under the mark of the submit, that the task is over.
        self.announced = False
        #: Whether a callback asks for a look that has not begun.
        self._asked = False
        #: Whether the look under way is one that a callback asked for.
        self._answers = False
        #: Such looks in a row that showed nothing new.
        self._in_vain = 0

    @property
    def spares_looks(self) -> bool:
        """Whether looks may be rare: where callbacks come, one will tell of the end."""
        return not self.announced and self.inbox.works and self.inbox.is_told_of(self._reply_ref)

    def take(self, callback: Callback, *, wants_changes: bool) -> bool:
        """Take a callback in; whether it asks for a look: if it tells of no end, only where changes are wanted."""
        if callback.is_final and callback.reply_ref is not None and callback.reply_ref == self._reply_ref:
            self.announced = True
        asks = wants_changes or callback.is_final is not False
        self._asked = self._asked or asks
        return asks

    def due(self, looked_at: float | None, now: float, shortest: float) -> float | None:
        """When the look is due that is asked for: at once, but less and less often where that is in vain."""
        if not self._asked:
            return None
        return now if looked_at is None else looked_at + shortest * 2.0 ** min(self._in_vain, _MOST_DOUBLINGS)

    def look_begins(self, *, early: bool) -> bool:
        """Note that a look begins, which answers what has been asked for so far; whether it is made for that alone."""
        self._answers, self._asked = self._asked, False
        return early and self._answers

    def look_ends(self, *, news: bool) -> None:
        """Note a good look, and whether it showed anything new."""
        if self._answers:
            self._in_vain = 0 if news else self._in_vain + 1
