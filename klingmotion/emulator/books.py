"""The emulator's own account of what it saw and did: the judge a test calls on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from types import MappingProxyType

from attrs import define, field, frozen

KEPT_REQUESTS = 100_000
"""Requests older than this many are forgotten; the counts are not."""

SUBMITS = frozenset({"submit_motion", "submit_video"})
"""The endpoints that create tasks."""

RawHeaders = tuple[tuple[bytes, bytes], ...]


@define(eq=False, kw_only=True)
class SeenRequest:
    """One request. `at` is the event loop's clock; `answered` is None while no answer was begun."""

    number: int
    at: float
    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, object] | None = None
    received: int = 0
    account: str | None = None
    fault: str | None = None
    answered: int | None = None

    @property
    def sent_token(self) -> bool:
        """Whether it carried an Authorization header."""
        return "authorization" in self.headers


@frozen(kw_only=True)
class CreatedTask:
    """One task created by a submit (or, with `seeded`, by the test).

    The resource URL is that of the video with the motion; a task that makes a video has an image URL too.
    """

    task_id: int
    account: str
    type: str
    resource_url: str
    image_url: str | None
    reply_ref: str | None
    at: float
    seeded: bool


@define(eq=False, kw_only=True)
class SentCallback:
    """One callback. `status` is what the receiver answered; None while, or if, it has not."""

    url: str
    task_id: int
    reply_ref: str | None
    status_name: str
    status: int | None = None


@define(eq=False)
class Books:
    """Requests seen, tasks created, callbacks sent. Everything is in order of time.

    Written by the emulator's loop only. Another thread may read counts at any time, and should copy a
    sequence (`list(books.requests)`) before it walks it while requests are still coming in.
    """

    requests: deque[SeenRequest] = field(factory=lambda: deque(maxlen=KEPT_REQUESTS))
    tasks: list[CreatedTask] = field(factory=list)
    callbacks: deque[SentCallback] = field(factory=lambda: deque(maxlen=KEPT_REQUESTS))
    posts: Counter[str] = field(factory=Counter)
    """Submits seen, by reply ref, whatever became of them; without a reply ref under the empty string."""
    open_tasks: Counter[str] = field(factory=Counter)
    """The most tasks that ever ran at once, by account."""
    faults: Counter[str] = field(factory=Counter)
    """Faults played, by name."""
    tokens_to_files: int = 0
    """Requests for files that carried a token: always a leak."""
    _counts: Counter[str] = field(factory=Counter)
    _headers: dict[RawHeaders, Mapping[str, str]] = field(factory=dict)

    def count(self, endpoint: str | None = None) -> int:
        """Requests seen at an endpoint, or in all."""
        return self._counts.total() if endpoint is None else self._counts[endpoint]

    def seen(self, endpoint: str) -> list[SeenRequest]:
        """The kept requests to an endpoint."""
        return [request for request in self.requests if request.endpoint == endpoint]

    def tasks_for(self, reply_ref: str) -> list[CreatedTask]:
        """The tasks created under a reply ref: one, if nothing went wrong."""
        return [task for task in self.tasks if task.reply_ref == reply_ref]

    def tasks_of(self, url: str) -> list[CreatedTask]:
        """The tasks created for an asset, be it the video with the motion or the image."""
        return [task for task in self.tasks if url in (task.resource_url, task.image_url)]

    def enter(
        self,
        *,
        at: float,
        endpoint: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: RawHeaders,
    ) -> SeenRequest:
        """Enter a request as soon as its head has been read."""
        self._counts[endpoint] += 1
        request = SeenRequest(
            number=self._counts.total(),
            at=at,
            endpoint=endpoint,
            method=method,
            path=path,
            query=query,
            headers=self._readable(headers),
        )
        self.requests.append(request)
        if endpoint == "file" and request.sent_token:
            self.tokens_to_files += 1
        return request

    def enter_body(self, request: SeenRequest, body: Mapping[str, object] | None) -> None:
        """Enter a request's JSON object or form, once read."""
        request.body = body
        if request.endpoint in SUBMITS:
            reply_ref = (body or {}).get("replyRef")
            self.posts[reply_ref if isinstance(reply_ref, str) else ""] += 1

    def enter_task(self, task: CreatedTask, running: int) -> None:
        """Enter a task just created, and how many its account now runs."""
        self.tasks.append(task)
        self.open_tasks[task.account] = max(self.open_tasks[task.account], running)

    def _readable(self, raw: RawHeaders) -> Mapping[str, str]:
        # Clients send the same headers again and again: keep each set once.
        known = self._headers.get(raw)
        if known is None:
            known = MappingProxyType({name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw})
            if len(self._headers) < 1000:
                self._headers[raw] = known
        return known
