"""Which servers a VAPTCHA page may name. The one place where a client's URL becomes one of ours. Does no I/O.

The page tells where its token is to be verified, and whoever is asked there gets our key and says who passes. So the
URL must match as a whole, and only its host is used, in a URL that is built anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from captcha_gate.scalars import problem

__all__ = ["AllowedServers", "Server", "server_patterns"]

#: No `xn--`: a name that merely looks like one of the vendor's is not under its domains, and needs no second thought.
_LABEL: Final = r"(?!xn--)[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_HOST: Final = rf"(?:{_LABEL}\.){{1,8}}[a-z]{{2,63}}"
_URL: Final = re.compile(rf"https://({_HOST})/verify")
_LOOPBACK: Final = r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::([0-9]{1,5}))?"
_PATTERN: Final = re.compile(rf"(?:\*\.)?{_HOST}|{_LOOPBACK}")
_MAX_URL: Final = 255
#: Labels that may stand for the `*`.
_MAX_LABELS: Final = 4


class Server(NamedTuple):
    """A server that may be asked."""

    origin: str  #: scheme, host and port
    listed: bool  #: named by the operator; else it is the client who named it, under a wildcard


class AllowedServers:
    """The operator's list.

    Args:
        patterns: host names, `*.` and a domain, and origins on loopback, as `server_patterns` has accepted them.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        exact = [pattern for pattern in patterns if not pattern.startswith("*.")]
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*."))
        self._listed = {name: Server(name if "://" in name else f"https://{name}", listed=True) for name in exact}

    @property
    def listed(self) -> tuple[Server, ...]:
        """The servers that the operator named."""
        return tuple(self._listed.values())

    @property
    def has_wildcard(self) -> bool:
        """Whether clients can name servers that the operator did not."""
        return bool(self._suffixes)

    def named_by(self, url: str) -> Server | None:
        """The server of a verification URL that a client sent; `None` for every URL but `https://{allowed}/verify`."""
        for server in self._listed.values():
            if url == f"{server.origin}/verify":
                return server
        match = _URL.fullmatch(url) if len(url) <= _MAX_URL else None
        host = match[1] if match else ""
        for suffix in self._suffixes:
            if host.endswith(suffix) and host.removesuffix(suffix).count(".") < _MAX_LABELS:
                return Server(f"https://{host}", listed=False)
        return None


def server_patterns(value: Any) -> tuple[str, ...]:
    """The operator's list as it is written: one pattern or several."""
    patterns = (value,) if isinstance(value, str) else value
    if not isinstance(patterns, (list, tuple)) or not patterns:
        raise problem("expected a list of servers (write ['*.vaptcha.com', '*.vaptcha.net'])")
    for pattern in patterns:
        match = _PATTERN.fullmatch(pattern) if isinstance(pattern, str) else None
        if match is None or not 0 < int(match[1] or 80) < 65536:
            raise problem(
                "expected host names in small letters, without scheme and path (write node1.vaptcha.net, "
                "'*.vaptcha.com', or, for tests, http://127.0.0.1:9003)"
            )
    return tuple(patterns)
