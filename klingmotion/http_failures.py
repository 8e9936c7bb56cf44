"""What aiohttp's errors mean: the error of ours for each of them."""

from __future__ import annotations

import aiohttp

from klingmotion.body import STALL
from klingmotion.errors import APIConnectionError, APIResponseError, APITimeoutError, KlingMotionError

#: Seconds to open a connection.
CONNECT = 15.0


def translated(error: Exception, work: str, timeout: float | None, *, sent: bool = True) -> KlingMotionError:
    """The error of ours for one of aiohttp's; `sent` is whether anything of the request can have left.

    It keeps its cause unless that holds what was sent, or repeats what was received: either may show the token.
    """
    failure: KlingMotionError
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        failure = APITimeoutError(f"{work} found no connection within {CONNECT:g} s", sent=False)
    elif isinstance(error, TimeoutError) and not sent:
        failure = APITimeoutError(f"{work} found no connection within {timeout or CONNECT:.3g} s", sent=False)
    elif isinstance(error, TimeoutError):
        limit = f"within {timeout:.3g} s" if timeout is not None else f"for {STALL:g} s"
        failure = APITimeoutError(f"{work} got no whole answer {limit}")
    elif isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerFingerprintMismatch):
        failure = APIConnectionError(f"{work} found no connection: {error}", sent=False)
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"{work} found no connection: the proxy on the way answered with {error.status}"
        return APIConnectionError(text, sent=False)
    elif isinstance(error, aiohttp.ClientResponseError):
        return APIResponseError(f"{work} got an answer that is not proper HTTP")
    elif isinstance(error, aiohttp.ClientPayloadError):
        return APIResponseError(f"{work} got an answer that was cut short or is too long")
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        return APIConnectionError(f"{work} lost its connection before an answer was there")
    else:
        failure = APIConnectionError(f"{work} lost its connection: {str(error) or type(error).__name__}")
    failure.__cause__ = error
    return failure
