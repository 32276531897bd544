"""A stand-in of GeeTest v4's verification server on loopback, as strict as its documents. Draws no CAPTCHA."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
from typing import Any

from support.loopback import Connection, LoopbackServer, Received

__all__ = ["CAPTCHA_ID", "CAPTCHA_KEY", "GeetestServer", "a_token", "account_at"]

CAPTCHA_ID = "647f5ed2ed8acb4be36784e01556bb71"
CAPTCHA_KEY = "b09a7aafbfd83f73b35a9b530d0337bf"
_FIELDS = ("lot_number", "captcha_output", "pass_token", "gen_time", "sign_token")


def account_at(url: str, **keys: Any) -> dict[str, Any]:
    """The policy's entry of a GeeTest account whose server is at `url`."""
    account = {"type": "geetest-v4", "captcha_id": CAPTCHA_ID, "captcha_key": CAPTCHA_KEY, "base_url": url}
    return {**account, **keys}


def a_token(lot_number: str | None = None) -> dict[str, str]:
    """The four fields as the page would submit them, a new token each time."""
    return {
        "lot_number": lot_number or secrets.token_hex(16),
        "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
        "pass_token": secrets.token_hex(32),
        "gen_time": "1653302332",
    }


class GeetestServer(LoopbackServer):
    """Answers `POST /validate?captcha_id=`.

    It passes each lot_number once; `issued`, where it is set, are the only ones that it knows.
    """

    def __init__(self, issued: set[str] | None = None) -> None:
        self.issued = issued
        self._used: set[str] = set()
        self._lock = threading.Lock()
        super().__init__(self.validate)

    def validate(self, connection: Connection, request: Received) -> None:
        """Answer one request."""
        if request.path != "/validate":
            connection.reply(404, b"<h1>404 Not Found</h1>", "Content-Type: text/html")
            return
        body = json.dumps(self._reply(request)).encode()
        connection.reply(200, body, "Content-Type: application/json;charset=UTF-8")

    def _reply(self, request: Received) -> dict[str, Any]:
        captcha_id = request.query.get("captcha_id", request.form.get("captcha_id", [""]))
        if captcha_id == [""]:
            return _error("-50101", "not captcha_id")
        if captcha_id != [CAPTCHA_ID]:
            return _error("-50103", "not captcha")
        # Only form fields are read: of a JSON body nothing is seen, and the first that is missed is gen_time.
        is_form = request.headers.get("content-type", "").split(";")[0] == "application/x-www-form-urlencoded"
        fields = {name: request.form.get(name, [""])[0] if is_form else "" for name in _FIELDS}
        if request.method != "POST" or not re.fullmatch("[0-9]+", fields["gen_time"]):
            return _error("-50005", "illegal gen_time")
        if not fields["lot_number"]:
            return _error("-50302", "not lot_number")
        return self._judge(fields)

    def _judge(self, fields: dict[str, str]) -> dict[str, Any]:
        lot_number = fields["lot_number"]
        signature = hmac.new(CAPTCHA_KEY.encode(), lot_number.encode(), hashlib.sha256).hexdigest()
        if fields["sign_token"] != signature:
            return _judged("fail", "sign_token error", lot_number)
        if not fields["pass_token"] or not fields["captcha_output"]:
            return _judged("fail", "pass_token error", lot_number)
        with self._lock:
            known = self.issued is None or lot_number in self.issued
            if not known or lot_number in self._used:
                return _judged("fail", "pass_token expire", lot_number)
            self._used.add(lot_number)
        return _judged("success", "", lot_number)


def _judged(result: str, reason: str, lot_number: str) -> dict[str, Any]:
    args = {"used_type": "slide", "user_ip": "127.0.0.1", "lot_number": lot_number, "scene": "反爬虫", "referer": ""}
    return {"status": "success", "result": result, "reason": reason, "captcha_args": args}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"status": "error", "code": code, "msg": message, "desc": {"type": "defined error"}}
