"""One call to the API: sent through the transport, held back while its account is paused, retried where that is safe.

Everything the session's concerns (submitting, waiting, files) have in common is here: the pauses a 429 asks for, the
limit on one request, and the end of it all when the session is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from klingmotion import replies
from klingmotion.errors import APITimeoutError, ConfigurationError, KlingMotionError, RateLimitError
from klingmotion.models import Json
from klingmotion.refusals import is_passing, status_error
from klingmotion.requests import Endpoint, Request
from klingmotion.responses import Response
from klingmotion.retry import UNTOLD_PAUSE, RetryPolicy, retry
from klingmotion.transport import Transport

T = TypeVar("T")

logger = logging.getLogger("klingmotion")
logger.addHandler(logging.NullHandler())  # silent unless the application says otherwise

#: Seconds one request may take. A submit's answer waits for Kling's own, so it gets longer.
REQUEST_LIMIT = 30.0
SUBMIT_LIMIT = 180.0

#: Files one session fetches at once.
TRANSFERS = 8

#: The longest pause one 429 is believed to ask for: beyond it a mistaken unit is likelier than a meant one.
LONGEST_PAUSE = 900.0


#: Calls that speak for all linked accounts at once.
_OF_ALL_ACCOUNTS = (Endpoint.LIST_RUNNING, Endpoint.CAPACITY)


class Pauses:
    """Until when each account's calls are held back, after a 429."""

    def __init__(self) -> None:
        self._until: dict[str | None, float] = {}

    def __bool__(self) -> bool:
        """Whether there may be any: most sessions never see a 429."""
        return bool(self._until)

    def note(self, email: str | None, until: float) -> None:
        """Hold the account's calls back until the given instant, if they are not held back longer already."""
        self._until[email] = max(until, self._until.get(email, until))

    def remaining(self, request: Request, now: float) -> float:
        """Seconds the request has to wait. One that speaks for all accounts waits for every one of them."""
        if not self._until:
            return 0.0
        if request.endpoint in _OF_ALL_ACCOUNTS:
            return max(0.0, max(self._until.values()) - now)
        return self.of(request.email, now)

    def of(self, email: str | None, now: float) -> float:
        """Seconds the account's calls have to wait."""
        return max(0.0, self._until.get(email, now) - now)


async def _noted(request: Request, sent: Awaitable[Response], clock: Transport) -> Response:
    """An answer, with a line about it in the log, without the account, which is in a query or a path."""
    began, path = clock.now(), "/accounts/..." if request.endpoint is Endpoint.GET_ACCOUNT else request.path
    try:
        response = await sent
    except KlingMotionError as error:
        logger.debug("%s %s: no answer after %.2f s", request.method, path, clock.now() - began)
        if request.endpoint is Endpoint.GET_TASK:
            logger.info("a look failed: %s", error)
        raise
    logger.debug("%s %s: %d in %.2f s", request.method, path, response.status, clock.now() - began)
    if request.endpoint is Endpoint.GET_TASK and response.status not in (200, 429):
        logger.info("a look failed: %s", f"{request.method} {path} was answered with {response.status}")
    return response


def _note_retry(error: KlingMotionError, seconds: float) -> None:
    if not isinstance(error, RateLimitError):  # its pause has a line of its own
        logger.info("trying again in %.1f s: %s", seconds, error)


class Calls:
    """The way to the API for one session, on one event loop at a time."""

    def __init__(self, transport: Transport, policy: RetryPolicy) -> None:
        self.transport = transport
        self.policy = policy
        self.pauses = Pauses()
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_close: set[asyncio.Future[None]] = set()
        #: Called when the session is closed, to wake sleepers that are not known here.
        self.rouse_others: Callable[[], None] = lambda: None
        self._background: set[asyncio.Task[None]] = set()
        #: Room for a few transfers at once.
        self.transfers = asyncio.Semaphore(TRANSFERS)

    # --- one call ---------------------------------------------------------------------------------------------------

    async def once(
        self,
        request: Request,
        reader: Callable[[Json], T],
        *,
        deadline: float | None = None,
        limit: float = REQUEST_LIMIT,
    ) -> T:
        """Send once and read the answer.

        While the account is paused nothing is sent, and the `RateLimitError` that the pause came from is given again.
        """
        response = await self.answer(request, deadline=deadline, limit=limit)
        return replies.read(request, response, self.transport.utcnow(), reader)

    async def answer(
        self,
        request: Request,
        send: Callable[[float], Awaitable[Response]] | None = None,
        *,
        deadline: float | None = None,
        limit: float = REQUEST_LIMIT,
    ) -> Response:
        """Send once, by `send` within the seconds it is given, and give the answer unless it is a 429."""
        self.ensure_usable()
        if self.pauses and (held := self.pauses.remaining(request, self.transport.now())) > 0:
            raise self._held(request, held)
        timeout = self.within(limit, deadline)
        if timeout <= 0:
            raise APITimeoutError(f"{request.work} was not sent: no time was left", sent=False)
        sent = send(timeout) if send else self.transport.send(request, timeout=timeout)
        response = await (_noted(request, sent, self.transport) if logger.isEnabledFor(logging.INFO) else sent)
        if response.status == 429:
            raise self._paused(request, response)
        return response

    def _paused(self, request: Request, response: Response) -> KlingMotionError:
        error = status_error(request, response, self.transport.utcnow())
        asked = error.retry_after if isinstance(error, RateLimitError) else None
        pause = min(UNTOLD_PAUSE if asked is None else asked, LONGEST_PAUSE)
        self.pauses.note(request.email, self.transport.now() + pause)
        logger.info("%s: 429, calls of this account pause for %.1f s", request.work, pause)
        return error

    def within(self, limit: float, deadline: float | None) -> float:
        """Seconds a request may take: `limit`, cut by the deadline."""
        if deadline is None:
            return limit
        return max(0.0, min(limit, deadline - self.transport.now()))

    def _held(self, request: Request, seconds: float) -> RateLimitError:
        error = RateLimitError(
            f"{request.work} is held back for {seconds:.1f} s more: the server answered an earlier call with 429",
            status=429,
        )
        error.retry_after, error.sent = seconds, False
        return error

    # --- retried ----------------------------------------------------------------------------------------------------

    async def repeat(
        self,
        request: Request,
        reader: Callable[[Json], T],
        *,
        deadline: float | None = None,
        limit: float = REQUEST_LIMIT,
    ) -> T:
        """Send a request that may safely be sent again, by the policy."""
        return await self.retried(lambda: self.once(request, reader, deadline=deadline, limit=limit), deadline=deadline)

    async def retried(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        again: Callable[[KlingMotionError], bool] = is_passing,
        deadline: float | None = None,
    ) -> T:
        """Await `call` by the policy; `again` says which failures are worth another try."""
        return await retry(
            call,
            policy=self.policy,
            clock=self.transport,
            sleep=self.sleep,
            again=lambda error: not self.closed and again(error),
            told=_note_retry,
            deadline=deadline,
        )

    async def sleep(self, seconds: float, wake: asyncio.Future[None] | None = None) -> None:
        """Sleep until the time is over, `wake` is done or the session is closed."""
        if seconds <= 0 or self.closed:
            await self.transport.sleep(0)
            return
        wake = wake or asyncio.get_running_loop().create_future()
        self._on_close.add(wake)
        try:
            await self.transport.sleep(seconds, wake=wake)
        finally:
            self._on_close.discard(wake)

    # --- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make it usable, on the running loop."""
        if self.closed and self._loop is not asyncio.get_running_loop():
            self._loop = None  # where it was used, that is over
        self.closed = False
        self.ensure_usable()

    def ensure_usable(self) -> None:
        """Take the running loop for ours, if the session is open and in use on no other.

        Raises:
            ConfigurationError: It is closed, or in use on another loop.
        """
        if self.closed:
            raise ConfigurationError("this session is closed; enter it again with `async with session:`")
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and self._loop.is_running():
            raise ConfigurationError("this session is in use on another event loop; make one session for each thread")
        self._loop = loop
        self.pauses = Pauses()  # instants of another loop's clock mean nothing on this one
        self._on_close.clear()
        self._background.clear()
        self.transfers = asyncio.Semaphore(TRANSFERS)

    def background(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run `work` beside the caller; it is cancelled when the session is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def close(self) -> None:
        """Wake every sleeper, end what runs beside the callers, close the transport. A second close does nothing.

        Raises:
            ConfigurationError: It is in use on another loop, which alone can close it.
        """
        here = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not here and self._loop.is_running():
            raise ConfigurationError("this session is in use on another event loop; close it there")
        self.closed = True
        try:
            if self._loop is here:
                await self._end_all()
        finally:
            await self.transport.close()

    async def _end_all(self) -> None:
        for wake in self._on_close:
            if not wake.done():
                wake.set_result(None)
        self.rouse_others()
        background = self._background - {asyncio.current_task()}  # a hook of a batch may be what closes the session
        for task in background:
            task.cancel()
        if background:
            await asyncio.wait(background)  # `gather` would cancel them with this, and they may be waiting for this one
