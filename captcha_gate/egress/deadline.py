"""Network backends that know when a whole call must be over. Know nothing of requests, vendors or CAPTCHAs.

httpcore passes a timeout to every read and write of its own. These backends replace it by what is left of the call's
deadline, which stands in a context variable: so headers or a body that drip, a slow handshake and a slow resolver
all end in time, without cancelling anything.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

import httpcore

from captcha_gate.egress.resolver import Resolver
from captcha_gate.request import address_of

__all__ = ["DEADLINE", "AsyncDeadlineBackend", "SyncDeadlineBackend", "time_left"]

#: When, on the monotonic clock, the call in this context must be over.
DEADLINE: Final[ContextVar[float]] = ContextVar("captcha_gate_deadline")


def time_left(too_late: type[httpcore.TimeoutException]) -> float:
    """Seconds until this context's call must be over; raises `too_late` where that has passed."""
    left = DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise too_late("the deadline of the whole call has passed")
    return left


class _SyncStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, time_left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, time_left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _SyncStream(self._stream.start_tls(ssl_context, server_hostname, time_left(httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class SyncDeadlineBackend(httpcore.NetworkBackend):
    """For threads."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()
        self._resolver = Resolver()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = [host] if address_of(host) else self._resolver.addresses(host, time_left(httpcore.ConnectTimeout))
        for to_try, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # What is left is shared evenly: an address that is silent leaves the others theirs.
            time_for_it = time_left(httpcore.ConnectTimeout) / to_try
            try:
                stream = self._backend.connect_tcp(address, port, time_for_it, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if to_try == 1:
                    raise
            else:
                return _SyncStream(stream)
        raise httpcore.ConnectError("the name has no address")


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, time_left(httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, time_left(httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        left = time_left(httpcore.ConnectTimeout)
        return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """For event loops."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()
        self._resolver = Resolver()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        left = time_left(httpcore.ConnectTimeout)
        addresses = [host] if address_of(host) else await self._resolver.aaddresses(host, left)
        for to_try, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            time_for_it = time_left(httpcore.ConnectTimeout) / to_try  # as for threads
            try:
                stream = await self._backend.connect_tcp(address, port, time_for_it, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if to_try == 1:
                    raise
            else:
                return _AsyncStream(stream)
        raise httpcore.ConnectError("the name has no address")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
