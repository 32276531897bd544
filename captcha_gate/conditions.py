"""The conditions that `match` can hold: each a small class that holds or not, and can say so. No order, no actions."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol

from captcha_gate.patterns import PathPattern
from captcha_gate.request import Network, Pairs, Reading, RequestView

__all__ = [
    "SAFE_METHODS",
    "ClientIp",
    "Condition",
    "ContentType",
    "Cookie",
    "Header",
    "Host",
    "Matcher",
    "Methods",
    "Not",
    "Path",
    "PathRegex",
    "Query",
    "Values",
]

#: RFC 9110 §9.2.1. Everything else may change something, `WEBSOCKET` and made-up methods included.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: What a policy writes for "present, whatever its value".
PRESENT: Final = "*"


class Condition(Protocol):
    """One key of `match`.

    Attributes:
        key: its name in the policy.
        client_chosen: the client can make it hold or not as it likes .
    """

    @property
    def key(self) -> str:
        """Its name in the policy."""
        ...  # pragma: no cover

    @property
    def client_chosen(self) -> bool:
        """Whether the client can make it hold or not as it likes ."""
        ...  # pragma: no cover

    def holds(self, view: RequestView, reading: Reading) -> bool:
        """Whether it holds for one reading of the request."""
        ...  # pragma: no cover

    def __str__(self) -> str:
        """As a person would write it; never a compared value, for that may be a secret."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class Path:
    """Any of these patterns."""

    patterns: tuple[PathPattern, ...]
    key: ClassVar = "path"
    client_chosen: ClassVar = False

    def holds(self, view: RequestView, reading: Reading) -> bool:
        return self.takes(reading.path)

    def takes(self, path: str) -> bool:
        """Whether a path, without trailing slashes, fits any of them."""
        for pattern in self.patterns:  # noqa: SIM110 - here and below, for each request: a generator takes twice as long
            if pattern.matches(path):
                return True
        return False

    def __str__(self) -> str:
        return " or ".join(pattern.text for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class PathRegex:
    """Any of these regular expressions, each for the whole path, with or without a slash at its end."""

    expressions: tuple[re.Pattern[str], ...]
    key: ClassVar = "path_regex"
    client_chosen: ClassVar = False

    def holds(self, view: RequestView, reading: Reading) -> bool:
        return self.takes(reading.path)

    def takes(self, path: str) -> bool:
        """Whether a path, however many slashes it ends with, is any expression's."""
        # A trailing slash is ignored, and readings have none: an expression that asks for one must still match.
        slashed = path.rstrip("/") + "/"
        bare = slashed[:-1] or "/"
        return any(one.fullmatch(bare) or one.fullmatch(slashed) for one in self.expressions)

    def __str__(self) -> str:
        return " or ".join(expression.pattern for expression in self.expressions)


@dataclass(frozen=True, slots=True)
class Methods:
    """Any of these methods, and the unsafe ones where they count too. GET stands for HEAD too.

    Attributes:
        names: of methods.
        unsafe: every method that is not safe is one of them.
        written: the names as the policy has them.
    """

    names: frozenset[str]
    unsafe: bool
    written: tuple[str, ...]
    key: ClassVar = "methods"
    client_chosen: ClassVar = False

    def holds(self, view: RequestView, reading: Reading) -> bool:
        return self.takes(reading.method)

    def takes(self, method: str) -> bool:
        """Whether a method, in upper case, is one of them."""
        return method in self.names or (self.unsafe and method not in SAFE_METHODS)

    def with_visits(self) -> Methods:
        """The same, and those by which a browser goes to a page."""
        return replace(self, names=self.names | {"GET", "HEAD"}, written=(*self.written, "GET"))

    def covers(self, other: Methods) -> bool:
        """Whether every method of `other` is one of ours."""
        missing = other.names - self.names
        return not missing & SAFE_METHODS and (self.unsafe or not (other.unsafe or missing))

    def disjoint(self, other: Methods) -> bool:
        """Whether no method is one of both."""
        if self.names & other.names or (self.unsafe and other.unsafe):
            return False
        return not (self.unsafe and other.names - SAFE_METHODS) and not (other.unsafe and self.names - SAFE_METHODS)

    def __str__(self) -> str:
        return " or ".join(self.written)


@dataclass(frozen=True, slots=True)
class Host:
    """Any of these names; `*.example.com` is every name below it."""

    names: tuple[str, ...]
    key: ClassVar = "host"
    client_chosen: ClassVar = True

    def holds(self, view: RequestView, reading: Reading) -> bool:
        return any(view.host == name or (name.startswith("*.") and view.host.endswith(name[1:])) for name in self.names)

    def __str__(self) -> str:
        return " or ".join(self.names)


@dataclass(frozen=True, slots=True)
class ClientIp:
    """The client's address lies in any of these networks. An unknown address lies in none."""

    networks: tuple[Network, ...]
    written: tuple[str, ...]
    key: ClassVar = "client_ip"
    client_chosen: ClassVar = False

    def holds(self, view: RequestView, reading: Reading) -> bool:
        address = view.client_ip
        return address is not None and any(address in network for network in self.networks)

    def __str__(self) -> str:
        return " or ".join(self.written)


@dataclass(frozen=True, slots=True)
class ContentType:
    """Any of these media types; `image/*` is every type of that family."""

    types: tuple[str, ...]
    key: ClassVar = "content_type"
    client_chosen: ClassVar = True

    def holds(self, view: RequestView, reading: Reading) -> bool:
        found = view.media_type
        return any(found == name or (name.endswith("/*") and found.startswith(name[:-1])) for name in self.types)

    def __str__(self) -> str:
        return " or ".join(self.types)


@dataclass(frozen=True, slots=True)
class Values:
    """Named values, each one of those listed. Compared in constant time, for a value may be a shared secret."""

    wanted: Mapping[str, tuple[str, ...]]
    client_chosen: ClassVar = True

    def found(self, view: RequestView) -> Pairs:
        """The pairs of the request that the names are looked up in."""
        raise NotImplementedError

    def holds(self, view: RequestView, reading: Reading) -> bool:
        pairs = self.found(view)
        return all(
            _any_equal([value for other, value in pairs if other == name], wanted)
            for name, wanted in self.wanted.items()
        )

    def __str__(self) -> str:
        return " and ".join(
            f"{name} {'is present' if PRESENT in values else 'as written'}" for name, values in self.wanted.items()
        )


class Header(Values):
    """Headers with these values."""

    key: ClassVar = "header"

    def found(self, view: RequestView) -> Pairs:
        return tuple((name, value) for name in self.wanted for value in view.headers.get_all(name))


class Cookie(Values):
    """Cookies with these values."""

    key: ClassVar = "cookie"

    def found(self, view: RequestView) -> Pairs:
        return view.cookies


class Query(Values):
    """Query parameters with these values."""

    key: ClassVar = "query"

    def found(self, view: RequestView) -> Pairs:
        return view.query


def _any_equal(found: list[str], wanted: tuple[str, ...]) -> bool:
    if PRESENT in wanted:
        return bool(found)
    # Every pair is compared, so that the time tells nothing about which one was close.
    return any([hmac.compare_digest(_bytes(value), _bytes(other)) for value in found for other in wanted])  # noqa: C419


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A whole `match`: all its conditions must hold."""

    conditions: tuple[Condition, ...]

    def holds(self, view: RequestView, reading: Reading) -> bool:
        """Whether all conditions hold for one reading."""
        for condition in self.conditions:  # noqa: SIM110
            if not condition.holds(view, reading):
                return False
        return True

    @property
    def looks_further(self) -> bool:
        """Whether it takes more to know than path and method."""
        return not all(isinstance(condition, (Path, PathRegex, Methods)) for condition in self.conditions)

    def may_hold(self, reading: Reading) -> bool:
        """Whether it can hold at all for a request that has no other reading."""
        for condition in self.conditions:
            if isinstance(condition, Methods) and not condition.takes(reading.method):
                return False
            if isinstance(condition, (Path, PathRegex)) and not condition.takes(reading.path):
                return False
        return True

    def condition(self, key: str) -> Condition | None:
        """The condition with this key, if there is one."""
        return next((condition for condition in self.conditions if condition.key == key), None)


@dataclass(frozen=True, slots=True)
class Not:
    """A `match` that must not hold."""

    matcher: Matcher
    key: ClassVar = "not"

    @property
    def client_chosen(self) -> bool:
        """Whether a client can leave the rule by making the inner match hold."""
        return any(condition.client_chosen for condition in self.matcher.conditions)

    def holds(self, view: RequestView, reading: Reading) -> bool:
        return not self.matcher.holds(view, reading)

    def __str__(self) -> str:
        return " and ".join(f"{condition.key}: {condition}" for condition in self.matcher.conditions)
