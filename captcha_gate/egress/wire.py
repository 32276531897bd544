"""One call to a vendor on the wire: the request as it is sent, the reply as far as it is read, failures by their names.

Knows no pools and no vendors; `fetch` sends.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

import httpcore
import httpx

from captcha_gate.effects import Fetch
from captcha_gate.egress.deadline import DEADLINE
from captcha_gate.egress.own_lacks import own_fault
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import FormPost

__all__ = [
    "FAILURES",
    "ReplyBody",
    "all_busy",
    "aread_reply",
    "being_closed",
    "core_request",
    "failure",
    "headers_of",
    "prepare",
    "read_reply",
]

#: Bytes of a reply that are read. The longest documented one has about two thousand.
MAX_REPLY: Final = 64 * 1024
_HEADERS: Final = (
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"captcha_gate"),
)
#: What httpcore and httpx raise when a vendor, or the way to it, fails.
FAILURES: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
)


def prepare(fetch: Fetch) -> None:
    """Set the call's deadline."""
    DEADLINE.set(time.monotonic() + fetch.timeout)
    fetch.request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), fetch.timeout)


def headers_of(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    """The request's headers, and those that every request has."""
    own = request.raw_headers if isinstance(request, FormPost) else request.headers.raw
    names = {name.lower() for name, _ in own}
    return own + [header for header in _HEADERS if header[0] not in names]


def core_request(request: httpx.Request) -> httpcore.Request:
    """The request for httpcore."""
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=headers_of(request),
        content=request.content,
        extensions=request.extensions,
    )


class ReplyBody:
    """What is read of a reply: its status, when to ask again, and its body piece by piece.

    Of any status but 200 nothing has to be readable.

    Such a status is an answer by itself: a redirect or a 403 whose body is compressed, too long or cut off is no
    outage, and opens no gate.
    """

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._status = status
        self._headers = [header for header in headers if header[0].lower() == b"retry-after"]
        self._body = bytearray()
        self._refused = _compressed(headers)

    def feed(self, chunk: bytes) -> bool:
        """Take a piece. False: enough has been read."""
        if self._refused is None:
            self._body += chunk
            if len(self._body) > MAX_REPLY:
                self._refused = FetchError(Reason.BAD_REPLY, f"the reply is longer than {MAX_REPLY} bytes")
        return self._refused is None

    def response(self, broken: Exception | None = None) -> httpx.Response:
        """The reply as far as providers may read it.

        Args:
            broken: what ended the reading too early.

        Raises:
            FetchError: it cannot be used.
        """
        refused = self._refused or (failure(broken) if broken else None)
        if refused is not None and self._status == 200:
            raise refused
        return _Reply(self._status, self._headers, b"" if refused else bytes(self._body))


class _Reply(httpx.Response):
    """A response that has been read: by its `content`, `text` and `json()`, as often as anybody likes.

    To have httpx read bytes that are there takes five times as long.
    """

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(status, headers=headers, stream=httpx.ByteStream(body))
        self._body = body

    @property
    def content(self) -> bytes:
        return self._body


def _compressed(headers: Iterable[tuple[bytes, bytes]]) -> FetchError | None:
    """Nothing is ever decompressed: a small reply could be a large one."""
    for name, value in headers:
        if name.lower() == b"content-encoding" and value.lower() != b"identity":
            return FetchError(Reason.BAD_REPLY, "the reply is compressed, which we did not ask for")
    return None


def read_reply(body: ReplyBody, chunks: Iterator[bytes]) -> httpx.Response:
    """Read a reply in a thread."""
    try:
        for chunk in chunks:
            if not body.feed(chunk):
                break
    except FAILURES as error:
        return body.response(error)
    return body.response()


async def aread_reply(body: ReplyBody, chunks: AsyncIterator[bytes]) -> httpx.Response:
    """Read a reply on an event loop."""
    try:
        async for chunk in chunks:
            if not body.feed(chunk):
                break
    except FAILURES as error:
        return body.response(error)
    return body.response()


def all_busy() -> FetchError:
    """Our own fault: it proves nothing about the vendor."""
    return FetchError(Reason.OVERLOADED, "all connections are busy", proves_outage=False)


def being_closed() -> FetchError:
    """As `all_busy`: the call did not get its time."""
    return FetchError(Reason.OVERLOADED, "the gate is being closed", proves_outage=False)


def failure(error: Exception) -> FetchError:
    """What one of `FAILURES` means for the gate. Its message names nothing that was sent."""
    kind = type(error).__name__
    if isinstance(error, (httpcore.PoolTimeout, httpx.PoolTimeout)):
        return all_busy()
    ours = own_fault(error)
    if ours is not None:
        return ours
    if isinstance(error, (httpcore.ConnectTimeout, httpx.ConnectTimeout)):
        return FetchError(Reason.TIMEOUT, kind, nothing_sent=True)
    if isinstance(error, (httpcore.TimeoutException, httpx.TimeoutException)):
        return FetchError(Reason.TIMEOUT, kind)
    if isinstance(error, (httpcore.ConnectError, httpx.ConnectError)):
        return FetchError(Reason.NETWORK, f"{kind}: {error}", nothing_sent=True)
    return FetchError(Reason.NETWORK, kind)
