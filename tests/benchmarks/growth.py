"""How the cost grows: with rules, bodies, requests at once and workers; what one Redis carries. Has no peers."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

from support.redis_server import RedisServer

from benchmarks import worker
from benchmarks.apps import app
from benchmarks.measure import Row, afastest, micro, per_second, together
from benchmarks.subjects import logged_in, login_policy, many_rules, visiting
from benchmarks.vendor import vendor
from benchmarks.verified import REQUESTS, decided, form
from captcha_gate import Policy
from captcha_gate.asgi import CaptchaGate

__all__ = ["rows"]

_ROUNDS = 5
_PATHS = 2_000
_RULES = (10, 100, 1_000, 10_000)
_EXPRESSIONS = (1, 10, 100)
_KIB = (1, 10, 100, 1_000)
_AT_ONCE = (1, 20, 200, 1_000)
_WORKERS = (1, 2, 4)
#: Claims that Redis is sent, and how many it is sent before its answers are read.
_CLAIMS = 100_000
_PIPELINED = 500


def rows() -> Iterator[Row]:
    """Each against the smallest of its kind."""
    yield from _growing("a new path, {:,} rules by `path`", asyncio.run(_by_rules()), micro)
    yield from _growing("a new path, {:,} rules by `path_regex`", asyncio.run(_by_expressions()), micro)
    yield from _growing("verified without the vendor's call, form of {:,} KiB", asyncio.run(_by_body()), micro)
    with vendor() as base_url:
        usual = asyncio.run(_by_requests(base_url))
        yield from _growing("verified, {:,} at once, extra `fast`", usual, per_second)
        gc.freeze()  # what is there now is never looked at again
        for number, seconds in asyncio.run(_by_requests(base_url)).items():
            what = f"verified, {number:,} at once, extra `fast`, after `gc.freeze()`"
            yield Row(what, per_second(seconds), f"without {per_second(usual[number])}", usual[number] / seconds)
        gc.unfreeze()
    if which("redis-server"):
        with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
            took = {number: _by_workers(redis.url, number) for number in _WORKERS}
            yield from _growing("verified without the vendor's call, one Redis, {:,} workers", took, per_second)
            yield from _one_redis(redis)


def _growing(what: str, took: dict[int, float], shown: Callable[[float], str]) -> Iterator[Row]:
    least = min(took)
    for number, seconds in took.items():
        against = "" if number == least else f"{least:,}: {shown(took[least])}"
        ratio = took[least] / seconds if shown is per_second else seconds / took[least]  # of what is shown
        yield Row(what.format(number), shown(seconds), against, ratio if against else None)


async def _by_rules() -> dict[int, float]:
    return await _visited({number: many_rules(number) for number in _RULES})


async def _by_expressions() -> dict[int, float]:
    def rules(number: int) -> list[dict[str, Any]]:
        return [{"name": f"r{n}", "match": {"path_regex": f"/[a-z]+-{n}"}} for n in range(number)]

    return await _visited({number: login_policy(rules=rules(number)) for number in _EXPRESSIONS})


async def _visited(policies: dict[int, Policy]) -> dict[int, float]:
    paths = [f"/area5/item{number}/view" for number in range(_PATHS)]
    subjects = {number: visiting(CaptchaGate(app, policy), paths) for number, policy in policies.items()}
    return await afastest(subjects, _ROUNDS)


async def _by_body() -> dict[int, float]:
    return await afastest({kib: decided(form(kib), 30) for kib in _KIB}, _ROUNDS)


async def _by_requests(base_url: str) -> dict[int, float]:
    async with aclosing(CaptchaGate(app, login_policy(base_url))) as gate:
        once = partial(logged_in, gate)
        return await afastest({number: together(once, number, REQUESTS) for number in _AT_ONCE}, _ROUNDS)


def _by_workers(store: str, number: int) -> float:
    """Seconds for one verification of so many processes at the same time."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "benchmarks.worker", store]
    with ExitStack() as stack:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environ}
        workers = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(number)]
        for one in workers:
            one.stdout.readline()
        for one in workers:
            one.stdin.write("go\n")
            one.stdin.flush()
        slowest = max(float(one.stdout.readline()) for one in workers)
    return slowest / (number * worker.NUMBER)


def _one_redis(redis: RedisServer) -> Iterator[Row]:
    """What it takes at most, and what a token that is remembered costs it."""
    redis.admin.flushall()
    before = redis.admin.info("memory")["used_memory"]
    seconds = asyncio.run(_claims(redis.port))
    used = (redis.admin.info("memory")["used_memory"] - before) / redis.admin.dbsize()
    yield Row("claims that one Redis takes, many in one packet", per_second(seconds))
    yield Row("memory of one Redis for a claimed token", f"{used:.0f} bytes")


async def _claims(port: int) -> float:
    """Seconds that Redis takes for one claim, as the store sends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begin = time.perf_counter()
    for _ in range(_CLAIMS // _PIPELINED):
        writer.write(b"".join(_claim() for _ in range(_PIPELINED)))
        for _ in range(_PIPELINED):
            await reader.readline()
    took = time.perf_counter() - begin
    writer.close()
    return took / _CLAIMS


def _claim() -> bytes:
    words = ["SET", f"captcha_gate:claim:{secrets.token_hex(32)}", "1", "PX", "900000", "NX"]
    lines = [f"*{len(words)}", *(line for word in words for line in (f"${len(word)}", word)), ""]
    return "\r\n".join(lines).encode()
