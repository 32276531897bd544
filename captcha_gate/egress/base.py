"""What sends on an event loop, as the fetcher sees it. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import httpx

    from captcha_gate.effects import Fetch

__all__ = ["CLOSING", "Pool"]

#: Seconds that closing waits for calls under way.
CLOSING: Final = 5.0


class Pool(Protocol):
    """Connections that belong to one event loop."""

    async def send(self, fetch: Fetch) -> httpx.Response:
        """The vendor's reply.

        Raises:
            Exception: one of `wire.FAILURES`: there is none.
            FetchError: it cannot be used, or was not asked for.
        """
        ...  # pragma: no cover

    async def aclose(self) -> None:
        """Wait a moment for the calls under way, then close all connections."""
        ...  # pragma: no cover
