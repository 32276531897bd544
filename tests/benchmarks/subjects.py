"""What several measurements use: policies, tokens, scopes, a vendor that takes no time. Measures nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any

import httpx
from support.world import GEETEST

from benchmarks.apps import app
from captcha_gate import Policy, load_policy
from captcha_gate.egress.wire import ReplyBody

__all__ = [
    "GEETEST",
    "HEADERS",
    "NoVendor",
    "app",
    "forwarded",
    "in_headers",
    "logged_in",
    "login",
    "login_policy",
    "many_rules",
    "scope",
    "token",
    "visiting",
]

#: As many as most browsers send at least.
HEADERS = [(b"host", b"example.com"), (b"user-agent", b"x"), (b"accept", b"*/*"), (b"cookie", b"a=b")]


@cache
def many_rules(number: int) -> Policy:
    """So many rules of two patterns each, with and without a wildcard."""
    rules = [
        {"name": f"r{n}", "match": {"path": [f"/area{n % 97}/item{n}/edit", f"/area{n % 97}/x{n}/*"]}}
        for n in range(number)
    ]
    return load_policy({"version": 1, "providers": {"cn": GEETEST}, "rules": rules})


def login(base_url: str = "http://127.0.0.1:9", **top: Any) -> dict[str, Any]:
    """A policy with one rule for /login, and a vendor at this address."""
    vendor = {**GEETEST, "base_url": base_url, "timeout": "20s"}
    rules = [{"name": "login", "match": "/login"}]
    return {"version": 1, "providers": {"cn": vendor}, "rules": rules, **top}


def login_policy(base_url: str = "http://127.0.0.1:9", **top: Any) -> Policy:
    """The same, loaded."""
    return load_policy(login(base_url, **top))


class NoVendor:
    """Performs the calls of a gate in no time: a vendor that says yes to everything."""

    _ANSWER = b'{"status":"success","result":"success","reason":"","captcha_args":{}}'

    async def perform(self, _: Any) -> httpx.Response:
        """The answer, as a new one: each is read."""
        reply = ReplyBody(200, ())
        reply.feed(self._ANSWER)
        return reply.response()

    async def aclose(self) -> None:
        """There is nothing to close."""


def token() -> dict[str, str]:
    """A token that nobody has used."""
    return {
        "lot_number": secrets.token_hex(16),
        "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
        "pass_token": "f3ea6fae5a1ed5bdb1c4b0be9e0fb3b35d3a5f5a8a4b0ab2e4b7c9e1d5f60718",
        "gen_time": "1653302332",
    }


def in_headers() -> list[tuple[bytes, bytes]]:
    """The headers that carry one."""
    return [(f"x-captcha-{name.replace('_', '-')}".encode(), value.encode()) for name, value in token().items()]


def scope(method: str, path: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> dict[str, Any]:
    """An HTTP request as servers describe it."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [*HEADERS, *headers],
        "client": ("127.0.0.1", 1),
    }


async def logged_in(gate: Any) -> None:
    """Send a new token to an ASGI application's /login."""
    await forwarded(gate, scope("POST", "/login", in_headers()))


def visiting(gate: Any, paths: list[str]) -> Callable[[], Awaitable[float]]:
    """Measure the seconds that a GET of one of these paths takes."""

    async def seconds() -> float:
        scopes = [scope("GET", path) for path in paths]
        begin = time.perf_counter()
        for asked in scopes:
            await gate(asked, None, _sent)
        return (time.perf_counter() - begin) / len(scopes)

    return seconds


async def _sent(_: Any) -> None:
    """Where the answers go. There have to be some: most of what other middleware costs is done to them."""


async def forwarded(gate: Any, asked: dict[str, Any], body: bytes = b"") -> None:
    """Send one request to an ASGI application.

    Raises:
        RuntimeError: the answer was not 200, and what was measured is something else than was meant.
    """
    statuses = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    await gate(asked, receive, send)
    if statuses != [200]:
        raise RuntimeError(f"answered {statuses}")
