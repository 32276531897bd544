"""A stand-in of Yunpian's captcha server, as strict as its documents. Draws no CAPTCHA.

Rules from Yunpian's integration document of its second verification; the shape of the replies (HTTP 200 for refusals,
`cb` and `data` beside `code` and `msg`) from recorded traffic.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.base import Call, Tokens, Vendor, form_of
from captcha_gate.testing.vendors.loopback import Answer, Received

__all__ = ["CAPTCHA_ID", "SECRET_ID", "SECRET_KEY", "Yunpian"]

CAPTCHA_ID: Final = "7e57" * 8
SECRET_ID: Final = "7e571d00" * 4
SECRET_KEY: Final = "7e57ce11" * 4

_REQUIRED: Final = frozenset(
    {"captchaId", "token", "authenticate", "secretId", "version", "timestamp", "nonce", "signature"}
)


class Yunpian(Vendor):
    """Answers `POST /v1/api/authenticate`, which it calls `authenticate`. It passes each token once.

    The document names no window for the timestamp, and the server took one 40 minutes old: only its form counts.

    Args:
        captcha_id: the product's, which the page calls `appId`.
        secret_id: the account's.
        secret_key: the account's.
    """

    def __init__(self, captcha_id: str = CAPTCHA_ID, secret_id: str = SECRET_ID, secret_key: str = SECRET_KEY) -> None:
        self.captcha_id = captcha_id
        self.secret_id = secret_id
        self.secret_key = secret_key
        self._tokens = Tokens()
        super().__init__(Call("authenticate", ("POST",), "/v1/api/authenticate", self._authenticate))

    def account(self, **keys: Any) -> dict[str, Any]:
        account = {"type": "yunpian", "captcha_id": self.captcha_id, "secret_id": self.secret_id}
        return {**account, "secret_key": self.secret_key, "base_url": self.url, **keys}

    def solve(self, *, passes: bool = True) -> dict[str, str]:
        """The two fields of a new token, as the page submits them.

        Args:
            passes: `False` gives those of somebody who failed: `authenticate` is not the one that the server expects.
        """
        token, authenticate = secrets.token_hex(16), secrets.token_hex(16)
        self._tokens.issue(token, authenticate=authenticate)
        return {"token": token, "authenticate": authenticate if passes else secrets.token_hex(16)}

    def _authenticate(self, request: Received) -> Answer:
        why = self._refusal(form_of(request))
        return faults.says({"code": 400 if why else 0, "cb": None, "msg": why or "ok", "data": None})

    def _refusal(self, form: Mapping[str, list[str]]) -> str:
        """Why the parameters are refused, in Yunpian's words; empty where they pass."""
        given = {name: values[0] for name, values in form.items() if len(values) == 1}
        if len(given) < len(form) or not _well_formed(given):
            return "param_invalid"
        if given["captchaId"] != self.captcha_id:
            return "captcha_id_invalid"
        if given["secretId"] != self.secret_id or given["signature"] != self._signature(given):
            return "signature_invalid"
        issued = self._tokens.told(given["token"])
        if issued is None or given["authenticate"] != issued["authenticate"] or not self._tokens.use(given["token"]):
            return "validate_fail"
        return ""

    def _signature(self, given: Mapping[str, str]) -> str:
        signed = sorted(item for item in given.items() if item[0] != "signature")
        text = "".join(f"{name}{value}" for name, value in signed) + self.secret_key
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _well_formed(given: Mapping[str, str]) -> bool:
    """Whether all that is required is there, with a timestamp in milliseconds and a nonce from 1 to 99999."""
    return (
        all(given.get(name) for name in _REQUIRED)
        and given["version"] == "1.0"
        and bool(re.fullmatch("[0-9]{13}", given["timestamp"]))
        and bool(re.fullmatch("[1-9][0-9]{0,4}", given["nonce"]))
    )
