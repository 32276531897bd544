"""Signs plain values for cookies, and reads what it signed itself. Hides nothing: who has the cookie can read it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

__all__ = ["Signer"]


class Signer:
    """HMAC-SHA256 under a key of its own for each purpose.

    Args:
        keys: secrets, the oldest first. The last one signs; what the others signed is still believed.
        purpose: what it signs: a value that was signed for another purpose is not read.
    """

    def __init__(self, keys: Sequence[str], purpose: str) -> None:
        options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(list(keys), salt=f"captcha_gate.{purpose}", signer_kwargs=options)

    def sign(self, content: dict[str, Any]) -> str:
        """The content as text for a cookie."""
        return str(self._serializer.dumps(content))

    def read(self, value: str) -> dict[str, Any] | None:
        """The content; `None` for what none of the keys signed."""
        try:
            content: dict[str, Any] = self._serializer.loads(value)
        except BadData:
            return None
        return content
