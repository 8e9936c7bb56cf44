"""The worker's own line to the fake server: blocking, on a connection that is not counted."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from attrs import frozen


@frozen
class Seen:
    """What the fake server has seen since it was last steered."""

    looks: int
    results: int
    listings: int
    connections: int
    #: Of each job, in the order of the submits: when it became final, and how often it was looked at.
    final_at: list[float | None]
    looks_each: list[int]


class Control:
    """Steers and reads the fake server at `url`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port)

    def plan(self, *, looks_each: int = 0, durations: list[float] | None = None) -> None:
        """Forget everything; jobs from now on are final after so many looks, or after these seconds."""
        self._ask("POST", "/control", json.dumps({"looks_each": looks_each, "durations": durations or []}))

    def seen(self) -> Seen:
        """What was seen."""
        return Seen(**json.loads(self._ask("GET", "/control")))

    def submit(self) -> int:
        """A new job, for clients that wait for an id alone."""
        reply = json.loads(self._ask("POST", "/kling/jobs"))
        return int(reply["task"]["id"])

    def close(self) -> None:
        """Close the line."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self._connection.request(method, path, body=body)
        with self._connection.getresponse() as response:
            return response.read()
