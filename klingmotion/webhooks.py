"""Where the API's callbacks arrive: bytes in, and what waits for the task they name looks at it. No I/O.

Anyone can post a callback and nothing in it proves where it comes from (HTTP contract, section 4). So a callback
decides nothing. It asks for a look, which decides; and where callbacks are seen to come, other looks are few.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import frozen

from klingmotion.errors import ConfigurationError, InvalidRequestError
from klingmotion.models import Json
from klingmotion.refs import TaskRef
from klingmotion.requests import checked_url
from klingmotion.responses import parse
from klingmotion.wire import task_in_part

#: Bytes of a callback that are read at most. One about a task has a few thousand.
LARGEST = 1 << 20

#: The longest reply ref.
_LONGEST_REF = 512

#: Reply refs that are remembered, of callbacks that came and of tasks that ended without one.
_REMEMBERED = 1024

#: Tasks in a row that ended without a callback from which on callbacks are taken not to come.
_TOO_SILENT = 2

T = TypeVar("T")

logger = logging.getLogger("klingmotion")


@frozen
class Callback:
    """What a callback claims."""

    task_id: int | None
    #: The mark of the submit. Whoever knows it has seen the submit, or a callback: it vouches for the sender.
    reply_ref: str | None
    #: Whether the task is over; `None` if that cannot be told.
    is_final: bool | None


def read(body: bytes) -> Callback | None:
    """What a callback claims, or `None` if it names no task."""
    if len(body) > LARGEST:
        return None
    try:
        document = parse(body)
    except (ValueError, RecursionError):  # it is no JSON
        return None
    if not isinstance(document, dict):
        return None
    task, reply_ref = task_in_part(document, TaskRef()), _reply_ref(document)
    if task is None:
        return None if reply_ref is None else Callback(None, reply_ref, None)
    told = task.is_final or task.status is not None or task.status_name is not None
    return Callback(task.id, reply_ref, task.is_final if told else None)


def _reply_ref(document: dict[str, Json]) -> str | None:
    """The mark, wherever it is repeated: its place in a callback is not documented."""
    inner = document.get("task")
    info = inner.get("taskInfo") if isinstance(inner, dict) else None
    for level in (document, inner, info):
        if isinstance(level, dict) and isinstance(found := level.get("replyRef"), str):
            return found if 0 < len(found) <= _LONGEST_REF else None
    return None


class Listener(Protocol):
    """One wait, as the inbox sees it."""

    @property
    def task_id(self) -> int:
        """The task that is waited for."""

    @property
    def reply_ref(self) -> str | None:
        """The mark of its submit."""

    def heard(self, callback: Callback) -> None:
        """Take a callback in that names the task, on the wait's own event loop."""

    def left_alone(self) -> None:
        """Go back to looks as if there were no callbacks: they have ceased to come."""


class WebhookInbox:
    """Takes in the callbacks that the API posts, and has the tasks they are about looked at.

    It is no web server: pass the body of each POST that your own one gets at `url` to `receive`, and answer 200.
    Callbacks are hints. A forged, repeated, late or missing one changes no outcome; it costs a look or some time.

    Where callbacks are seen to come, a session with this inbox looks at tasks much less often. Where they cease to
    come, it goes back to looks. One inbox may serve several sessions, on any threads.

    Args:
        url: Where the API reaches the inbox, from the internet. Sessions with this inbox give it to the API with every
            submit that names no other `reply_url`. Make its path hard to guess. Without it, `reply_url` or the default
            of your useapi.net account has to lead here.

    Raises:
        ConfigurationError: The URL is no http or https URL.
    """

    def __init__(self, url: str | None = None) -> None:
        try:
            self._url = None if url is None else checked_url("url", url)
        except InvalidRequestError as error:
            raise ConfigurationError(str(error)) from None
        self._lock = threading.RLock()  # a wait that is collected as garbage may leave at any instant
        #: By task id and by reply ref.
        self._listeners: dict[int | str, dict[Listener, asyncio.AbstractEventLoop]] = {}
        #: The tasks that callbacks named, by reply ref, and those of which one has told of the end.
        self._named: dict[str, int] = {}
        self._announced: dict[str, int | None] = {}
        #: Reply refs of submits whose callbacks go elsewhere.
        self._elsewhere: dict[str, None] = {}
        #: Reply refs of tasks that were found to be over before a callback said so.
        self._missing: dict[str, None] = {}
        self._silent = _TOO_SILENT

    def __repr__(self) -> str:
        state = "callbacks come" if self.works else "no callbacks yet"
        return f"<{type(self).__name__}: {state}>"  # without its URL, which nobody should know

    @property
    def url(self) -> str | None:
        """Where the API reaches the inbox."""
        return self._url

    @property
    def works(self) -> bool:
        """Whether callbacks come: one has told of the end of a task, and not two tasks in a row ended without since."""
        return self._silent < _TOO_SILENT

    def receive(self, body: bytes) -> None:
        """Take in the body of one POST, from any thread. What is no callback is ignored; nothing needs to be answered.

        Raises:
            InvalidRequestError: `body` is not bytes.
        """
        if not isinstance(body, bytes | bytearray | memoryview):
            raise InvalidRequestError(f"receive takes the body of a callback as bytes, got {body!r:.80}")
        callback = read(bytes(body))
        if callback is None:
            logger.debug("a callback of %d bytes names no task", len(body))
            return
        logger.debug("a callback names task %s, reply ref %r", callback.task_id, callback.reply_ref)
        with self._lock:
            self._note(callback)
            found = self._found(callback.task_id, callback.reply_ref)
        for listener, loop in found.items():
            _call(loop, listener.heard, callback)

    def _note(self, callback: Callback) -> None:
        if callback.reply_ref is None:
            return
        if callback.task_id is not None:
            _remember(self._named, callback.reply_ref, callback.task_id)
        if callback.is_final:
            _remember(self._announced, callback.reply_ref, callback.task_id)
        if callback.is_final and callback.reply_ref in self._missing:  # late, and yet they come
            del self._missing[callback.reply_ref]
            self._silent = 0

    # --- what sessions use ------------------------------------------------------------------------------------------

    def task_of(self, reply_ref: str | None) -> int | None:
        """The task that a callback named under a reply ref: a claim, to be checked."""
        return None if reply_ref is None else self._named.get(reply_ref)

    def _was_announced(self, listener: Listener) -> bool:
        """Whether a callback told of the end before anybody listened."""
        ref = listener.reply_ref
        return ref is not None and self._announced.get(ref, -1) in (None, listener.task_id)

    def note_submit(self, reply_ref: str | None, reply_url: Json) -> None:
        """Note where the callbacks of a submit go."""
        if reply_ref is not None and self._url is not None and reply_url != self._url:
            with self._lock:
                _remember(self._elsewhere, reply_ref, None)

    def is_told_of(self, reply_ref: str | None) -> bool:
        """Whether callbacks about a task may come here, and be known for what they are."""
        return reply_ref is not None and reply_ref not in self._elsewhere

    def join(self, listener: Listener) -> None:
        """Let a wait hear of its task, on the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for name in _names(listener.task_id, listener.reply_ref):
                self._listeners.setdefault(name, {})[listener] = loop

    def leave(self, listener: Listener, *, announced: bool | None) -> None:
        """Let a wait go. `announced`: whether a callback told of the end before it was seen; `None` if it was not."""
        with self._lock:
            for name in _names(listener.task_id, listener.reply_ref):
                here = self._listeners.get(name, {})
                here.pop(listener, None)
                if not here:
                    self._listeners.pop(name, None)
            worked = self.works
            if announced or (announced is not None and self._was_announced(listener)):
                self._silent = 0
            elif announced is not None and self.is_told_of(listener.reply_ref):
                self._silent += 1
                _remember(self._missing, listener.reply_ref or "", None)
            deserted = self._found(*self._listeners) if worked and not self.works else {}
        if worked and not self.works:
            logger.info("callbacks have ceased to come; tasks are looked at as if there were none")
        for one, loop in deserted.items():
            _call(loop, one.left_alone)

    def _found(self, *names: int | str | None) -> dict[Listener, asyncio.AbstractEventLoop]:
        """Who listens to one of the names."""
        return {one: loop for name in _names(*names) for one, loop in list(self._listeners.get(name, {}).items())}


def _names(*names: int | str | None) -> list[int | str]:
    return [name for name in names if name is not None]


def _remember(queue: dict[str, T], name: str, value: T) -> None:
    """Put it last, and drop the first where there are too many."""
    queue.pop(name, None)
    queue[name] = value
    if len(queue) > _REMEMBERED:
        del queue[next(iter(queue))]


def _call(loop: asyncio.AbstractEventLoop, work: Callable[..., None], *arguments: Callback) -> None:
    """Have a wait's own loop do it; a loop that has ended has no waits any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(work, *arguments)
