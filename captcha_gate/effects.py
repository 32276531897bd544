"""What the decision may ask of the outside world, as data. Performs nothing.

A *flow* is a generator that yields effects and is sent their replies; its return value is what it concluded:

    fresh = yield from Claim(key, ttl)            # a bool, to the reader and to the type checker
    response = yield from Fetch(request, 2.5)     # an httpx.Response

Whoever drives a flow (`drive.run`, `drive.arun`, a test by hand) performs each effect in its own world, sends the
reply, and throws what went wrong *into* the flow. So retries, releases and refusals are plain `try`/`except`, once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Claim",
    "Compute",
    "Decrement",
    "Effect",
    "Fetch",
    "Flow",
    "Get",
    "Increment",
    "Once",
    "Put",
    "ReadChunk",
    "Release",
    "StoreOp",
]

T = TypeVar("T")

Flow: TypeAlias = Generator["Effect[Any]", Any, T]


class Effect(Generic[T]):
    """A request to the outside world whose reply is a `T`."""

    __slots__ = ()

    def __iter__(self) -> Flow[T]:
        """Let `yield from effect` be of type `T`."""
        reply: T = yield self
        return reply


@dataclass(frozen=True, slots=True)
class Fetch(Effect["httpx.Response"]):
    """Send a request to a vendor. Reply: status and capped body. Raises `FetchError`."""

    request: httpx.Request
    timeout: float  #: seconds for everything: queueing, resolving, connecting, sending, the whole reply
    urgent: bool = False  #: does not queue behind others: what they wait for may be what this one is to find out


@dataclass(frozen=True, slots=True)
class ReadChunk(Effect[bytes]):
    """Read more of the body. Reply: some bytes, or `b""` at its end. Raises `ClientGone`, `UnreadableRequest`."""

    timeout: float  #: seconds that all reading of this body together may take, where the server leaves that to us


@dataclass(frozen=True, slots=True)
class Compute(Effect[T]):
    """Call something that computes for milliseconds: an event loop hands it to a thread. Reply: what it returns."""

    call: Callable[[], T] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Once(Effect[T]):
    """Run a flow once for all who ask at the same time, and keep its conclusion for `ttl` seconds."""

    key: Hashable
    ttl: float
    flow: Callable[[], Flow[T]] = field(compare=False, repr=False)


class StoreOp(Effect[T]):
    """An operation on the shared store. Raises `StoreError`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Claim(StoreOp[bool]):
    """Take `key` for `ttl` seconds. Reply: whether nobody held it. Atomic across all who share the store."""

    key: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Release(StoreOp[None]):
    """Give a claimed `key` back, so that its token can be tried again."""

    key: str


@dataclass(frozen=True, slots=True)
class Increment(StoreOp[int]):
    """Count one more on `key`. Reply: the count so far; it is forgotten `ttl` seconds after it began."""

    key: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Decrement(StoreOp[None]):
    """Count one less on `key`, if it is still remembered; never below zero."""

    key: str


@dataclass(frozen=True, slots=True)
class Put(StoreOp[None]):
    """Keep `value` under `key` for `ttl` seconds."""

    key: str
    value: str = field(repr=False)
    ttl: float


@dataclass(frozen=True, slots=True)
class Get(StoreOp["str | None"]):
    """What is kept under `key`. Reply: the value; `None` where there is none, or none any more."""

    key: str
