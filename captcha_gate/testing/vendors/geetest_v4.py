"""A stand-in of GeeTest v4's verification server, as strict as its documents. Draws no CAPTCHA.

Rules from docs.geetest.com/gt4: apirefer/api/server, apirefer/errorcode/server, deploy/server, faq/server.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.base import Call, Tokens, Vendor, form_of, single
from captcha_gate.testing.vendors.loopback import Answer, Received

__all__ = ["CAPTCHA_ID", "CAPTCHA_KEY", "GeetestV4"]

#: The account of GeeTest's own public demonstrations.
CAPTCHA_ID: Final = "647f5ed2ed8acb4be36784e01556bb71"
CAPTCHA_KEY: Final = "b09a7aafbfd83f73b35a9b530d0337bf"

#: What belongs to a lot_number, in the order in which it is compared.
_BELONGS: Final = ("pass_token", "captcha_output", "gen_time")


class GeetestV4(Vendor):
    """Answers `POST /validate?captcha_id=`, which it calls `validate`. It passes each lot_number once.

    GeeTest also takes GET, and the fields in the query. Here only a form is read: a signature in a URL ends up in logs.

    Args:
        captcha_id: the account's.
        captcha_key: the account's.
        issued_only: `False` passes a lot_number that nobody issued, too, once, for tests that invent their tokens.
    """

    def __init__(
        self, captcha_id: str = CAPTCHA_ID, captcha_key: str = CAPTCHA_KEY, *, issued_only: bool = True
    ) -> None:
        self.captcha_id = captcha_id
        self.captcha_key = captcha_key
        self._issued_only = issued_only
        self._tokens = Tokens()
        super().__init__(Call("validate", ("POST",), "/validate", self._validate))

    def account(self, **keys: Any) -> dict[str, Any]:
        account = {"type": "geetest-v4", "captcha_id": self.captcha_id, "captcha_key": self.captcha_key}
        return {**account, "base_url": self.url, **keys}

    def solve(self, *, passes: bool = True) -> dict[str, str]:
        """The four fields of a new token, as the page submits them.

        Args:
            passes: `False` gives those of somebody who failed: the pass_token is not the one that the server expects.
        """
        lot_number = secrets.token_hex(16)
        belongs = {
            "captcha_output": secrets.token_urlsafe(200) + "==",
            "pass_token": secrets.token_hex(32),
            "gen_time": str(int(time.time())),
        }
        self._tokens.issue(lot_number, **belongs)
        if not passes:
            belongs["pass_token"] = secrets.token_hex(32)
        return {"lot_number": lot_number, **belongs}

    def _validate(self, request: Received) -> Answer:
        return faults.says(self._reply(request))

    def _reply(self, request: Received) -> dict[str, Any]:
        form = form_of(request)
        captcha_id = single(request.query, "captcha_id") or single(form, "captcha_id")
        if not captcha_id:
            return _error("-50101", "not captcha_id")
        if captcha_id != self.captcha_id:
            return _error("-50103", "not captcha")
        # Of a body that is no form nothing is seen, and the first field that is missed is gen_time.
        if not re.fullmatch("[0-9]+", single(form, "gen_time")):
            return _error("-50005", "illegal gen_time")
        if not single(form, "lot_number"):
            return _error("-50302", "not lot_number")
        why = self._refusal({name: single(form, name) for name in ("lot_number", "sign_token", *_BELONGS)})
        return _judged(why, single(form, "lot_number"))

    def _refusal(self, fields: Mapping[str, str]) -> str:
        """Why the fields are refused, in GeeTest's words; empty where they pass."""
        lot_number = fields["lot_number"]
        if fields["sign_token"] != self._signature(lot_number):
            return "sign_token error"
        issued = self._tokens.told(lot_number)
        if issued is None and self._issued_only:
            return "pass_token error"
        for name in _BELONGS:
            if not fields[name] or (issued and fields[name] != issued[name]):
                return f"{name} error"
        return "" if self._tokens.use(lot_number) else "pass_token expire"

    def _signature(self, lot_number: str) -> str:
        return hmac.new(self.captcha_key.encode(), lot_number.encode(), hashlib.sha256).hexdigest()


def _judged(why: str, lot_number: str) -> dict[str, Any]:
    args = {"used_type": "slide", "user_ip": "127.0.0.1", "lot_number": lot_number, "scene": "反爬虫", "referer": ""}
    return {"status": "success", "result": "fail" if why else "success", "reason": why, "captcha_args": args}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"status": "error", "code": code, "msg": message, "desc": {"type": "defined error"}}
