"""The gate's own cookies: what they are called, and how they are set. Knows nothing of what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from werkzeug.http import dump_cookie, dump_header, parse_dict_header

if TYPE_CHECKING:
    from captcha_gate.request import RequestView

__all__ = ["cookie_name", "drop_cookie", "kept_private", "set_cookie"]

#: Browsers take a cookie with this prefix only from the very host, over TLS: no subdomain can plant one.
_HOST_ONLY: Final = "__Host-"
_PREFIX: Final = "captcha_gate_"


def cookie_name(view: RequestView, *parts: str) -> str:
    """What a cookie is called. Over TLS nobody else can have set it, and the plain name is not read."""
    return (_HOST_ONLY if view.is_secure else "") + _PREFIX + "_".join(parts)


def set_cookie(view: RequestView, name: str, value: str, ttl: float) -> str:
    """The value of a `Set-Cookie` header. No script reads it, and other sites' forms do not send it."""
    return dump_cookie(
        name, value, max_age=int(ttl), path="/", secure=view.is_secure, httponly=True, samesite="Lax", max_size=0
    )


def drop_cookie(view: RequestView, name: str) -> str:
    """The value of a `Set-Cookie` header that ends a cookie of ours."""
    return set_cookie(view, name, "", 0)


def kept_private(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A response's headers, so that no shared cache hands it to others."""
    others = [(name, value) for name, value in headers if name.lower() != "cache-control"]
    asked = ", ".join(value for name, value in headers if name.lower() == "cache-control")
    return [*others, ("Cache-Control", _private(asked))]


def _private(asked: str) -> str:
    """What the application says of caches, less what would let shared ones keep the response."""
    told = {name.lower(): value for name, value in parse_dict_header(asked).items()}
    if "no-store" in told:
        return asked
    kept = {name: value for name, value in told.items() if name not in ("public", "s-maxage", "private")}
    return dump_header({"private": None, **kept})
