"""A stand-in of VAPTCHA's fourth generation, whose tokens are signed with the unit's key. Draws no CAPTCHA.

There is no public document: the rules are those that its users' clients agree on.
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
from captcha_gate.testing.vendors.base import Call, Tokens, Vendor
from captcha_gate.testing.vendors.loopback import Answer, Received

__all__ = ["KEY", "VID", "VaptchaV4"]

VID: Final = "id_captcha_gate_test"
KEY: Final = "key_captcha_gate_test"

#: Seconds for which the vendor's own endpoint takes a token.
_LIFE: Final = 30
_FIELDS: Final = ("vid", "vkey", "token", "knock", "dfu", "ip")
_SIGNATURE, _EXPIRED, _OTHER = 1, 2, 3


class VaptchaV4(Vendor):
    """Answers `POST /api/verify`, which it calls `verify`. It passes each signature once, for 30 seconds.

    A token is `time.id.signature`; the signature is of `time.ip.dfu.knock`, so nothing else makes a token another one.

    Args:
        vid: the unit's.
        key: the unit's.
    """

    def __init__(self, vid: str = VID, key: str = KEY) -> None:
        self.vid = vid
        self.key = key
        self._tokens = Tokens()
        super().__init__(Call("verify", ("POST",), "/api/verify", self._verify))

    def account(self, **keys: Any) -> dict[str, Any]:
        account = {"type": "vaptcha-v4", "vid": self.vid, "key": self.key, "verify": "remote"}
        return {**account, "base_url": self.url, **keys}

    def solve(self, *, passes: bool = True, ip: str = "203.0.113.7", now: float | None = None) -> dict[str, str]:
        """The four fields of a new token, as the page submits them.

        Args:
            passes: `False` gives those of somebody who failed, and forged the signature.
            ip: the address that the vendor saw.
            now: when it is solved, in unix seconds; by default now.
        """
        moment = str(int(time.time() if now is None else now))
        knock, dfu = secrets.token_hex(16), secrets.token_hex(16)
        signature = self._signature(moment, ip, dfu, knock) if passes else secrets.token_hex(32)
        token = f"{moment}.{secrets.token_hex(12)}.{signature}"
        return {"vaptcha_token": token, "vaptcha_knock": knock, "vaptcha_dfu": dfu, "vaptcha_ip": ip}

    def _verify(self, request: Received) -> Answer:
        given = request.document if request.media_type == "application/json" else None
        if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in _FIELDS):
            return faults.says({"code": 400, "msg": "bad request", "data": None})
        code, note = self._judge(given)
        data = {"code": code, "note": note, "result": code == 0, "vid": self.vid}
        return faults.says({"code": 0, "msg": "success", "data": data})

    def _judge(self, given: Mapping[str, str]) -> tuple[int, str]:
        """The inner code and its words."""
        if (given["vid"], given["vkey"]) != (self.vid, self.key):
            return _SIGNATURE, "authentication failed"
        token = re.fullmatch(r"([0-9]{1,12})\.[^.]+\.([0-9a-f]{64})", given["token"])
        if not token or token[2] != self._signature(token[1], given["ip"], given["dfu"], given["knock"]):
            return _SIGNATURE, "signature error"
        if abs(time.time() - int(token[1])) > _LIFE:
            return _EXPIRED, "token expired"
        if not self._tokens.use(token[2]):
            return _OTHER, "token used"
        return 0, "ok"

    def _signature(self, moment: str, ip: str, dfu: str, knock: str) -> str:
        message = f"{moment}.{ip}.{dfu}.{knock}".encode("utf-8", "surrogatepass")
        return hmac.new(self.key.encode(), message, hashlib.sha256).hexdigest()
