"""Accounts of the siteverify family as operators write them, tokens of their pages, and their vendors' replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from captcha_gate.providers.base import Provider
from captcha_gate.providers.context import Context
from captcha_gate.providers.registry import provider_class

REPLIES = Path(__file__).parent.parent / "providers" / "replies"
#: Nine seconds after the challenges of the replies were solved.
NOW = 1762161276.0
SECRET = "0x4AAAAAAA-the-secret-of-an-account"
SITE_KEY = "0x4AAAAAAADnPIDROrmt1Wwj"

_KEYS = {"site_key": SITE_KEY, "secret": SECRET}
_API_KEYS = {"site_key": SITE_KEY, "api_key": SECRET}
#: The deep ones first.
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "turnstile": _KEYS,
    "hcaptcha": _KEYS,
    "recaptcha-v2": _KEYS,
    "recaptcha-v3": _KEYS,
    "recaptcha-enterprise": {**_API_KEYS, "project_id": "my-project"},
    "friendly-v2": _API_KEYS,
    "friendly-v1": _KEYS,
    "cap": {**_KEYS, "base_url": "https://cap.example.com"},
    "mcaptcha": {**_KEYS, "base_url": "https://mcaptcha.example.com"},
    "prosopo": _KEYS,
    "yandex": _KEYS,
    "captchafox": _KEYS,
    "mtcaptcha": {"site_key": SITE_KEY, "private_key": SECRET},
    "private-captcha": _API_KEYS,
    "siteverify": {
        "base_url": "https://captcha.example.com/api",
        "path": "/check",
        "encoding": "json",
        "site_key": SITE_KEY,
        "secret": SECRET,
        "parameters": {"response": "answer", "secret": "password", "site_key": "site", "client_ip": "visitor"},
        "reply": {
            "success": "ok.passed",
            "errors": "why",
            "score": {"at": "risk.points", "bot": 100, "human": 0},
            "action": "for",
            "hostname": "site",
            "cdata": "bound",
            "time": "at",
        },
        "codes": {
            "misconfigured": "who-are-you",
            "invalid": "bad-answer",
            "unavailable": "not-now",
            "expired": "too-late",
            "replayed": "seen",
        },
    },
}
TOKEN = "0.zrSnRHO7h0HwSjSCU8oyzbjEtD8p_d62-YJFQ3pDcuhEnjXWGU"


def settings(kind: str, **keys: Any) -> dict[str, Any]:
    """An account in a policy."""
    return {"type": kind, **ACCOUNTS[kind], **keys}


def account(kind: str, **keys: Any) -> Provider:
    """The same, loaded."""
    found = provider_class(kind)
    assert found is not None
    return found(**settings(kind, **keys))


def field_of(kind: str) -> str:
    """The name of the one field that the page submits."""
    found = provider_class(kind)
    assert found is not None
    [field] = found.client_fields
    return field.name


def token_of(kind: str, token: str = TOKEN) -> dict[str, str]:
    """What the page submits."""
    return {field_of(kind): token}


def golden(kind: str, name: str) -> dict[str, Any]:
    """A reply of a vendor: its `status`, the `reply` itself, and the `verdict` that it means."""
    document: dict[str, Any] = json.loads((REPLIES / kind / f"{name}.json").read_text())
    return document


def response(kind: str, name: str) -> httpx.Response:
    """The same, as it comes."""
    document = golden(kind, name)
    return httpx.Response(document["status"], json=document["reply"])


def context(**more: Any) -> Context:
    """A request at a fixed time, with randomness that is none."""
    return Context(**{"now": NOW, "token_hex": lambda size: "5a" * size, **more})
