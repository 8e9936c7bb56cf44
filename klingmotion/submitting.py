"""Submits: paid for once, never lost.

A submit is sent again only if the connection never opened or the server said 429. After any other unclear outcome the
task is looked for instead.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import attrs

from klingmotion import replies
from klingmotion.calls import SUBMIT_LIMIT, Calls, logger
from klingmotion.errors import (
    APIConnectionError,
    APIResponseError,
    KlingMotionError,
    RateLimitError,
    SubmitUncertainError,
    TaskFailedError,
)
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Task
from klingmotion.reconciliation import Search
from klingmotion.refs import TaskRef
from klingmotion.refusals import is_unclear
from klingmotion.replies import NoTask
from klingmotion.requests import Request
from klingmotion.webhooks import WebhookInbox


def new_reply_ref() -> str:
    """A mark no other submit carries: short ASCII, for its length and characters are not documented."""
    return f"km-{uuid.uuid4().hex}"


class Submitter:
    """Sends submits and finds out what became of them."""

    def __init__(self, calls: Calls, known: KnownTasks, inbox: WebhookInbox | None) -> None:
        self._calls = calls
        self._known = known
        self._inbox = inbox

    async def submit(self, request: Request, ref: TaskRef, *, deadline: float | None = None) -> Task:
        """Send one submit and give its task.

        Raises:
            TaskFailedError: It was accepted and is over already, without success.
            RateLimitError: No slot became free in time; `retry_after` is what remains to be waited.
            SubmitUncertainError: It may have been accepted.
            KlingMotionError: It was not accepted.
        """
        post = _Post(self._calls, request, ref, deadline)
        with self._known.submitting(ref):
            try:
                answer = await self._send(post, again=_was_not_seen, until=deadline)
            except KlingMotionError as error:
                if not is_unclear(error):
                    raise
                answer = await self._search(post, error, deadline)
        return _taken(post, answer)

    async def submit_once(self, request: Request, ref: TaskRef, *, until: float) -> Task | None:
        """Send one submit, again only while no connection opens and not after `until`.

        `None` if it is unclear what came of it.

        Raises:
            TaskFailedError: It was accepted and is over already, without success.
            KlingMotionError: It was not accepted.
        """
        post = _Post(self._calls, request, ref, None)
        with self._known.submitting(ref):
            try:
                answer = await self._send(post, again=_did_not_open, until=until)
            except KlingMotionError as error:
                if not is_unclear(error):
                    raise
                _note_unclear(error, ref)
                return None
        return _taken(post, answer)

    async def _send(
        self, post: _Post, *, again: Callable[[KlingMotionError], bool], until: float | None
    ) -> Task | NoTask:
        if self._inbox is not None:
            self._inbox.note_submit(post.ref.reply_ref, (post.request.json or {}).get("replyUrl"))
        answer = await self._calls.retried(post.send, again=again, deadline=until)
        if isinstance(answer, Task):
            self._known.submitted(answer.ref, post.sent)
            logger.info("submitted", extra={"task_id": answer.id, "reply_ref": answer.ref.reply_ref})
        return answer

    async def _search(self, post: _Post, cause: KlingMotionError, deadline: float | None) -> Task:
        _note_unclear(cause, post.ref)
        search = Search(
            self._calls,
            self._known,
            post.ref,
            sent=post.sent,
            unclear=self._calls.transport.now(),
            settle=self._calls.policy.settle,
            deadline=deadline,
            inbox=self._inbox,
        )
        try:
            return await search.find()
        except SubmitUncertainError as error:
            error.last_error = cause
            raise error from cause

    async def resolve(
        self,
        ref: TaskRef,
        *,
        deadline: float | None = None,
        sent: float | None = None,
        unclear: float | None = None,
        settle: float | None = None,
        patience: float | None = None,
        insist: bool = False,
    ) -> Task:
        """Look again for the task of a submit that was unclear, in this process or an earlier one.

        `sent`, `unclear`, `settle`, `patience` and `insist` are those of `Search`. What is not given comes from the
        reference and the policy.

        Raises:
            SubmitUncertainError: It is still not there, or several tasks may be it.
        """
        transport = self._calls.transport
        settle = self._calls.policy.settle if settle is None else settle
        age = (transport.utcnow() - ref.sent_at).total_seconds() if ref.sent_at else settle
        sent = transport.now() - max(0.0, age) if sent is None else sent
        search = Search(
            self._calls,
            self._known,
            ref,
            sent=sent,
            unclear=unclear,
            settle=settle,
            deadline=deadline,
            patience=settle if patience is None else patience,
            insist=insist,
            inbox=self._inbox,
        )
        with self._known.submitting(ref):
            return await search.find()


class _Post:
    """The POST of one submit, and when it was last sent."""

    def __init__(self, calls: Calls, request: Request, ref: TaskRef, deadline: float | None) -> None:
        self._calls = calls
        self.request = request
        self.deadline = deadline
        self.ref = ref
        self.sent = calls.transport.now()

    async def send(self) -> Task | NoTask:
        """Send it once."""
        transport = self._calls.transport
        self.sent = transport.now()
        self.ref = attrs.evolve(self.ref, sent_at=transport.utcnow())
        reader = replies.submitted(self.ref)
        try:
            return await self._calls.once(self.request, reader, deadline=self.deadline, limit=SUBMIT_LIMIT)
        except asyncio.CancelledError:  # no exception of ours may take its place, so the log has the way back
            logger.warning(
                "a submit was cancelled on its way, and may have been accepted; to look for its task: %s(%r)",
                self.ref.wait_method,
                str(self.ref),
                extra={"reply_ref": self.ref.reply_ref},
            )
            raise


def _was_not_seen(error: KlingMotionError) -> bool:
    """Whether the server certainly did nothing, so that sending again cannot pay twice."""
    return isinstance(error, RateLimitError) or _did_not_open(error)


def _did_not_open(error: KlingMotionError) -> bool:
    return isinstance(error, APIConnectionError) and not error.sent


def _note_unclear(error: KlingMotionError, ref: TaskRef) -> None:
    logger.warning("the outcome of a submit is unclear: %s", error, extra={"reply_ref": ref.reply_ref})


def _taken(post: _Post, answer: Task | NoTask) -> Task:
    """The task, unless it is over already; a well-formed answer that names none means there is none to look for."""
    if isinstance(answer, NoTask):
        text = f"{post.request.work}: the answer holds no task id; the server says: {answer.said}"
        failure = APIResponseError(text, status=200, body=answer.body, path="$.task.id")
        failure.ref = post.ref
        raise failure
    if answer.is_final and not answer.succeeded:
        raise TaskFailedError(failure_text(answer), ref=answer.ref, task=answer)
    return answer


def failure_text(task: Task) -> str:
    """What to say of a failed task: the server's `error` before its `message`, the status for whoever looks it up."""
    said = task.error or task.message or "no reason given"
    status = f"status {task.status}, {task.status_name or 'no name'}"
    return f"task {task.id} failed: {said} ({status}). Nothing is to be waited for; change the input and submit again"


def reference(request: Request, resource_url: str) -> TaskRef:
    """How a submit is found again before it has a task id."""
    reply_ref = (request.json or {}).get("replyRef")
    return TaskRef(email=request.email, reply_ref=str(reply_ref), resource_url=resource_url)


def video_reference(request: Request) -> TaskRef:
    """The same of a video's submit: what it is made of tells it from others, in whichever form it is asked for."""
    body = {name: value for name, value in (request.json or {}).items() if isinstance(value, str)}
    return TaskRef(
        email=request.email,
        reply_ref=body.get("replyRef"),
        resource_url=body.get("motionUrl"),
        image_url=body.get("imageUrl") or body.get("image"),
    )
