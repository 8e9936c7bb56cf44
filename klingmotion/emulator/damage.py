"""Faults that damage the answer to work that was done."""

from __future__ import annotations

import json

from aiohttp import web
from attrs import frozen

from klingmotion.emulator.exchange import Exchange, FileBody, Reply


@frozen
class Truncate:
    """The work is done; the answer announces all its bytes; the connection closes after the share `at`."""

    at: float = 0.5

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        await exchange.stream(reply, upto=int(reply.size * self.at))
        return exchange.drop()


@frozen
class CutAt:
    """As `Truncate`, after a number of bytes: for files."""

    bytes: int

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.stream(await exchange.work(), upto=self.bytes)
        return exchange.drop()


@frozen
class TruncateJson:
    """The work is done; the answer is sound HTTP around half a JSON text."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        return await exchange.send(reply.with_body(reply.whole()[: reply.size // 2]))


@frozen
class Corrupt:
    """The work is done; the answer has its right length, and its middle third inverted: for ZIP files."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        body = bytearray(reply.whole())
        third = len(body) // 3
        body[third : 2 * third] = bytes(byte ^ 0xFF for byte in body[third : 2 * third])
        return await exchange.send(reply.with_body(bytes(body)))


@frozen
class IgnoreRange:
    """The whole file is sent, with 200, whatever range was asked for."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        if reply.status != 206 or not isinstance(reply.body, FileBody):
            return await exchange.send(reply)
        blob = reply.body.blob
        headers = {name: value for name, value in reply.headers.items() if name != "Content-Range"}
        whole = FileBody(blob, 0, blob.size)
        return await exchange.send(Reply(status=200, body=whole, content_type=reply.content_type, headers=headers))


@frozen
class ServeBytes:
    """The file is replaced by other bytes: a hostile ZIP, an empty file, a text."""

    body: bytes
    content_type: str = "application/zip"

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.send(Reply(body=self.body, content_type=self.content_type))


@frozen
class WrongType:
    """The work is done; one value in the answer's JSON is replaced, at a path like `task.id`, `0.workId`."""

    path: str
    value: object

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        document = json.loads(reply.whole())
        *outer, last = self.path.split(".")
        inner = document
        for key in outer:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        inner[int(last) if isinstance(inner, list) else last] = self.value
        return await exchange.send(Reply.json(document, reply.status, reply.headers))


@frozen
class Replace:
    """The work is done; the answer is another JSON document."""

    document: object
    status: int = 200

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.work()
        return await exchange.send(Reply.json(self.document, self.status))
