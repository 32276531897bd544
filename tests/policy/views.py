"""Requests as the gate sees them, and policies of one rule, for tests of matching. Sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from support.world import GEETEST

from captcha_gate import Policy, load_policy
from captcha_gate.errors import UnreadableRequest
from captcha_gate.request import Proxies, RequestView


@dataclass
class Fields:
    """Headers, by lower-case name."""

    values: Mapping[str, Sequence[str]]

    def get_all(self, name: str) -> list[str]:
        return list(self.values.get(name, ()))

    def get_like(self, name: str) -> list[str]:
        return [value for other, values in self.values.items() if other.replace("_", "-") == name for value in values]


def view_of(
    method: str = "POST",
    path: str = "/a",
    *,
    query: str = "",
    headers: Mapping[str, str | Sequence[str]] | None = None,
    **rest: Any,
) -> RequestView:
    """A request with a path as the server decoded it. Header names are written in lower case."""
    fields = {name: [value] if isinstance(value, str) else value for name, value in (headers or {}).items()}
    rest = {"kind": "http", "peer": "203.0.113.5", "proxies": Proxies(), **rest}
    return RequestView(method=method, path=path, query_string=query, headers=Fields(fields), **rest)


def sent(raw_path: str, *, tells: bool = True, **rest: Any) -> RequestView:
    """A request with a path as the client wrote it, behind a server that tells the raw path or does not."""
    path = unquote(raw_path, errors="replace" if tells else "surrogateescape")
    return view_of(path=path, raw_path=raw_path.encode() if tells else None, **rest)


def policy_of(*rules: Mapping[str, Any], **top: Any) -> Policy:
    return load_policy({"version": 1, "providers": {"cn": GEETEST}, "rules": list(rules), **top})


def rule(match: Any, name: str = "rule", **keys: Any) -> dict[str, Any]:
    """A rule; one that verifies may be left by clients, for here that is not the question."""
    return {"name": name, "match": match, **({} if keys.get("action") else {"fallthrough": True}), **keys}


def decided_by(policy: Policy, view: RequestView) -> str | None:
    """The name of the rule that decides, `default`, the reason why none can, or `None`."""
    try:
        found = policy.match(view)
    except UnreadableRequest as error:
        return error.reason.value
    return None if found is None else found.name or "default"


def matches(match: Any, view: RequestView, **keys: Any) -> bool:
    return decided_by(policy_of(rule(match, **keys)), view) == "rule"
