"""Looks up the addresses of host names, in threads of its own. Connects to none of them.

`getaddrinfo` has no timeout, and an event loop runs it in the few threads that everything on the loop shares. Some
providers let clients name hosts: a client that names many whose name servers are silent would hold those threads up,
until calls to other vendors time out, too, and look like an outage. So each name has a thread, each domain few of them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

import httpcore

from captcha_gate.egress.own_lacks import Lacking

__all__ = ["Resolver"]

#: Names of one domain that are looked up at the same time. Whoever asks for the same name shares its look-up.
MAX_LOOK_UPS: Final = 8


class Resolver:
    """Finds addresses. Its failures are httpcore's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[list[str]]] = {}

    def addresses(self, host: str, timeout: float) -> list[str]:
        """The addresses of a host, in the order in which they should be tried.

        Args:
            host: a name.
            timeout: seconds.

        Raises:
            httpcore.ConnectError: the name has none, or it could not be looked up.
            httpcore.ConnectTimeout: it is not known yet.
            httpcore.PoolTimeout: too many other names of its domain are being looked up.
        """
        try:
            return self._look_up(host).result(timeout)
        except TimeoutError:
            raise _too_slow() from None

    async def aaddresses(self, host: str, timeout: float) -> list[str]:
        """As `addresses`."""
        found, loop = self._look_up(host), asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_: Future[list[str]]) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))

        found.add_done_callback(wake)
        await asyncio.wait({waiter}, timeout=timeout)
        if not waiter.done():
            waiter.cancel()
            raise _too_slow()
        return found.result()

    def _look_up(self, host: str) -> Future[list[str]]:
        with self._lock:
            if host in self._under_way:
                return self._under_way[host]
            if sum(_domain(other) == _domain(host) for other in self._under_way) >= MAX_LOOK_UPS:
                raise httpcore.PoolTimeout("too many names of one domain are being looked up")
            found = self._under_way[host] = Future()
        thread = threading.Thread(target=self._run, args=(host, found), name="captcha_gate-look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is to be had
            self._forget(host)
            found.set_exception(Lacking(str(error)))
        return found

    def _run(self, host: str, found: Future[list[str]]) -> None:
        # Whatever is raised, those who wait are told, and the next one looks the name up anew.
        try:
            addresses = _addresses(host)
        except BaseException as error:  # noqa: BLE001
            self._forget(host)
            found.set_exception(error if isinstance(error, httpcore.ConnectError) else Lacking(type(error).__name__))
        else:
            self._forget(host)
            found.set_result(addresses)

    def _forget(self, host: str) -> None:
        with self._lock:
            del self._under_way[host]


def _addresses(host: str) -> list[str]:
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        _refuse_without_sockets()
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _refuse_without_sockets() -> None:
    """Without a descriptor for its question, the C library may say "try again", as if a name server had failed.

    Raises:
        Lacking: we have none.
    """
    try:
        socket.socket().close()
    except OSError as error:
        raise Lacking(str(error)) from error


def _domain(host: str) -> str:
    return ".".join(host.rsplit(".", 2)[-2:])


def _too_slow() -> httpcore.ConnectTimeout:
    return httpcore.ConnectTimeout("looking the name up took too long")
