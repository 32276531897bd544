"""A store in Redis, which all processes and machines of a site share. The same commands for threads and for loops.

Needs the extra `redis`. Each operation is one command, so it is atomic by itself. A Redis that is slow, full,
read-only or gone is a `StoreError`, which lets nobody through; once one request has waited for it in vain, the others
are refused at once, and one of them tries again every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from captcha_gate.effects import Claim, Decrement, Get, Increment, Put, Release, StoreOp
from captcha_gate.errors import StoreError
from captcha_gate.report import LOGGER

__all__ = ["AsyncRedisStore", "RedisStore"]

#: Seconds that an operation may take: a store that answers later is of no use to somebody who waits for a page.
TIMEOUT: Final = 1.0
#: Seconds for which nobody else waits, once somebody has waited in vain.
COOL_DOWN: Final = 1.0
#: Operations of one process, or of one event loop, at a time; others queue within their time.
MAX_CONNECTIONS: Final = 64
_PREFIX: Final = "captcha_gate:"
#: The window begins with the first count, and later ones do not move its end.
_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""
#: A key that has ended must not begin anew, without an end.
_COUNT_BACK: Final = """
local count = redis.call('GET', KEYS[1])
if count and tonumber(count) > 0 then redis.call('DECR', KEYS[1]) end
return 0
"""
_MUST_KEEP: Final = "a key that is dropped lets a used token pass again: set maxmemory-policy noeviction"

_Command: TypeAlias = tuple[str | int, ...]


class RedisStore:
    """For threads.

    Args:
        url: `redis://host:6379/0?prefix=shop:`, `rediss://…` or `unix:///path?db=0`. Connected to when it is used.
        clock: seconds that only go forward.
    """

    shared = True

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = _Address.of(url)
        self._clock = clock
        self._here = self._begin()

    def perform(self, operation: StoreOp[Any]) -> Any:
        """As `Store.perform`."""
        command = _command(operation, self._address.prefix)
        here = self._of_this_process()
        ticket = here.health.admit()
        try:
            with _taken(here.slots):
                here.health.confirm(ticket)
                _greet(here)
                reply = _reply(operation, here.client.execute_command(*command))  # type: ignore[no-untyped-call]
        except StoreError:
            raise
        except redis.ResponseError as error:
            raise here.health.refused(error) from None
        except Exception as error:  # noqa: BLE001 - the client has many for what is slow, gone, or no Redis at all
            failed = here.health.failed(error)
            # Where this connection had died in silence, so have the idle ones: nobody shall wait for each of them.
            here.client.connection_pool.disconnect(inuse_connections=False)
            raise failed from None
        here.health.answered()
        return reply

    def close(self) -> None:
        """Close the connections. They are made anew if they are needed again."""
        self._of_this_process().client.close()

    def _of_this_process(self) -> _Here:
        # A lock or a slot that was held when we were forked is given back in the parent only.
        if self._here.process != os.getpid():
            self._here = self._begin()
        return self._here

    def _begin(self) -> _Here:
        client = redis.Redis.from_url(self._address.url, **self._address.options, retry=Retry(NoBackoff(), 0))
        return _Here(os.getpid(), client, threading.Semaphore(MAX_CONNECTIONS), _Health(self._clock))


class AsyncRedisStore:
    """For event loops: each has connections of its own.

    Args:
        url: as for `RedisStore`.
        clock: as for `RedisStore`.
    """

    shared = True

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = _Address.of(url)
        self._clients: dict[asyncio.AbstractEventLoop, tuple[redis.asyncio.Redis, asyncio.Semaphore]] = {}
        self._health = _Health(clock)

    async def perform(self, operation: StoreOp[Any]) -> Any:
        """As `Store.perform`."""
        command = _command(operation, self._address.prefix)
        client, slots = self._of_this_loop()
        ticket = self._health.admit()
        try:
            async with asyncio.timeout(TIMEOUT), slots:
                self._health.confirm(ticket)
                await _agreet(client, self._health)
                reply = _reply(operation, await client.execute_command(*command))  # type: ignore[no-untyped-call]
        except StoreError:
            raise
        except redis.ResponseError as error:
            raise self._health.refused(error) from None
        except Exception as error:  # noqa: BLE001 - as in `RedisStore`
            failed = self._health.failed(error)
            with contextlib.suppress(redis.RedisError, OSError):  # they are given up, whatever they say to that
                await client.connection_pool.disconnect(inuse_connections=False)
            raise failed from None
        self._health.answered()
        return reply

    async def aclose(self) -> None:
        """Close the running loop's connections. They are made anew if they are needed again."""
        client, _ = self._clients.pop(asyncio.get_running_loop(), (None, None))
        if client is not None:
            await client.aclose()

    def _of_this_loop(self) -> tuple[redis.asyncio.Redis, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            for ended in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(ended, None)
            retry = AsyncRetry(NoBackoff(), 0)
            client = redis.asyncio.Redis.from_url(self._address.url, **self._address.options, retry=retry)
            self._clients[loop] = client, asyncio.Semaphore(MAX_CONNECTIONS)
        return self._clients[loop]


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a Redis is, and what all keys begin with. Loading the policy has looked at the URL."""

    url: str = field(repr=False)
    options: Mapping[str, Any]
    prefix: str

    @classmethod
    def of(cls, url: str) -> _Address:
        address, _, query = url.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "protocol": 2}
        if "db" in given:
            options["db"] = int(given["db"])
        if address.startswith("rediss:"):
            options["ssl_check_hostname"] = True  # which redis-py did not do of itself before its version 6
        return cls(address, options, given.get("prefix", _PREFIX))


class _Health:
    """What is known of a Redis: whether it made somebody wait lately, and whether its memory was looked at."""

    greeted = False

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rests_until: float | None = None
        self._failures = 0

    def admit(self) -> int:
        """Let an operation try, unless others did in vain. Of those that come after that, one tries.

        Returns:
            A ticket for `confirm`.

        Raises:
            StoreError: not this one.
        """
        with self._lock:
            if self._rests_until is not None:
                now = self._clock()
                if now < self._rests_until:
                    raise _resting()
                self._rests_until = now + COOL_DOWN
            return self._failures

    def confirm(self, ticket: int) -> None:
        """Let an operation go on that may have queued since it was admitted.

        Raises:
            StoreError: somebody has waited in vain meanwhile.
        """
        if ticket != self._failures:
            raise _resting()

    def answered(self) -> None:
        """Redis has said something."""
        if self._rests_until is not None:
            self._rests_until = None

    def refused(self, error: redis.ResponseError) -> StoreError:
        """What Redis says itself, it says at once: nobody had to wait for that."""
        self.answered()
        return _named(error)

    def failed(self, error: Exception) -> StoreError:
        """Somebody has waited in vain."""
        with self._lock:
            self._failures += 1
            self._rests_until = self._clock() + COOL_DOWN
        return _named(error)

    def greet(self, memory: Mapping[str, Any] | None) -> None:
        """Warn, once, where Redis may drop keys that live. `None`: it does not say."""
        with self._lock:
            greeted, self.greeted = self.greeted, True
        if greeted:
            return
        if memory is None:
            LOGGER.warning("this Redis does not let us see its memory settings (INFO); %s", _MUST_KEEP)
            return
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and policy != "noeviction":
            LOGGER.warning("this Redis drops live keys when it is full (maxmemory-policy %s); %s", policy, _MUST_KEEP)


@dataclass(frozen=True, slots=True)
class _Here:
    """What one process has of a store."""

    process: int
    client: redis.Redis
    slots: threading.Semaphore
    health: _Health


@contextlib.contextmanager
def _taken(slots: threading.Semaphore) -> Iterator[None]:
    if not slots.acquire(timeout=TIMEOUT):
        raise TimeoutError
    try:
        yield
    finally:
        slots.release()


def _greet(here: _Here) -> None:
    """Look at the memory settings, before the first operation, so that a failure leaves nothing half done."""
    if here.health.greeted:
        return
    try:
        memory = here.client.info("memory")
    except redis.ResponseError:  # this user may not ask
        memory = None
    here.health.greet(memory)


async def _agreet(client: redis.asyncio.Redis, health: _Health) -> None:
    """As `_greet`."""
    if health.greeted:
        return
    try:
        memory = await client.info("memory")
    except redis.ResponseError:
        memory = None
    health.greet(memory)


def _command(operation: StoreOp[Any], prefix: str) -> _Command:
    match operation:
        case Claim(key, ttl):
            return "SET", prefix + key, 1, "PX", _milliseconds(ttl), "NX"
        case Release(key):
            return "DEL", prefix + key
        case Increment(key, ttl):
            return "EVAL", _COUNT, 1, prefix + key, _milliseconds(ttl)
        case Decrement(key):
            return "EVAL", _COUNT_BACK, 1, prefix + key
        case Put(key, value, ttl):
            return "SET", prefix + key, value, "PX", _milliseconds(ttl)
        case Get(key):
            return "GET", prefix + key
    raise StoreError(f"the Redis store does not know {type(operation).__name__}")


def _reply(operation: StoreOp[Any], reply: Any) -> Any:
    """What a reply of Redis means. ValueError: no Redis says that."""
    match operation, reply:
        case Claim(), True | None:
            return reply is True
        case Put(), True:
            return None
        case Release() | Decrement(), int():
            return None
        case Increment(), int():
            return reply
        case Get(), None:
            return None
        case Get(), bytes():
            return reply.decode()
    raise ValueError("not a reply of Redis")


def _milliseconds(ttl: float) -> int:
    return max(1, math.ceil(ttl * 1000))


def _named(error: Exception) -> StoreError:
    # Only the kind: an address may hold a password.
    return StoreError(f"Redis: {type(error).__name__}")


def _resting() -> StoreError:
    return StoreError("Redis did not answer a moment ago")
