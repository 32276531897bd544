"""A token whose request the application answered with 307 or 308: the client sends it once more. Performs nothing.

Frameworks redirect `POST /login/` to `/login`, and clients follow with the same method and the same body. Within half a
minute, on the same rule, and at the address that the answer named, the token counts once more. What its provider told
is judged anew, by the rule that then decides.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from captcha_gate.decision import Decision, Verdict
from captcha_gate.effects import Claim, Flow, Get, Put
from captcha_gate.passes.remembered import facts_of, verdict_of

__all__ = ["STATUSES", "redirected", "told_again"]

#: RFC 9110 §15.4.8 and §15.4.9: these two keep the method and the body.
STATUSES: Final = (307, 308)
#: Seconds within which the client must have followed.
_KEPT: Final = 30.0


def redirected(decision: Decision, path: str, location: str) -> Flow[None]:
    """The application has redirected a request that passed: remember where to, and what its provider told.

    Args:
        decision: the request's.
        path: the request's, with its mount point, decoded.
        location: the answer's header.
    """
    if decision.basis is None or decision.basis.claim is None:
        return
    try:
        to = unquote(urlsplit(urljoin(quote(path), location)).path)
    except ValueError:
        return  # `//[x` is no address that a client could follow
    told = {"to": to, **facts_of(decision.basis.verdict)}
    yield from Put(_key(decision.rule, decision.basis.claim), json.dumps(told), _KEPT)


def told_again(rule: str | None, claim: str, path: str) -> Flow[Verdict | None]:
    """What was told of a token that was used before; `None` unless its request was redirected here, and only once.

    Args:
        rule: the name of the rule that decides now.
        claim: the used token's.
        path: of this request, with its mount point, decoded.
    """
    key = _key(rule, claim)
    told = yield from Get(key)
    facts = json.loads(told) if told is not None else {}
    if facts.get("to") != path or not (yield from Claim(f"{key}:followed", _KEPT)):
        return None
    return verdict_of(facts)


def _key(rule: str | None, claim: str) -> str:
    return f"redirected:{rule}:{claim}"
