"""Challenges that tell by themselves who made them and when, so that no process has to remember them. Does no I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

__all__ = ["LENGTH", "OfflineChallenges"]

#: Characters of a challenge: 20 bytes in base 32, which has no padding then and one spelling only.
LENGTH: Final = 32
#: Of the bytes: when (seconds), which, and the HMAC of both.
_TIME, _NONCE, _TAG = 4, 4, 12
#: Characters that a script may put behind the challenge it was given.
_BEHIND: Final = 2


class OfflineChallenges:
    """Makes and recognises the challenges of one account: 32 small letters and digits.

    Args:
        secret: the account's, and only its own.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), b"captcha_gate offline challenge", hashlib.sha256).digest()

    def make(self, now: float, token_hex: Callable[[int], str]) -> str:
        """A new challenge.

        Args:
            now: Unix time in seconds.
            token_hex: makes a random string of twice that many hexadecimal digits.
        """
        body = int(now).to_bytes(_TIME, "big") + bytes.fromhex(token_hex(_NONCE))
        return base64.b32encode(body + self._tag(body)).decode("ascii").lower()

    def made_at(self, posted: str) -> int | None:
        """When the challenge was made, in Unix seconds; `None` where it is none of ours.

        Args:
            posted: the challenge as it came back, which may be two characters longer.
        """
        challenge = posted[:LENGTH]
        if not LENGTH <= len(posted) <= LENGTH + _BEHIND or not challenge.isascii() or challenge != challenge.lower():
            return None
        try:
            raw = base64.b32decode(challenge.upper())
        except ValueError:
            return None
        body, tag = raw[: _TIME + _NONCE], raw[_TIME + _NONCE :]
        return int.from_bytes(body[:_TIME], "big") if hmac.compare_digest(tag, self._tag(body)) else None

    def _tag(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_TAG]
