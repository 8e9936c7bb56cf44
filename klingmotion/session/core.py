"""How a session is made and ended; what its methods stand on."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from klingmotion.aiohttp_transport import AiohttpTransport
from klingmotion.configuration import checked_account, checked_base_url, token_trouble
from klingmotion.engine import Engine
from klingmotion.errors import ConfigurationError, InvalidRequestError
from klingmotion.retry import PollPolicy, RetryPolicy
from klingmotion.secret import Secret
from klingmotion.transport import Transport
from klingmotion.webhooks import WebhookInbox


class SessionCore:
    """A session without methods."""

    def __init__(
        self,
        token: str | None = None,
        *,
        email: str | None = None,
        base_url: str | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen, so one default serves all
        poll: PollPolicy = PollPolicy(),  # noqa: B008  # as above
        inbox: WebhookInbox | None = None,
        http: aiohttp.ClientSession | None = None,
        transport: Transport | None = None,
    ) -> None:
        if transport is None:
            trouble = token_trouble(token)
            if trouble is not None:
                token = None  # a traceback with local variables must not show it
                raise ConfigurationError(trouble)
            secret = Secret((token if token is not None else os.environ["USEAPI_TOKEN"]).strip())
            token = None  # as above, for whatever goes wrong from here on
            transport = AiohttpTransport(checked_base_url(base_url), secret, http=http)
        token = None
        if not isinstance(retry, RetryPolicy) or not isinstance(poll, PollPolicy):
            raise ConfigurationError(
                f"retry must be a RetryPolicy and poll a PollPolicy, got {retry!r:.80}, {poll!r:.80}"
            )
        if inbox is not None and not isinstance(inbox, WebhookInbox):
            raise ConfigurationError(f"inbox must be a WebhookInbox, got {inbox!r:.80}")
        self._engine = Engine(transport, retry=retry, poll=poll, email=checked_account(email), inbox=inbox)

    async def __aenter__(self) -> Self:
        self._engine.calls.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session. Waits that are pending end with a `TaskError`; the tasks themselves go on."""
        await self._engine.calls.close()


def checked_path(name: str, given: str | os.PathLike[str]) -> Path:
    """Where something is to be written, if a file can be called so: seen before anything is sent or paid for.

    Raises:
        InvalidRequestError: None can.
    """
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(path, str):
        raise InvalidRequestError(f"{name} must be a path, got {given!r:.80}")
    try:
        unusable = b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        unusable = True
    if unusable:
        raise InvalidRequestError(f"{name} must be a path that a file can have, got {given!r:.80}")
    return Path(path)
