"""What providers' requests have in common: addresses, forms, what a vendor may be told of a client. Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote_plus, urlsplit

import httpx

from captcha_gate.providers.context import Context

__all__ = ["address", "allows", "client_address", "form", "origin_of"]

#: What needs no escape in a form, and what does.
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_.~\-]*+")
_RESERVED: Final = re.compile(r"[^A-Za-z0-9_.~\-]++")


def origin_of(url: str) -> str:
    """The source, for a Content-Security-Policy, of an address; a path is the site's own."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else "'self'"


def allows(source: str, url: str) -> bool:
    """Whether a source of a Content-Security-Policy allows a URL: it is a host, one with a wildcard, or a beginning."""
    scheme, wildcard, domain = source.partition("://*")
    return url.startswith(scheme) and urlsplit(url).netloc.endswith(domain) if wildcard else url.startswith(source)


def client_address(context: Context) -> str | None:
    """The client's address, where the vendor can have seen it, too: in a private network it is a proxy's.

    Nobody sends from a multicast group, and a zone means something on one machine only.
    """
    ip = context.client_ip
    if ip is None or not ip.is_global or ip.is_multicast or getattr(ip, "scope_id", None) is not None:
        return None
    return str(ip)


@lru_cache(maxsize=256)
def address(url: str, **parameters: str) -> httpx.URL:
    """A URL with its query. The same few are asked all the time, and parsing one takes longer than most of a call."""
    return httpx.URL(url, params=parameters) if parameters else httpx.URL(url)


def form(url: httpx.URL, fields: Mapping[str, str], headers: Mapping[str, str] = MappingProxyType({})) -> httpx.Request:
    """A POST of form fields: what `httpx.Request(…, data=fields)` makes, in a third of the time.

    Args:
        url: of the vendor.
        fields: in order.
        headers: further ones; `Host`, `Content-Length` and `Content-Type` are there already.
    """
    body = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items()]).encode("ascii")
    all_headers = [
        (b"Host", url.netloc),
        *[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
        (b"Content-Length", b"%d" % len(body)),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
    ]
    return _Post(url, all_headers, body)


class _Post(httpx.Request):
    """A request as it is to be sent: given a stream, httpx looks for nothing to add, and `content` need not be read."""

    def __init__(self, url: httpx.URL, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__("POST", url, headers=headers, stream=httpx.ByteStream(body))
        self._body = body

    @property
    def content(self) -> bytes:
        return self._body


def _quoted(text: str) -> str:
    # Most text is as it has to be, and of what is not, little has to be escaped: the padding of a base64.
    return text if _UNRESERVED.fullmatch(text) else _RESERVED.sub(_escaped, text)


def _escaped(reserved: re.Match[str]) -> str:
    return quote_plus(reserved[0])
