"""Verifications through the ASGI gate: many at once against what else could ask the vendor, and without any vendor."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, aclosing
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
from support.redis_server import RedisServer

from benchmarks.apps import app, endpoint
from benchmarks.measure import Row, afastest, micro, per_second, together
from benchmarks.subjects import NoVendor, forwarded, in_headers, logged_in, login_policy, scope, token
from benchmarks.vendor import vendor
from captcha_gate import Policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.egress.pools import AsyncPool
from captcha_gate.stores import redis as stores

__all__ = ["REQUESTS", "decided", "form", "rows"]

_ROUNDS = 5
#: Requests in a round, ten and more after each other: httpx is slow when its connections are all there, not before.
REQUESTS = 2_000
_FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


def rows() -> Iterator[Row]:
    """Requests a second at 200, 20 and 1 at once; microseconds of the gate itself."""
    with ExitStack() as stack:
        base_url = stack.enter_context(vendor())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer(folder)).url if which("redis-server") else None
        stores.TIMEOUT = 20.0  # else a machine that stops for a second refuses requests, and ends the measuring
        for at_once in (200, 20, 1):
            yield from _at_once(base_url, at_once, redis)
    yield from _alone()


def _at_once(base_url: str, at_once: int, redis: str | None) -> Iterator[Row]:
    took = asyncio.run(_together(base_url, at_once, redis))
    fast, plain, by_hand, floor = (took[name] for name in ("fast", "plain", "httpx", "aiohttp"))
    aim = "≥ 8" if at_once == 200 else ""
    what = f"verified requests, {at_once} at once, ASGI"
    httpx_endpoint = f"endpoint with httpx.AsyncClient {per_second(by_hand)}"
    yield Row(f"{what}, extra `fast`", per_second(fast), httpx_endpoint, by_hand / fast, aim)
    yield Row(f"{what}, extra `fast`", per_second(fast), f"bare aiohttp POST {per_second(floor)}", floor / fast)
    yield Row(f"{what}, without it", per_second(plain), httpx_endpoint, by_hand / plain)
    if redis is not None:
        memory = f"store in memory {per_second(fast)}"
        yield Row(f"{what}, extra `fast`, store in Redis", per_second(took["redis"]), memory, fast / took["redis"])


async def _together(base_url: str, at_once: int, redis: str | None) -> dict[str, float]:
    """Seconds for one request of each kind."""
    policy = login_policy(base_url)
    async with AsyncExitStack() as stack:
        fast = await stack.enter_async_context(aclosing(CaptchaGate(app, policy)))
        plain = await stack.enter_async_context(aclosing(_by_httpcore(policy)))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=20))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        url = f"{base_url}/validate?captcha_id=x"
        kinds = {
            "fast": partial(logged_in, fast),
            "plain": partial(logged_in, plain),
            "httpx": partial(logged_in, endpoint(client, url)),
            "aiohttp": partial(_bare, session, url),
        }
        if redis is not None:
            shared = await stack.enter_async_context(aclosing(CaptchaGate(app, login_policy(base_url, store=redis))))
            kinds["redis"] = partial(logged_in, shared)
        subjects = {name: together(once, at_once, REQUESTS) for name, once in kinds.items()}
        return await afastest(subjects, _ROUNDS)


def _by_httpcore(policy: Policy) -> CaptchaGate:
    gate = CaptchaGate(app, policy)
    gate._fetcher._make_pool = partial(AsyncPool, httpx.create_ssl_context(trust_env=False))
    return gate


async def _bare(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url, data=token()) as reply:
        await reply.json()


def _alone() -> Iterator[Row]:
    """The gate with a vendor that answers in no time: what extracting, signing, claiming and deciding take."""
    padding = {"headers": b"", "a form of 1 KiB": form(1), "a form of 100 KiB": form(100)}
    subjects = {where: decided(body) for where, body in padding.items()}
    took = asyncio.run(afastest({"no gate": _answered(_asking_no_vendor), **subjects}, 7))
    without = took.pop("no gate")
    took = {where: seconds - without for where, seconds in took.items()}
    what = "verifying adds, without the vendor's call, token in"
    headers = took.pop("headers")
    yield Row(f"{what} headers", micro(headers), "50 µs", headers / 50e-6, "≤ 1")
    for where, seconds in took.items():
        yield Row(f"{what} {where}", micro(seconds), f"in headers {micro(headers)}", seconds / headers)


def form(kib: int) -> bytes:
    """What a form of this size has before its token."""
    return b"text=" + b"x" * (kib * 1024 - 300)


def decided(padding: bytes, number: int = 500) -> Callable[[], Awaitable[float]]:
    """Measure the seconds that a verified request takes without the vendor, by a form that begins so or by headers."""
    gate = CaptchaGate(app, login_policy())
    gate._fetcher = NoVendor()
    return _answered(gate, padding, number)


async def _asking_no_vendor(asked: Any, receive: Any, send: Any) -> None:
    await NoVendor().perform(None)
    await app(asked, receive, send)


def _answered(subject: Any, padding: bytes = b"", number: int = 500) -> Callable[[], Awaitable[float]]:
    async def seconds() -> float:
        requests = [_request(padding) for _ in range(number)]
        begin = time.perf_counter()
        for asked, body in requests:
            await forwarded(subject, asked, body)
        return (time.perf_counter() - begin) / len(requests)

    return seconds


def _request(padding: bytes) -> tuple[dict[str, Any], bytes]:
    if padding:
        return scope("POST", "/login", _FORM), padding + b"&" + urlencode(token()).encode()
    return scope("POST", "/login", in_headers()), b""
