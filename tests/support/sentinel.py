"""What an ALTCHA Sentinel server signs, by the vendor's description of it. Uses nothing of the gate's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

__all__ = ["SENTINEL_SECRET", "signed"]

SENTINEL_SECRET = "sec_0123456789abcdef0123456789abcdef"


def signed(told: Mapping[str, Any] | str, secret: str, algorithm: str = "SHA-256", **beside: Any) -> str:
    """The field of a page for which the server said this; `beside` replaces what stands outside the signature."""
    data = told if isinstance(told, str) else urlencode(told)
    name = algorithm.replace("-", "").lower()
    signature = hmac.new(secret.encode(), hashlib.new(name, data.encode()).digest(), name).hexdigest()
    payload = {"algorithm": algorithm, "verificationData": data, "signature": signature, "verified": True, **beside}
    return base64.b64encode(json.dumps(payload).encode()).decode()
