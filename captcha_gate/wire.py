"""One call to a vendor on the wire: the request as it is sent, the reply as far as it is read, failures by their names.

Knows no pools and no vendors; `fetch` sends.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpcore
import httpx

from captcha_gate.deadline import DEADLINE
from captcha_gate.effects import Fetch
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["FAILURES", "acontent", "all_busy", "content", "core_request", "failure", "prepare"]

#: Bytes of a reply that are read. The longest documented one has about two thousand.
MAX_REPLY: Final = 64 * 1024
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
    """Set the call's deadline and the headers that every request has."""
    DEADLINE.set(time.monotonic() + fetch.timeout)
    request = fetch.request
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), fetch.timeout)
    request.headers.setdefault("Accept", "application/json")
    request.headers.setdefault("Accept-Encoding", "identity")
    request.headers.setdefault("User-Agent", "captcha_gate")


def core_request(request: httpx.Request) -> httpcore.Request:
    """The request for httpcore."""
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.content,
        extensions=request.extensions,
    )


def content(status: int, headers: list[tuple[bytes, bytes]], chunks: Iterator[bytes]) -> bytes:
    """A reply's body; of any status but 200 nothing where it cannot be read.

    Such a status is an answer by itself: a redirect or a 403 whose body is compressed, too long or cut off is no
    outage, and opens no gate.
    """
    body = bytearray()
    try:
        _refuse_encoded(headers)
        for chunk in chunks:
            body += chunk
            _refuse_too_long(body)
    except (FetchError, *FAILURES):
        if status == 200:
            raise
        return b""
    return bytes(body)


async def acontent(status: int, headers: list[tuple[bytes, bytes]], chunks: AsyncIterator[bytes]) -> bytes:
    """As `content`."""
    body = bytearray()
    try:
        _refuse_encoded(headers)
        async for chunk in chunks:
            body += chunk
            _refuse_too_long(body)
    except (FetchError, *FAILURES):
        if status == 200:
            raise
        return b""
    return bytes(body)


def _refuse_too_long(body: bytearray) -> None:
    if len(body) > MAX_REPLY:
        raise FetchError(Reason.BAD_REPLY, f"the reply is longer than {MAX_REPLY} bytes")


def _refuse_encoded(headers: list[tuple[bytes, bytes]]) -> None:
    """Nothing is ever decompressed: a small reply could be a large one."""
    if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in headers):
        raise FetchError(Reason.BAD_REPLY, "the reply is compressed, which we did not ask for")


def all_busy() -> FetchError:
    """Our own fault: it proves nothing about the vendor."""
    return FetchError(Reason.OVERLOADED, "all connections are busy", proves_outage=False)


def failure(error: Exception) -> FetchError:
    """What one of `FAILURES` means for the gate. Its message names nothing that was sent."""
    kind = type(error).__name__
    if isinstance(error, (httpcore.PoolTimeout, httpx.PoolTimeout)):
        return all_busy()
    if isinstance(error, (httpcore.ConnectTimeout, httpx.ConnectTimeout)):
        return FetchError(Reason.TIMEOUT, kind, nothing_sent=True)
    if isinstance(error, (httpcore.TimeoutException, httpx.TimeoutException)):
        return FetchError(Reason.TIMEOUT, kind)
    if isinstance(error, (httpcore.ConnectError, httpx.ConnectError)):
        if _is_untrusted(error):
            # Somebody in between, or a wrong base_url: whoever could cause it must not open the gate with it.
            return FetchError(Reason.NETWORK, f"{kind}: {error}", proves_outage=False)
        return FetchError(Reason.NETWORK, f"{kind}: {error}", nothing_sent=True)
    return FetchError(Reason.NETWORK, kind)


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
