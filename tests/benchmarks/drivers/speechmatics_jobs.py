"""speechmatics-batch: `wait_for_completion` of a job's id. Up to 20 % are added to its interval at random."""

from __future__ import annotations

from speechmatics.batch import AsyncClient, FormatType

from tests.benchmarks.control import Control


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._client = AsyncClient(api_key="example", url=f"{url}/speechmatics/v2")

    async def submit(self) -> object:
        return str(self._control.submit())

    async def wait(self, handle: object) -> None:
        if self.interval is None:
            await self._client.wait_for_completion(handle, format_type=FormatType.TXT)
        else:
            pace = {"polling_interval": self.interval, "min_polling_interval": self.interval}
            await self._client.wait_for_completion(handle, format_type=FormatType.TXT, timeout=None, **pace)

    async def stop(self) -> None:
        await self._client.close()
