"""What ALTCHA's payloads have in common, the embedded challenge's and a Sentinel server's. Verifies nothing.

Both are JSON in base 64 in one field, both are signed with a key of the operator's, and of both nobody but the store
remembers which were used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, Final

from captcha_gate.tokens.fields import ClientField

__all__ = ["FIELD", "MARGIN", "NotAltcha", "account_of", "decoded", "too_short"]

FIELD: Final = ClientField("altcha", grammar="[A-Za-z0-9+/]+={0,2}", max_length=16384)
#: Seconds for which a payload is remembered beyond its end, for clocks that differ.
MARGIN: Final = 60.0
#: Characters below which a key is no secret: whoever has one signature can try keys as fast as a computer goes.
_SHORT: Final = 16


class NotAltcha(Exception):
    """The field does not hold a payload of the kind that is meant."""


def decoded(payload: str) -> Any:
    """What a field holds, of whatever type.

    Raises:
        NotAltcha: it is no JSON in base 64.
    """
    try:
        return json.loads(base64.b64decode(payload, validate=True).decode())
    except (ValueError, RecursionError):
        raise NotAltcha("no JSON in base 64") from None


def account_of(key: str, kind: str) -> str:
    """A name for the account that has a key: the only thing that it has."""
    return hmac.new(key.encode(), f"captcha_gate {kind} account".encode(), hashlib.sha256).hexdigest()


def too_short(name: str, key: str) -> Iterator[tuple[str, str]]:
    """The oddity of a key that could be guessed."""
    if len(key) < _SHORT:
        yield name, "is short enough to be guessed (write 32 random characters)"
