"""What a store must do, and how its URL names one. Holds no state itself."""

from __future__ import annotations

from typing import Any, Protocol

from captcha_gate.effects import StoreOp
from captcha_gate.stores.memory import MemoryStore

__all__ = ["Store", "open_store"]


class Store(Protocol):
    """Performs store operations atomically.

    Attributes:
        shared: other processes see the same state.
    """

    shared: bool

    def perform(self, operation: StoreOp[Any]) -> Any:
        """The operation's reply, or, from an asynchronous store, an awaitable of it.

        Raises:
            StoreError: the store cannot answer, or has no room for another live claim.
        """
        ...  # pragma: no cover


def open_store(url: str) -> Store:
    """The store that a policy's `store` names. The policy's loading has refused every other URL."""
    if url != "memory://":
        raise ValueError(f"no store is known for {url.partition(':')[0]}:// URLs")
    return MemoryStore()
