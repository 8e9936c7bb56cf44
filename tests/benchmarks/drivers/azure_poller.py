"""azure-core: `AsyncLROPoller`, which every client of Azure gives for a long operation."""

from __future__ import annotations

from typing import Any

from azure.core import AsyncPipelineClient
from azure.core.pipeline import policies
from azure.core.polling import AsyncLROPoller
from azure.core.polling.async_base_polling import AsyncLROBasePolling
from azure.core.rest import HttpRequest


class Driver:
    """The public helper, with the policies that generated clients have."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._url = f"{url}/azure"
        chain = [
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(),
            policies.UserAgentPolicy(),
            policies.ProxyPolicy(),
            policies.ContentDecodePolicy(),
            policies.AsyncRedirectPolicy(),
            policies.AsyncRetryPolicy(),
        ]
        self._client = AsyncPipelineClient(base_url=self._url, policies=chain)

    async def submit(self) -> object:
        # `_return_pipeline_response` is what generated clients pass in order to make a poller.
        request = HttpRequest("POST", f"{self._url}/jobs", json={})
        initial: object = await self._client.send_request(request, _return_pipeline_response=True)
        return initial

    async def wait(self, handle: Any) -> None:
        method = AsyncLROBasePolling() if self.interval is None else AsyncLROBasePolling(self.interval)
        await AsyncLROPoller(self._client, handle, lambda response: response.http_response.json(), method).result()

    async def stop(self) -> None:
        await self._client.close()
