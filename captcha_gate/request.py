"""One request as the gate sees it, the same for WSGI and ASGI. Reads lazily, never the body, and decides nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import parse_qsl, unquote_plus

from werkzeug.sansio.http import parse_cookie

from captcha_gate.decision import Decision
from captcha_gate.errors import UnreadableRequest
from captcha_gate.outcome import Reason
from captcha_gate.paths import below, mount_point, readings

__all__ = [
    "METHOD_HEADERS",
    "PERCENT",
    "PLAIN_METHODS",
    "Address",
    "Headers",
    "Network",
    "Pairs",
    "Proxies",
    "Reading",
    "RequestView",
    "address_of",
    "may_name_method",
    "network_of_client",
]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Pairs: TypeAlias = tuple[tuple[str, str], ...]

#: RFC 9110 §9.1: a method is a token. Anything else is a trick or a broken client.
_METHOD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
#: Methods that are what they look like. A request with any other is looked at closely.
PLAIN_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
#: A byte is sought in bytes in a fifth of the time that bytes are.
PERCENT: Final = ord("%")
_OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")
#: The headers by which a request may ask for another method than the one that it was sent with.
METHOD_HEADERS: Final = (*_OVERRIDES, "upgrade")
#: Sought in the decoded query, so that no escape and no number of parameters hides it.
_METHOD_PARAMETER: Final = re.compile(r"(?:^|[&;?])_method=([^&;]*)")
_MAX_OVERRIDES: Final = 8
_HOST_PORT: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::\d*)?")
#: Cookies of the gate's that are looked at, the newest: more than a person has tabs.
_MAX_OWN_COOKIES: Final = 16
#: More parameters than any form has; beyond it, looking on only helps an attacker. Starlette and Django say 1000.
MAX_PARAMETERS: Final = 1000


class Headers(Protocol):
    """The request's headers, looked up one at a time so that nothing is copied for those nobody asks for."""

    def get_all(self, name: str) -> list[str]:
        """All values of the header with this lower-case name, in order."""
        ...  # pragma: no cover

    def get_like(self, name: str) -> list[str]:
        """The same where `_` counts as `-`: what stands behind an adapter to WSGI cannot tell them apart."""
        ...  # pragma: no cover


class Reading(NamedTuple):
    """One way in which an application might take the request."""

    path: str
    method: str


@dataclass(frozen=True, slots=True)
class Proxies:
    """Whose word on the client's address is taken. By default nobody's: the socket's peer is the client."""

    networks: tuple[Network, ...] = ()
    unix: bool = False  #: a peer on a Unix socket is a proxy
    header: str = "x-forwarded-for"

    def client_of(self, peer: str | None, hops: list[str]) -> Address | None:
        """The first hop, from the right, that is not one of ours; `None` where it cannot be known.

        Counting from the left would believe whatever the client wrote.

        Args:
            peer: the address of the socket's other end; `None` for a Unix socket.
            hops: the values of the forwarding header.
        """
        current = address_of(peer or "")
        if not (self.networks or self.unix):
            return current
        trusted = self.trusts_peer(peer)
        for hop in reversed([item for value in hops for item in value.split(",")]):
            if not trusted:
                break
            current = address_of(_without_port(hop.strip()))
            trusted = self._trusts(current)
        return current

    def trusts_peer(self, peer: str | None) -> bool:
        """Whether the socket's other end is one of our proxies."""
        return self.unix if peer is None else self._trusts(address_of(peer))

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


@dataclass(kw_only=True)
class RequestView:
    """What the gate may look at.

    Attributes:
        kind: `http` or `websocket`.
        method: as the server gave it.
        path: decoded once; with the mount point before it where `mount` is not empty.
        mount: ASGI's `root_path`; empty for WSGI, whose `PATH_INFO` is already below `SCRIPT_NAME`.
        raw_path: the path's bytes as sent, where the server tells.
        own_mount: a mount point of which the application knows without the server.
        query_string: without its question mark.
        peer: the address of the socket's other end; `None` for a Unix socket.
        outer: the decision of a gate further out, if one ran.
        body_is_announced: a body would be announced by a header, as it is before HTTP/2.
        many_processes: the server says that others like this one share the work.
        scheme: `http` or `https` (`ws`, `wss`), as the server has it.
        base: what stands before the path in the URL that the client used: `root_path` or `SCRIPT_NAME`.
        may_override: a header or a parameter might ask for another method; false only where none can.
    """

    kind: str
    method: str
    path: str
    mount: str = ""
    raw_path: bytes | None = None
    own_mount: str = ""
    query_string: str = ""
    headers: Headers
    peer: str | None = None
    proxies: Proxies = Proxies()
    outer: Decision | None = None
    body_is_announced: bool = True
    many_processes: bool = False
    scheme: str = "http"
    base: str = ""
    may_override: bool = True

    def header(self, name: str) -> str | None:
        """The header's only value; `None` where it is missing or, not to be trusted, given more than once."""
        values = self.headers.get_all(name)
        return values[0].strip(" \t") if len(values) == 1 else None

    @property
    def path_below_mount(self) -> str:
        """The path as given, without the mount point before it."""
        return below(self.path, mount_point(self.mount))

    @property
    def path_from_root(self) -> str:
        """The path of the URL that the client used, decoded, its mount point included."""
        return self.path if self.mount else self.base + self.path

    @property
    def is_plain(self) -> bool:
        """Whether method and path are what they look like, as far as that can be seen without looking at the path."""
        return not (
            self.may_override
            or self.method not in PLAIN_METHODS
            or self.kind != "http"
            or self.mount
            or self.own_mount
            or (self.raw_path and PERCENT in self.raw_path)
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every path reading with every method that the request asks for; overrides only ever add one.

        Raises:
            UnreadableRequest: `ambiguous_path` or `bad_method`.
        """
        methods = dict.fromkeys([self._checked(self.method), *self._overrides()])
        paths = readings(self.path, self.mount, self.raw_path, self.own_mount)
        return tuple([Reading(path, method) for path in paths for method in methods])

    def _overrides(self) -> list[str]:
        """The methods that a framework might run instead of the one that was sent."""
        asked = [item for name in _OVERRIDES for value in self.headers.get_like(name) for item in value.split(",")]
        if self.query_string:
            asked += _METHOD_PARAMETER.findall(unquote_plus(self.query_string))
        upgrades = self.headers.get_all("upgrade")
        if not (asked or upgrades) and self.kind == "http":
            return []
        # First in upper case, as frameworks take them: a long s in `post` makes it no token until then.
        methods = {method for method in (one.strip(" \t").upper() for one in asked) if _METHOD.fullmatch(method)}
        if self.kind == "websocket":
            methods.add("GET")  # which the handshake was sent as, and which it is to a WSGI application
        if any("websocket" in value.lower() for value in upgrades):
            methods.add("WEBSOCKET")  # some WSGI applications take the handshake into their own hands
        if len(methods) > _MAX_OVERRIDES:
            raise UnreadableRequest(Reason.BAD_METHOD, "the request asks for more methods than anybody could mean")
        return sorted(methods)

    @staticmethod
    def _checked(method: str) -> str:
        if method in PLAIN_METHODS:
            return method
        if not _METHOD.fullmatch(method):
            raise UnreadableRequest(Reason.BAD_METHOD, "the method is no token of RFC 9110")
        # Some servers hand `post` through, and frameworks run it as POST.
        return method.upper()

    @property
    def is_preflight(self) -> bool:
        """A CORS preflight: a browser's question without a body, to which no person could add a token."""
        headers = self.headers
        return (
            self.method.upper() == "OPTIONS"
            and self.kind == "http"
            and bool(headers.get_all("origin"))
            and bool(headers.get_all("access-control-request-method"))
            and headers.get_all("content-length") in ([], ["0"])
            and not headers.get_all("transfer-encoding")
            and all(reading.method == "OPTIONS" for reading in self.readings)
        )

    @cached_property
    def query(self) -> Pairs:
        """The query's parameters in order; none where there are more than anybody could mean."""
        try:
            pairs = parse_qsl(self.query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            return ()
        return tuple(pairs)

    @cached_property
    def cookies(self) -> Pairs:
        """The cookies in order, duplicates included."""
        header = "; ".join(self.headers.get_all("cookie"))
        return tuple(parse_cookie(header).items(multi=True))

    def own_cookies(self, beginning: str) -> tuple[tuple[str, str], ...]:
        """The cookies whose names begin so, in the order of the header: a few at most, and split as RFC 6265 §5.2 does.

        Quotes mean nothing there: between two of them, of whatever cookies, ours would else be lost.
        """
        pairs = [item.strip(" \t").partition("=") for item in "; ".join(self.headers.get_all("cookie")).split(";")]
        ours = [(name, value) for name, _, value in pairs if name.startswith(beginning)]
        return tuple(ours[-_MAX_OWN_COOKIES:])

    def cookie(self, name: str) -> str | None:
        """The cookie's only value; `None` where it is missing or given more than once."""
        values = [value for other, value in self.cookies if other == name]
        return values[0] if len(values) == 1 else None

    @property
    def is_secure(self) -> bool:
        """Whether the client came by TLS: to the server itself, or to a proxy of ours that says so."""
        forwarded = (self.header("x-forwarded-proto") or "").partition(",")[0].strip().lower()
        return self.scheme in ("https", "wss") or (forwarded == "https" and self.proxies.trusts_peer(self.peer))

    @cached_property
    def host(self) -> str:
        """The name that the client used for us, lower-case and without port; empty where it is unclear."""
        match = _HOST_PORT.fullmatch(self.header("host") or "")
        return match["host"].lower() if match else ""

    @cached_property
    def media_type(self) -> str:
        """The content type without its parameters, lower-case; empty where there is none or more than one."""
        return (self.header("content-type") or "").partition(";")[0].strip(" \t").lower()

    @cached_property
    def client_ip(self) -> Address | None:
        """The client's address as far as it can be trusted; v4-mapped addresses as IPv4."""
        return self.proxies.client_of(self.peer, self.headers.get_all(self.proxies.header))

    @property
    def client_network(self) -> str | None:
        """What one client can have: an IPv4 address, or a /64 of IPv6; `None` where the address is unknown."""
        return network_of_client(self.client_ip)

    @property
    def neighbourhood(self) -> str | None:
        """The network in which a client stays while its address changes: a /24, or a /64 of IPv6."""
        address = self.client_ip
        if isinstance(address, IPv4Address):
            return f"{IPv4Address(int(address) >> 8 << 8)}/24"
        return network_of_client(address)


def network_of_client(address: Address | None) -> str | None:
    """What one client can have: an IPv4 address, or a /64 of IPv6; `None` where the address is unknown."""
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return None if address is None else str(address)


def may_name_method(query_string: str) -> bool:
    """Whether a query may hold a parameter by which frameworks run another method. Quick, and sure of a no only."""
    return "%" in query_string or "_method" in query_string


def address_of(text: str) -> Address | None:
    """The address that a text is, a v4-mapped one as IPv4; `None` for every other text."""
    try:
        address = _parsed(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


#: Most requests come from few addresses, proxies above all. What is no address is not remembered.
_parsed: Final = lru_cache(maxsize=1024)(ip_address)


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
