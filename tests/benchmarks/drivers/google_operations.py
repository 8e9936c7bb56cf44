"""google-genai: it has no helper, its documentation has this loop around `operations.get`, with 10 s of sleep."""

from __future__ import annotations

import asyncio
from typing import Any

from google import genai
from google.genai import types

from tests.benchmarks.control import Control


class Driver:
    """The documented loop."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        options = types.HttpOptions(base_url=f"{url}/google")
        self._client = genai.Client(api_key="example", http_options=options)

    async def submit(self) -> object:
        operation: object = types.GenerateVideosOperation(name=f"models/veo/operations/{self._control.submit()}")
        return operation

    async def wait(self, handle: Any) -> None:
        operation = handle
        while not operation.done:
            await asyncio.sleep(10 if self.interval is None else self.interval)
            operation = await self._client.aio.operations.get(operation)

    async def stop(self) -> None:
        await self._client.aio.aclose()
