"""A response of the gate's own: status, headers, body. Knows how to be read across origins; knows no decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy

__all__ = ["RETRY_SOON", "Reply", "json_reply", "plain_reply", "preflight_reply", "readable_across_origins"]

#: Seconds after which to try again. Short: an outage that lasts is probed anew every five seconds.
RETRY_SOON: Final = ("Retry-After", "5")

#: On every reply: a refusal that somebody caches refuses people who did nothing.
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    # A form that a page of ours sends again must say where it comes from: applications look at Origin and Referer.
    ("Referrer-Policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response. A HEAD request gets its headers only."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, content_type: str, body: bytes, *headers: tuple[str, str]) -> Reply:
        """A response that is never cached."""
        own = (("Content-Type", content_type), ("Content-Length", str(len(body))))
        return cls(status, (*own, *_HEADERS, *headers), body)


def plain_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A response of one sentence."""
    return Reply.of(status, "text/plain; charset=utf-8", text.encode() + b"\n", *headers)


def json_reply(content: Mapping[str, Any], *headers: tuple[str, str]) -> Reply:
    """What a script asked for."""
    return Reply.of(200, "application/json", json.dumps(content, separators=(",", ":")).encode(), *headers)


def readable_across_origins(reply: Reply, policy: Policy, view: RequestView) -> Reply:
    """The reply as a script of one of the policy's `cors.origins` may read it; for all others as it is."""
    if not policy.origins:
        return reply
    allowed = _allowed_origin(policy, view)
    readable = (*allowed, ("Access-Control-Expose-Headers", "Retry-After")) if allowed else ()
    return replace(reply, headers=(*reply.headers, ("Vary", "Origin"), *readable))


def preflight_reply(policy: Policy, view: RequestView, methods: str) -> Reply:
    """The answer to a browser that asks whether a script of another origin may ask one of the gate's own URLs."""
    allowed = _allowed_origin(policy, view)
    if not allowed:
        return plain_reply(403, "No script of this origin may ask here: name it under cors.origins.")
    headers = view.header("access-control-request-headers")
    asked = [("Access-Control-Allow-Headers", headers)] if headers else []
    own = [("Access-Control-Allow-Methods", methods), ("Access-Control-Max-Age", "600"), ("Vary", "Origin")]
    return Reply(204, (*own, *asked, *allowed), b"")


def _allowed_origin(policy: Policy, view: RequestView) -> tuple[tuple[str, str], ...]:
    origin = view.header("origin")
    if origin is None or origin not in policy.origins:
        return ()
    return ("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")
