"""Runs calls as tasks of their own, which no waiter's cancellation touches. Knows neither vendors nor connections.

httpcore's pool loses a connection for ever when a call is cancelled at the wrong moment, and so may a user's client.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

import httpx

from captcha_gate.effects import Fetch
from captcha_gate.egress.base import CLOSING
from captcha_gate.egress.wire import being_closed, prepare
from captcha_gate.errors import FetchError
from captcha_gate.outcome import Reason

__all__ = ["Shielded"]

#: Seconds by which a call may end itself before its waiter leaves.
_GRACE: Final = 0.1


class Shielded(ABC):
    """A pool whose calls end by their own deadline, whatever becomes of who waits for them."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[httpx.Response]] = set()

    async def send(self, fetch: Fetch) -> httpx.Response:
        """As `Pool.send`. Whoever waits leaves in time, also where the call does not end."""
        call = asyncio.create_task(self._call(fetch), name="captcha_gate-fetch")
        self._calls.add(call)
        call.add_done_callback(self._ended)
        await asyncio.wait({call}, timeout=fetch.timeout + _GRACE)
        if not call.done():
            raise FetchError(Reason.TIMEOUT, "no complete reply in time")
        if call.cancelled():
            raise being_closed()
        return call.result()

    async def aclose(self) -> None:
        """As `Pool.aclose`."""
        if self._calls:
            _, unfinished = await asyncio.wait(self._calls, timeout=CLOSING)
            for call in unfinished:  # a client of the user's may have no timeout at all
                call.cancel()
        await self._close()

    async def _call(self, fetch: Fetch) -> httpx.Response:
        prepare(fetch)
        return await self._send(fetch)

    def _ended(self, call: asyncio.Task[httpx.Response]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # read it, also where nobody waits any more

    @abstractmethod
    async def _send(self, fetch: Fetch) -> httpx.Response:
        """As `Pool.send`, within the deadline that stands in the context."""

    @abstractmethod
    async def _close(self) -> None:
        """Close all connections."""
