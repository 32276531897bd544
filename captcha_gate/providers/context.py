"""What providers are given and what they give besides a verdict. Data only; imports no pydantic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from captcha_gate.request import Address, network_of_client

__all__ = ["Claimed", "Context"]


def _no_cookie(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """What a provider may know of the request and of the world: no clock and no randomness but these.

    Attributes:
        now: Unix time in seconds.
        token_hex: makes a random string of twice that many hexadecimal digits.
        client_ip: the client's address, as far as it can be trusted.
        cookie: the value of a cookie; `None` where it is missing or given more than once.
    """

    now: float
    token_hex: Callable[[int], str]
    client_ip: Address | None = None
    cookie: Callable[[str], str | None] = _no_cookie

    @property
    def client_network(self) -> str | None:
        """What one client can have: an IPv4 address, or a /64 of IPv6; `None` where the address is unknown."""
        return network_of_client(self.client_ip)


class Claimed(NamedTuple):
    """What is taken when a token is used."""

    value: str
    ttl: float  #: seconds: at least as long as the vendor would accept the token
