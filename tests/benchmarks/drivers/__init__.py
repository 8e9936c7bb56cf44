"""One module for each client: how it is made to submit a job and to wait for it, through its own public helper."""

from __future__ import annotations

from typing import Protocol


class Driver(Protocol):
    """A client. What `submit` gives is what the client itself needs in order to wait."""

    #: Seconds between two looks; `None` for the client's own default.
    interval: float | None

    async def start(self, url: str) -> None:
        """Open the client on the fake server at `url`."""

    async def submit(self) -> object:
        """Submit a job."""

    async def wait(self, handle: object) -> None:
        """Wait until it is final."""

    async def stop(self) -> None:
        """Close the client."""
