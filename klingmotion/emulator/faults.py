"""What can go wrong with one request, scripted by `Emulator.fail`.

"Before" means that nothing was done. "After" means that the work was really done first. Mind that an HTTP
client may by itself repeat a GET whose kept-alive connection was closed: one call then uses up two faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web
from attrs import field, frozen

from klingmotion.emulator import refusals
from klingmotion.emulator.exchange import Exchange, Reply
from klingmotion.emulator.refusals import Refusal
from klingmotion.emulator.rules import RetryAfter, RetryAfterForm

HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><p>edge</p></body></html>"


class Fault(Protocol):
    """Plays itself on one request."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        """Answer the exchange, or fail to."""


@frozen
class Pass:
    """No fault: lets one request through."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.send(await exchange.work())


# The connection


@frozen
class DropBefore:
    """The connection is closed; nothing was done."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return exchange.drop()


@frozen
class DropAfter:
    """The work is done, then the connection is closed without an answer."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.work()
        return exchange.drop()


@frozen
class DropMidBody:
    """The connection is closed when so many bytes of the request's body have been read; nothing was done."""

    at: int = 1

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        while exchange.seen.received < self.at and (piece := await exchange.request.content.readany()):
            exchange.seen.received += len(piece)
        return exchange.drop()


@frozen
class Reset:
    """The connection is reset (RST); nothing was done unless `after`."""

    after: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.after:
            await exchange.work()
        return exchange.reset()


# Time


@frozen
class StallBefore:
    """Silence, then the work and its answer.

    If the client leaves during the silence the work is never done, unless `even_if_gone`: then it is
    done late, as by a server that did not notice.
    """

    seconds: float
    even_if_gone: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        working = self._work_late(exchange)
        if self.even_if_gone:
            await asyncio.shield(exchange.host.spawn(working))
        else:
            await working
        return await exchange.send(await exchange.work()) if exchange.worked else exchange.drop()

    async def _work_late(self, exchange: Exchange) -> None:
        if await exchange.pause(self.seconds):
            await exchange.work()


@frozen
class StallAfter:
    """The work is done; its answer comes late. Ends when the client leaves."""

    seconds: float

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        return await exchange.send(reply) if await exchange.pause(self.seconds) else exchange.drop()


@frozen
class Slow:
    """The work is done; its answer trickles."""

    bytes_per_second: float

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.stream(await exchange.work(), rate=self.bytes_per_second)


# Another answer


@frozen
class Html:
    """A page of HTML, as from a proxy; nothing was done unless `after`."""

    status: int = 502
    after: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.after:
            await exchange.work()
        page = HTML.format(self.status).encode()
        return await exchange.send(Reply(status=self.status, body=page, content_type="text/html; charset=utf-8"))


@frozen
class Empty:
    """A status with no body; nothing was done unless `after`."""

    status: int = 200
    after: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.after:
            await exchange.work()
        return await exchange.send(Reply(status=self.status))


@frozen
class Redirect:
    """A redirect to the same path at another origin; nothing was done."""

    origin: str
    status: int = 307

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        location = self.origin.rstrip("/") + exchange.request.path_qs
        return await exchange.send(Reply(status=self.status, headers={"Location": location}))


@frozen
class Vanish:
    """The task looked at answers 404 from now on, as one that failed at moderation does."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.task_id is not None:
            exchange.host.vanish(exchange.task_id)
        return await exchange.send(await exchange.work())


@frozen
class Status:
    """Any status with any body: text is sent as it is, None is empty, all else is JSON.

    Nothing was done unless `after`. The class methods are the documented errors.
    """

    status: int
    body: object = None
    headers: Mapping[str, str] = field(factory=dict, kw_only=True)
    after: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.after:
            await exchange.work()
        if self.body is None:
            return await exchange.send(Reply(status=self.status, headers=self.headers))
        if isinstance(self.body, str):
            text = self.body.encode()
            return await exchange.send(Reply(status=self.status, body=text, headers=self.headers))
        return await exchange.send(Reply.json(self.body, self.status, self.headers))

    @classmethod
    def of(cls, refusal: Refusal, *, after: bool = False) -> Status:
        """Any error the emulator knows."""
        return cls(refusal.status, refusal.body, headers=refusal.headers, after=after)

    @classmethod
    def bad_request(cls, text: str = "Parameter resourceUrl is required") -> Status:
        """400."""
        return cls.of(refusals.bad_request(text))

    @classmethod
    def unauthorized(cls) -> Status:
        """401."""
        return cls.of(refusals.unauthorized())

    @classmethod
    def subscription(cls) -> Status:
        """402."""
        return cls.of(refusals.subscription_required())

    @classmethod
    def forbidden(cls) -> Status:
        """403."""
        return cls.of(refusals.forbidden())

    @classmethod
    def not_found(cls) -> Status:
        """404 with no more to say."""
        return cls.of(refusals.not_found())

    @classmethod
    def asset_unknown(cls) -> Status:
        """404 of an asset unknown to Kling."""
        return cls.of(refusals.asset_unknown())

    @classmethod
    def gone(cls) -> Status:
        """410."""
        return cls.of(refusals.job_expired())

    @classmethod
    def no_credits(cls) -> Status:
        """412."""
        return cls.of(refusals.not_enough_credits())

    @classmethod
    def moderation(cls) -> Status:
        """500 that is really moderation."""
        return cls.of(refusals.moderation())

    @classmethod
    def rejected(cls, code: str = "MOTION.RESOLUTION_TOO_SMALL") -> Status:
        """500 that is really about the input."""
        return cls.of(refusals.rejected(code))

    @classmethod
    def picture_not_matched(cls) -> Status:
        """400 of an image in which no person was found."""
        return cls.of(refusals.picture_not_matched())

    @classmethod
    def server_fault(cls, *, after: bool = False) -> Status:
        """500 without a code: the outcome is unknown."""
        return cls.of(refusals.server_fault(), after=after)

    @classmethod
    def account_error(cls) -> Status:
        """596: the linked account is broken."""
        return cls.of(refusals.account_error())


@frozen
class RateLimited:
    """429, saying how long to wait in one of the forms, or not at all; nothing was done."""

    seconds: float = 10.0
    form: RetryAfterForm = "none"

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        refusal = refusals.at_capacity(RetryAfter(self.seconds, self.form), exchange.host.now())
        return await exchange.send(Reply.of(refusal))
