"""Requests by the thousand straight into a gate, without a client of HTTP's: tokens in, statuses out. Judges none."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

__all__ = ["aflood", "flood"]

#: Requests that are under way at a time.
AT_ONCE = 50


def flood(world: Any, tokens: Iterable[dict[str, str]], path: str = "/login", at_once: int = AT_ONCE) -> list[int]:
    """POST each token in headers of its own; the statuses, in order.

    Args:
        world: a `LiveWorld`, or a `World` whose vendor is no socket.
        tokens: token fields.
        path: where to.
        at_once: so many threads, or tasks of one loop.
    """
    if world.kind == "asgi":
        runner = getattr(world, "run", asyncio.run)
        return list(runner(aflood(world.gate, tokens, path, at_once)))
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda token: _wsgi(world.gate, path, token), tokens))


async def aflood(
    gate: Any, tokens: Iterable[dict[str, str]], path: str = "/login", at_once: int = AT_ONCE
) -> list[int]:
    """The same, inside a loop."""
    statuses: list[int] = []
    waiting = iter(tokens)
    while batch := list(islice(waiting, at_once)):
        statuses += await asyncio.gather(*(_asgi(gate, path, token) for token in batch))
    return statuses


def _headers(token: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"x-captcha-{name.replace('_', '-')}", value) for name, value in token.items())


def _wsgi(gate: Any, path: str, token: dict[str, str]) -> int:
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in _headers(token)},
    }
    for _ in gate(environ, lambda status, headers: statuses.append(status)):
        pass
    return int(statuses[0][:3])


async def _asgi(gate: Any, path: str, token: dict[str, str]) -> int:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": ("127.0.0.1", 123),
        "headers": [(name.encode(), value.encode()) for name, value in _headers(token)],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await gate(scope, receive, send)
    return int(sent[0]["status"])
