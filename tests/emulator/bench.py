"""A plain HTTP client beside a running emulator; nothing of the SDK is in it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import frozen

from klingmotion.emulator import Asset, Emulator, Media

TOKEN = "user:1-example"


@frozen
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]
    raw: bytes


@frozen
class Bench:
    emulator: Emulator
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, *, token: str | None = TOKEN, **more: Any) -> Answer:
        """Call the API, or any URL; the body is decoded if it is JSON."""
        url = path if path.startswith("http") else self.emulator.url + path
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        async with self.http.request(method, url, headers=headers, allow_redirects=False, **more) as response:
            raw = await response.read()
            is_json = raw and response.content_type == "application/json" and method != "HEAD"
            return Answer(response.status, await response.json() if is_json else None, response.headers, raw)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.call("DELETE", path, **more)

    async def upload(self, data: bytes, content_type: str, **more: Any) -> Answer:
        return await self.call(
            "POST", "/assets/", data=io.BytesIO(data), headers={"Content-Type": content_type}, **more
        )

    async def submit(self, asset: Asset | None = None, **fields: object) -> Answer:
        """Submit an asset, a fresh one if none is given."""
        email = fields.get("email")
        asset = asset or self.emulator.add_asset(email=email if isinstance(email, str) else None)
        document = {"resourceUrl": asset.resource_url, "coverUrl": asset.cover_url, **fields}
        return await self.call("POST", "/videos/motion-upload", json=document)

    async def submitted(self, asset: Asset | None = None, **fields: object) -> int:
        """Submit, and give the task's id."""
        answer = await self.submit(asset, **fields)
        assert answer.status == 200, answer.body
        task_id = answer.body["task"]["id"]
        assert isinstance(task_id, int)
        return task_id

    def picture(self, email: str | None = None) -> Asset:
        """An uploaded image."""
        return self.emulator.add_asset(
            b"picture", email=email, media=Media("image/png", None, 400, 500), extension="png"
        )

    async def create(self, motion: Asset | None = None, image: Asset | None = None, **fields: object) -> Answer:
        """Ask for a video out of an uploaded motion and an image, fresh ones if none are given."""
        email = str(fields["email"]) if "email" in fields else None
        motion, image = motion or self.emulator.add_asset(email=email), image or self.picture(email)
        return await self.ask_video(**{"motionUrl": motion.resource_url, "imageUrl": image.resource_url, **fields})

    async def ask_video(self, **fields: object) -> Answer:
        """Ask for a video by these fields alone."""
        return await self.call("POST", "/videos/motion-create", json=fields)

    async def created(self, motion: Asset | None = None, image: Asset | None = None, **fields: object) -> Any:
        """Ask for a video and look until it is final; the last look."""
        answer = await self.create(motion, image, **fields)
        assert answer.status == 200, answer.body
        return await self.end(answer.body["task"]["id"])

    async def end(self, task_id: int, **query: str) -> Any:
        """Look at a task until it is final; the last look."""
        while not (look := await self.look(task_id, params=query)).body["status_final"]:
            pass
        return look.body

    async def look(self, task_id: int, **more: Any) -> Answer:
        return await self.get(f"/tasks/{task_id}", **more)

    async def finished(self, asset: Asset | None = None, **fields: object) -> int:
        """Submit and look until it is final; the task's id."""
        task_id = await self.submitted(asset, **fields)
        query = {"email": str(fields["email"])} if "email" in fields else {}
        await self.end(task_id, **query)
        return task_id

    async def motions(self, **query: str) -> list[Any]:
        answer = await self.get("/videos/motions", params={"mine": "true", **query})
        assert isinstance(answer.body, list), answer
        return answer.body


@asynccontextmanager
async def bench(emulator: Emulator | None = None) -> AsyncIterator[Bench]:
    """A running emulator, and a client for it."""
    async with emulator or Emulator() as running, aiohttp.ClientSession() as http:
        yield Bench(running, http)
