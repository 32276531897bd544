"""Network backends that know when a whole call must be over. Know nothing of requests, vendors or CAPTCHAs.

httpcore passes a timeout to every read and write of its own. These backends replace it by what is left of the call's
deadline, which stands in a context variable: so headers or a body that drip, a slow handshake and a slow resolver
all end in time, without cancelling anything.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any, Final

import httpcore

__all__ = ["DEADLINE", "AsyncDeadlineBackend", "SyncDeadlineBackend"]

#: When, on the monotonic clock, the call in this context must be over.
DEADLINE: Final[ContextVar[float]] = ContextVar("captcha_gate_deadline")


def _left(too_late: type[httpcore.TimeoutException]) -> float:
    left = DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise too_late("the deadline of the whole call has passed")
    return left


class _SyncStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _SyncStream(self._stream.start_tls(ssl_context, server_hostname, _left(httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class SyncDeadlineBackend(httpcore.NetworkBackend):
    """For threads. Names are resolved in a helper thread, for `getaddrinfo` has no timeout of its own."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(httpcore.ConnectTimeout)
        if _is_address(host):
            return _SyncStream(self._backend.connect_tcp(host, port, left, local_address, socket_options))
        connecting: Future[httpcore.NetworkStream] = Future()

        def connect() -> None:
            try:
                connecting.set_result(self._backend.connect_tcp(host, port, left, local_address, socket_options))
            except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
                connecting.set_exception(error)

        threading.Thread(target=connect, name="captcha_gate-connect", daemon=True).start()
        try:
            return _SyncStream(connecting.result(left))
        except TimeoutError:
            connecting.add_done_callback(_close_late)
            raise httpcore.ConnectTimeout("resolving and connecting took too long") from None


def _close_late(connecting: Future[httpcore.NetworkStream]) -> None:
    if connecting.exception() is None:
        connecting.result().close()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, _left(httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, _left(httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        left = _left(httpcore.ConnectTimeout)
        return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """For event loops."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        left = _left(httpcore.ConnectTimeout)
        return _AsyncStream(await self._backend.connect_tcp(host, port, left, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
