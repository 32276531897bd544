"""Signatures that more than one vendor asks for, and their parts. Knows no vendor and no request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

__all__ = ["hmac_sha256", "sha256_hex", "sorted_md5"]


def sorted_md5(parameters: Mapping[str, str], key: str) -> str:
    """Names and values in the ASCII order of the names, without separators, then the key; MD5 in lower-case hex.

    Raw values are signed, before they are encoded for the form.
    """
    text = "".join(name + parameters[name] for name in sorted(parameters)) + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def hmac_sha256(key: bytes, message: str) -> bytes:
    """The HMAC of a text."""
    return hmac.digest(key, message.encode(), "sha256")


def sha256_hex(content: str | bytes) -> str:
    """The digest of a text or of a body, in lower-case hex."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
