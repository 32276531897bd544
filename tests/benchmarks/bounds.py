"""What must not grow or wait: memory with requests and uploads, one rule for the vendor of another. Has no peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, micro
from benchmarks.subjects import GEETEST, NoVendor, app, forwarded, in_headers, logged_in, login_policy, scope
from benchmarks.vendor import vendor
from captcha_gate import load_policy
from captcha_gate.asgi import CaptchaGate
from captcha_gate.stores.memory import MemoryStore

__all__ = ["rows"]

_REQUESTS = 1_000_000
#: One in so many is verified.
_VERIFIED = 100
_SIZE = 64 * 1024
_PIECES = 1600
_SAMPLE = 400
_HANGING = 100
_ROUNDS = 9


def rows() -> Iterator[Row]:
    """Memory in MB, and the slowest of a hundred requests."""
    grown, before = asyncio.run(_growth())
    yield Row(f"memory after {_REQUESTS:,} more requests", f"{grown:+.1f} MB", f"of {before:.0f} MB")
    grown, early = asyncio.run(_upload())
    upload = "an upload of 100 MB, token in headers"
    yield Row(f"{upload}: memory while it comes", f"{grown:+.1f} MB")
    yield Row(f"{upload}: sent when the application has its first bytes", f"{early / 1024:.0f} KiB")
    with vendor() as base_url:
        alone, beside = asyncio.run(_beside_one_that_hangs(base_url))
    yield Row(
        f"slowest of 100, {_HANGING} requests waiting for another rule's vendor",
        micro(beside),
        f"nobody waiting {micro(alone)}",
        beside / alone,
        "≤ 1.50",
    )


async def _growth() -> tuple[float, float]:
    ticks = count()
    store = MemoryStore(clock=lambda: next(ticks))  # seconds pass by the operation, so that claims end
    gate = CaptchaGate(app, login_policy(), store=store)
    gate._fetcher = NoVendor()
    paths = count()

    async def some(number: int) -> None:
        for _ in range(number // _VERIFIED):
            await logged_in(gate)
            for _ in range(_VERIFIED - 1):
                await forwarded(gate, scope("GET", f"/articles/{next(paths)}"))

    await some(_REQUESTS // 4)
    before = _resident()
    await some(_REQUESTS)
    return _resident() - before, before


async def _upload() -> tuple[float, int]:
    """Megabytes that it took, and bytes that were sent when the application got the first of them."""
    sent = 0
    early: list[int] = []
    most = 0.0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += _SIZE
        return {"type": "http.request", "body": b"x" * _SIZE, "more_body": sent < _PIECES * _SIZE}

    async def reads(asked: Any, receive: Any, send: Any) -> None:
        nonlocal most
        while (await receive())["more_body"]:
            early.append(sent)
            most = max(most, _resident())
        await app(asked, receive, send)

    async def drop(_: Any) -> None:
        pass

    gate = CaptchaGate(reads, login_policy())
    gate._fetcher = NoVendor()
    form = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"104857600")]
    before = _resident()
    await gate(scope("POST", "/login", [*form, *in_headers()]), receive, drop)
    return most - before, early[0]


async def _beside_one_that_hangs(base_url: str) -> tuple[float, float]:
    """Seconds that the slowest of a hundred requests takes, alone and beside requests that wait for another vendor."""
    async with AsyncExitStack() as stack:
        writers: list[Any] = []
        hanging = await stack.enter_async_context(_hanging(writers))
        providers = {
            "cn": {**GEETEST, "base_url": base_url, "timeout": "20s"},
            "other": {**GEETEST, "captcha_id": "1" * 32, "base_url": hanging, "timeout": "60s"},
        }
        rules = [{"name": n, "match": f"/{n}", "providers": [p]} for n, p in (("login", "cn"), ("slow", "other"))]
        policy = load_policy({"version": 1, "providers": providers, "rules": rules})
        gate = await stack.enter_async_context(aclosing(CaptchaGate(app, policy)))
        return await _in_turns(gate, writers)


async def _in_turns(gate: CaptchaGate, writers: list[Any]) -> tuple[float, float]:
    alone, beside = [], []
    for _ in range(_ROUNDS):
        alone.append(await _slowest(gate))
        came = len(writers)
        waiting = [asyncio.create_task(_ignored(gate)) for _ in range(_HANGING)]
        while len(writers) < came + _HANGING:  # noqa: ASYNC110 - in a benchmark, what is plain is good enough
            await asyncio.sleep(0.01)
        beside.append(await _slowest(gate))
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return min(alone), min(beside)


async def _slowest(gate: CaptchaGate) -> float:
    took = []
    for _ in range(_SAMPLE):
        begin = time.perf_counter()
        await logged_in(gate)
        took.append(time.perf_counter() - begin)
    return sorted(took)[-len(took) // 100]


async def _ignored(gate: CaptchaGate) -> None:
    await forwarded(gate, scope("POST", "/slow", in_headers()))


@asynccontextmanager
async def _hanging(writers: list[Any]) -> AsyncIterator[str]:
    """A vendor that takes every request and answers none; `writers` are its connections."""
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in writers:
            writer.close()
        server.close()


def _resident() -> float:
    """Megabytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
