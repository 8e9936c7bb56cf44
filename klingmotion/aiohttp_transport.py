"""The transport over aiohttp. With `http_sessions` and `http_failures` it is all of the client that knows it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from urllib.parse import urlencode

import aiohttp
from yarl import URL  # what aiohttp's own interface takes

from klingmotion.body import STALL, Body, JsonBody
from klingmotion.errors import (
    APIConnectionError,
    ConfigurationError,
    DownloadError,
    InvalidRequestError,
    KlingMotionError,
)
from klingmotion.http_failures import CONNECT, translated
from klingmotion.http_sessions import OwnSessions
from klingmotion.limits import Limits
from klingmotion.requests import Request
from klingmotion.responses import Response
from klingmotion.secret import Secret
from klingmotion.transport import ByteSource, Download, bare, cut

#: Bytes of a JSON answer that are read at most.
ANSWER_LIMIT = 32 * 1024 * 1024

#: aiohttp's own limits: those on the whole are kept by `Limits`.
_CONNECTING = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)

#: Seconds until a file begins to come, at most. aiohttp tells of a silence long before, but not always once a caller
#: has closed the session. A caller's session may also have few connections: waiting for one of them is no silence.
_OPENING = 5 * STALL

_HOPS = 3


class AiohttpTransport:
    """The transport over aiohttp, on the running loop's clock.

    With `http` given, that session is used and never closed; otherwise one is opened at first use and closed with the
    transport, with the event loop, or when the transport is forgotten, whichever comes first.
    """

    def __init__(self, base_url: str, token: str | Secret, *, http: aiohttp.ClientSession | None = None) -> None:
        if http is not None and not isinstance(http, aiohttp.ClientSession):
            raise ConfigurationError(f"http must be an aiohttp.ClientSession, got {http!r:.80}")
        self._base_url = base_url
        self._base = URL(base_url, encoded=True)
        self._path = self._base.raw_path.rstrip("/")
        self._token = token if isinstance(token, Secret) else Secret(token)
        self._given = http
        self._own: OwnSessions | None = None
        self._random = random.Random()
        self._limits = Limits()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    def now(self) -> float:
        """The running loop's clock."""
        return asyncio.get_running_loop().time()

    def utcnow(self) -> datetime:
        """The system's clock."""
        return datetime.now(UTC)

    def random(self) -> float:
        """A number from 0 to 1."""
        return self._random.random()

    async def sleep(self, seconds: float, *, wake: asyncio.Future[None] | None = None) -> None:
        """Sleep on the loop's timer; one future serves both the timer and `wake`."""
        if wake is None:
            await asyncio.sleep(seconds)
            return
        timer = asyncio.get_running_loop().call_later(seconds, _finish, wake)
        try:
            await wake
        finally:
            timer.cancel()

    def send(self, request: Request, *, timeout: float | None = None) -> Coroutine[None, None, Response]:
        """Send once. A GET follows redirects within the API's own origin, nothing else follows any."""
        return self._exchange(request, timeout)

    async def upload(
        self,
        request: Request,
        source: ByteSource,
        *,
        on_sent: Callable[[int], None],
        timeout: float | None = None,
    ) -> Response:
        """Stream `source` with its Content-Length. It is given up after `STALL` seconds without progress."""
        body = Body(source, on_sent)
        try:
            return await self._exchange(request, timeout, body)
        except KlingMotionError:
            if body.unreadable is None:
                raise
        finally:
            body.close()
        raise InvalidRequestError(f"the file could not be read while it was sent: {body.unreadable}")

    @contextlib.asynccontextmanager
    async def download(self, url: str, *, offset: int = 0, validator: str | None = None) -> AsyncIterator[Download]:
        """GET a file. The token is not sent, redirects may lead anywhere."""
        target = _file_url(url)
        http = self._sessions().files if self._given is None else self._usable(self._given)
        headers = {"Accept-Encoding": "identity"}
        if offset and validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
        work = f"the download of {bare(url)}"
        limit = self._limits.within(None)
        closed = False
        try:
            with limit:
                async with await _opened(http, target, headers, work, self._limits) as response:
                    found = {name.lower(): value for name, value in response.headers.items()}
                    async with contextlib.aclosing(_pieces(response, work, self._limits)) as pieces:
                        yield Download(status=response.status, headers=found, pieces=pieces)
        except TimeoutError:
            if not limit.cut:
                raise  # the caller's own
            closed = True
        if closed:
            raise cut(work)

    async def close(self) -> None:
        """Cut what is under way and close the connections this transport opened."""
        self._limits.cut()
        own, self._own = self._own, None
        if own is not None:
            await own.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _url(self, request: Request) -> URL:
        """Made from the base: to take every URL apart anew would cost as much as all the rest of a request here."""
        url = self._base.with_path(self._path + request.path, encoded=True)
        return URL(f"{url}?{urlencode(request.query)}", encoded=True) if request.query else url

    def _sessions(self) -> OwnSessions:
        """Our own sessions on the running loop."""
        own, loop = self._own, asyncio.get_running_loop()
        if own is None or own.loop is not loop:
            own = self._own = OwnSessions(loop, self._standing())
        return own

    def _usable(self, given: aiohttp.ClientSession) -> aiohttp.ClientSession:
        if given.closed:
            raise APIConnectionError("the aiohttp session given as http= is closed", sent=False)
        return given

    def _http(self, request: Request) -> aiohttp.ClientSession:
        """The session to send a request to the API over."""
        if self._given is not None:
            return self._usable(self._given)
        own = self._sessions()
        return own.fresh if request.fresh else own.kept

    async def _exchange(self, request: Request, timeout: float | None, body: Body | None = None) -> Response:
        http = self._http(request)
        failure: KlingMotionError
        limit = self._limits.within(timeout)
        message = None if request.json is None else JsonBody(request.json)
        try:
            with limit:
                if body is not None:
                    body.watch(limit)
                response = await self._answer(http, request, self._url(request), body or message)
                if 300 <= response.status < 400 and request.method == "GET":
                    response = await self._redirected(http, request, response)
                return response
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            sent = message is None or message.begun
            failure = cut(request.work, sent=sent) if limit.cut else translated(error, request.work, timeout, sent=sent)
        except (RuntimeError, AttributeError):  # what aiohttp (3.11) stumbles over when closed meanwhile
            if not http.closed:
                raise
            failure = cut(request.work)
        except ValueError:
            if http is not self._given or (http.auth is None and not http.trust_env):
                raise
            why = "auth= or a .netrc file gives it another Authorization than the token"
            failure = ConfigurationError(f"the aiohttp session given as http= cannot be used for the API: {why}")
        # Raised out here, so that the original, which may hold the request's headers, is not its context.
        raise failure

    async def _redirected(self, http: aiohttp.ClientSession, request: Request, response: Response) -> Response:
        """What a few redirects lead to, unless they lead elsewhere."""
        url = self._url(request)
        for _ in range(_HOPS):
            location = response.headers.get("location")
            target = _within(url, location) if location else None
            if target is None:
                break
            url = target
            response = await self._answer(http, request, url, None)
            if not 300 <= response.status < 400:
                break
        return response

    async def _answer(
        self, http: aiohttp.ClientSession, request: Request, url: URL, body: Body | JsonBody | None
    ) -> Response:
        answer = await http.request(
            request.method,
            url,
            data=None if body is None else body.pieces(),
            headers=self._headers(http, request, body),
            allow_redirects=False,
            raise_for_status=False,  # whatever a session of the caller's is set to
            timeout=_CONNECTING,
        )
        content = await _whole(answer) if not answer.content.is_eof() else answer.content.read_nowait()
        if answer.connection is not None:  # after a 101 it would be kept for the other protocol
            answer.close()
        return Response(status=answer.status, headers=answer.headers, body=self._token.taken_out_of(content))

    def _standing(self) -> dict[str, str]:
        """The headers of all requests to the API."""
        return {"Authorization": f"Bearer {self._token.reveal()}", "Accept": "application/json"}

    def _headers(self, http: aiohttp.ClientSession, request: Request, body: Body | JsonBody | None) -> dict[str, str]:
        """What our own sessions do not send by themselves."""
        headers = self._in_spite_of(http) if http is self._given else {}
        if body is not None:
            headers["Content-Type"] = request.content_type or "application/json"
            headers["Content-Length"] = str(body.size)
        return headers

    def _in_spite_of(self, given: aiohttp.ClientSession) -> dict[str, str]:
        """The headers of a request over a session of the caller's, whatever that sends by default."""
        headers = self._standing()
        if not given.auto_decompress:
            headers["Accept-Encoding"] = "identity"  # nobody would unpack the answer
        return headers


def _finish(wake: asyncio.Future[None]) -> None:
    if not wake.done():
        wake.set_result(None)


#: What stands in no URL as it is sent.
_UNQUOTED = re.compile(r"[^!-~]")


def _file_url(url: str) -> URL:
    """The URL of a file, which the server has named.

    Raises:
        DownloadError: It is no http or https URL.
    """
    try:
        target = URL(url, encoded="%" in url and not _UNQUOTED.search(url))
        if target.scheme in ("http", "https") and target.raw_host and target.port:
            return target
    except (ValueError, AssertionError):  # what a URL that is none gives
        pass
    raise _no_link(url)


def _no_link(url: str) -> DownloadError:
    return DownloadError(f"the link {bare(url)!r} is no http or https URL: list the motion again", url=url, status=400)


def _within(url: URL, location: str) -> URL | None:
    """Where a redirect leads, if that is within the origin of `url`. Whoever names a user there means someone else."""
    try:
        target = url.join(URL(location))
        named = target.raw_user is not None or target.raw_password is not None
        return target if target.origin() == url.origin() and not named else None
    except ValueError:  # it is no URL
        return None


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer, unless it is too long."""
    length = answer.content_length
    if length is not None and length <= ANSWER_LIMIT and "Content-Encoding" not in answer.headers:
        return await answer.read()
    pieces = []
    left = ANSWER_LIMIT
    async with answer:
        async for piece in answer.content.iter_any():
            left -= len(piece)
            if left < 0:
                raise aiohttp.ClientPayloadError(f"more than {ANSWER_LIMIT} bytes")
            pieces.append(piece)
    return b"".join(pieces)


async def _opened(
    http: aiohttp.ClientSession, url: URL, headers: dict[str, str], work: str, limits: Limits
) -> aiohttp.ClientResponse:
    """The answer to a download, as far as its headers."""
    silence = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=STALL)
    limit = limits.within(_OPENING)
    failure: KlingMotionError
    try:
        with limit:
            return await http.get(url, headers=headers, timeout=silence, raise_for_status=False)
    except (aiohttp.TooManyRedirects, aiohttp.RedirectClientError) as error:
        why = f"its host redirects to nowhere ({type(error).__name__})"
        failure = DownloadError(f"the link {bare(str(url))!r} cannot be followed: {why}", url=str(url), status=400)
    except (aiohttp.ClientError, OSError) as error:
        failure = translated(error, work, _OPENING if limit.expired else None)
    except (RuntimeError, AttributeError):  # as in `_exchange`
        if not http.closed:
            raise
        failure = cut(work)
    except ValueError:  # to aiohttp, a user named in a URL is one too many beside an Authorization header
        why = "its host cannot be one, or it names a user and the aiohttp session given as http= another"
        failure = DownloadError(f"the link {bare(str(url))!r} cannot be followed: {why}", url=str(url), status=400)
    raise failure


async def _pieces(response: aiohttp.ClientResponse, work: str, limits: Limits) -> AsyncGenerator[bytes, None]:
    failure = None
    while failure is None:
        try:
            with limits.within(STALL):  # aiohttp's own limit is gone once a caller has closed the session
                piece = await response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            failure = translated(error, work, None)
        else:
            if not piece:
                return
            yield piece
    raise failure
