"""What a store must do, and how its URL names one. Holds no state itself."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, parse_qsl, urlsplit

from captcha_gate.effects import StoreOp
from captcha_gate.stores.memory import MemoryStore

__all__ = ["Store", "check_store_url", "open_store"]

_EXPECTED: Final = "expected memory://, redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/the.socket"


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


def check_store_url(url: str) -> str | None:
    """What is wrong with a store's URL, without a word of it, for it may hold a password; `None` where nothing is."""
    if url == "memory://":
        return None
    try:
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
        _ = parts.port
    except ValueError:
        return _EXPECTED
    names = [name for name, _ in options]
    allowed = {"prefix", "db"} if parts.scheme == "unix" else {"prefix"}
    if len(set(names)) < len(names) or not set(names) <= allowed:
        return f"the URL of a {parts.scheme} store takes only: {', '.join(sorted(allowed))}, each once"
    number = parts.path[1:] if parts.scheme in ("redis", "rediss") else dict(options).get("db", "")
    return None if _has_place(parts) and re.fullmatch("[0-9]{0,3}", number) and "#" not in url else _EXPECTED


def _has_place(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return len(parts.path) > 1 and not parts.hostname
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname)


def open_store(url: str, *, asynchronous: bool) -> Store:
    """The store that a URL names.

    Args:
        url: as `check_store_url` accepts it.
        asynchronous: for an event loop.

    Raises:
        ValueError: there is no such store, or it needs something that is not installed.
    """
    wrong = check_store_url(url)
    if wrong is not None:
        raise ValueError(f"store: {wrong}")
    if url == "memory://":
        return MemoryStore()
    try:
        from captcha_gate.stores.redis import AsyncRedisStore, RedisStore  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ValueError("store: Redis needs one more package (pip install 'captcha_gate[redis]')") from None
    return AsyncRedisStore(url) if asynchronous else RedisStore(url)
