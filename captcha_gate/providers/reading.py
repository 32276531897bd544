"""What vendors' replies have in common: their status, strict JSON, and the sorting of their words. Judges no token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Outcome, Reason

__all__ = ["is_json", "json_object", "judged", "meaning", "refusal_by_status", "text_of"]

#: Where a reply keeps what it says: whether it is an answer at all and what it answers are asked one after the other.
_READ: Final = "captcha_gate.read"


def refusal_by_status(response: httpx.Response) -> Verdict | None:
    """The verdict that a reply's status alone decides; `None` where the body must be read."""
    status = response.status_code
    told = f"HTTP {status}"
    if status >= 500 or status == 408:
        return Verdict.unavailable(Reason.PROVIDER_ERROR, told)
    if status == 429:
        return Verdict.unavailable(Reason.THROTTLED, told)
    if 300 <= status < 400 or status < 200:
        return Verdict.unavailable(Reason.BAD_REPLY, f"{told}: redirects are not followed")
    return None


def judged(response: httpx.Response, verdict_of: Callable[[Mapping[str, Any]], Verdict]) -> Verdict:
    """The verdict of a reply that is a JSON object with HTTP 200: its status first, then its words.

    Args:
        response: the vendor's.
        verdict_of: judges the object. What it passes counts only with HTTP 200.

    Raises:
        BadReply: the reply is not what the vendor's documents describe.
    """
    refused = refusal_by_status(response)
    if refused is not None:
        return refused
    try:
        verdict = verdict_of(json_object(response))
    except BadReply:
        if response.status_code == 200:
            raise
        # A 4xx that is not the vendor's own JSON: a wrong base_url, or something in between that refuses us.
        return Verdict.misconfigured(f"HTTP {response.status_code}")
    if verdict.outcome is Outcome.PASSED and response.status_code != 200:
        raise BadReply(f"HTTP {response.status_code}: a pass with the wrong status")
    return verdict


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The reply as a JSON object, read strictly and once: UTF-8 without byte order mark, no name given twice.

    Raises:
        BadReply: it is anything else.
    """
    document = response.extensions.get(_READ)
    if document is None:
        try:
            document = _STRICT.decode(response.content.decode("utf-8"))
        except (ValueError, RecursionError):
            raise BadReply(f"HTTP {response.status_code}: the reply is not JSON") from None
        response.extensions[_READ] = document
    if not isinstance(document, dict):
        raise BadReply(f"HTTP {response.status_code}: the reply is JSON, but no object")
    return document


def is_json(response: httpx.Response) -> bool:
    """Whether a reply is JSON of any kind: also an array, or an object that `json_object` does not believe."""
    try:
        json_object(response)
    except BadReply:
        return _is_loose_json(response.content)
    return True


def _is_loose_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is given twice")
    return document


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_repetition)


def meaning(code: str, reasons: Mapping[str, Reason]) -> Reason | None:
    """What a vendor's code means; `None` for one that is not listed.

    Args:
        code: as the vendor says it.
        reasons: by code. One that ends in `*` stands for all that begin so.
    """
    if code in reasons:
        return reasons[code]
    begun = (item for item in reasons.items() if item[0].endswith("*") and code.startswith(item[0][:-1]))
    return next((reason for _, reason in begun), None)


def text_of(value: object) -> str:
    """A vendor's words for the log, without characters that could forge a log line. The gate cuts them to a line."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
