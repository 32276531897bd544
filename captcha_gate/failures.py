"""How often one client's tokens may fail: after that they are refused unasked, and cost the vendor's quota no more.

A request counts from its beginning until it is known not to have failed: of many at once, no more than may fail are
asked about. Performs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from captcha_gate.effects import Decrement, Flow, Increment

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["did_not_fail", "may_try"]

#: Where a client's address cannot be known, all such clients count as one.
_UNKNOWN: Final = "unknown"


def may_try(rule: Rule, view: RequestView) -> Flow[bool]:
    """Whether a token of this client is asked about. It counts as failed until `did_not_fail` is told."""
    rate = rule.failed_limit
    if rate is None:
        return True
    key = _key(rule, view)
    if (yield from Increment(key, rate.seconds)) <= rate.limit:
        return True
    yield from Decrement(key)
    return False


def did_not_fail(rule: Rule, view: RequestView) -> Flow[None]:
    """It passed, or nobody could tell."""
    if rule.failed_limit is not None:
        yield from Decrement(_key(rule, view))


def _key(rule: Rule, view: RequestView) -> str:
    return f"failed:{rule.name}:{view.client_network or _UNKNOWN}"
