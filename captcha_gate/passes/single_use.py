"""Something that stands for one later request of one browser: a random id in a cookie, its content in the store.

Whoever brings the id first takes it. Performs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from captcha_gate.effects import Claim, Flow, Get, Put, Release
from captcha_gate.passes.cookies import cookie_name, drop_cookie, set_cookie

if TYPE_CHECKING:
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Rule

__all__ = ["Kept", "give", "kept_for", "take"]

#: Whoever could guess an id would need no CAPTCHA.
_ID: Final = re.compile(r"[0-9a-f]{32}")
#: Digits of the id by which its cookie is named. Each has a cookie of its own, or tabs would overwrite each other's.
_NAMED: Final = 8
#: Cookies that are looked up for one request: more than a person has tabs.
_TRIED: Final = 8


class Kept(NamedTuple):
    """What is kept under an id that a request brought."""

    key: str
    content: Mapping[str, Any]


def give(
    what: str, rule: Rule, view: RequestView, *, new_id: str, content: Mapping[str, Any], ttl: float
) -> Flow[list[str]]:
    """Keep something for a later request on a rule; the cookie that brings it, and the end of those that are too many.

    Args:
        what: its kind; one word.
        rule: on which it counts.
        view: the request to whose client it is given.
        new_id: 32 random hexadecimal digits.
        content: plain values.
        ttl: seconds.

    Raises:
        StoreError: it cannot be remembered.
    """
    yield from Put(_key(what, rule, new_id), json.dumps(content), ttl)
    name = _name(what, rule, view)
    too_many = list(_ids(what, rule, view))[_TRIED - 1 :]
    ends = [drop_cookie(view, name + other[:_NAMED]) for other in too_many]
    return [set_cookie(view, name + new_id[:_NAMED], new_id, ttl), *ends]


def kept_for(what: str, rule: Rule, view: RequestView) -> Flow[list[Kept]]:
    """All that a request brings.

    Raises:
        StoreError: nobody can tell.
    """
    found = []
    for one in list(_ids(what, rule, view))[:_TRIED]:
        key = _key(what, rule, one)
        content = yield from Get(key)
        if content is not None:
            found.append(Kept(key, json.loads(content)))
    return found


def take(kept: Kept, ttl: float) -> Flow[bool]:
    """Whether nobody has taken it before.

    Args:
        kept: what a request brought.
        ttl: seconds, as it was given with.
    """
    first = yield from Claim(f"{kept.key}:taken", ttl)
    if first:
        yield from Release(kept.key)
    return first


def _ids(what: str, rule: Rule, view: RequestView) -> Iterator[str]:
    """The ids of a kind that a request brings, the newest first, as browsers send them last."""
    name = _name(what, rule, view)
    brought = dict.fromkeys(value for other, value in view.own_cookies(name) if other == name + value[:_NAMED])
    return (one for one in reversed(brought) if _ID.fullmatch(one))


def _name(what: str, rule: Rule, view: RequestView) -> str:
    return cookie_name(view, what, str(rule.name), "")


def _key(what: str, rule: Rule, one: str) -> str:
    return f"{what}:{rule.name}:{one}"
