"""A stand-in of VAPTCHA's third generation: verification, and the devices of a site's users. Draws no CAPTCHA.

Rules from en.vaptcha.com/document/install.html; the words of refusals from its users' clients. What happens where the
document is silent (which errors the device calls have, how a PUT is encoded) is this stand-in's choice, and said below.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.base import Call, Tokens, Vendor, form_of, single
from captcha_gate.testing.vendors.devices import Devices
from captcha_gate.testing.vendors.loopback import Answer, Received

__all__ = ["KEY", "VID", "Vaptcha"]

VID: Final = "7e57ca5e" * 3
KEY: Final = "7e57ce11" * 4

_FIELDS: Final = ("id", "secretkey", "scene", "token", "ip")
_LIST: Final = "/api/v1/device"


class Vaptcha(Vendor):
    """Answers `verify`, `device` (`/verify/device`) and `devices` (`/api/v1/device`). It passes each token once.

    `POST /verify` takes JSON or a form. A token that passed there may be used for its user's devices: `GET
    /verify/device` tells of the device that it was solved on, `PUT` notes a login on it, and registers it with
    `regedit=1` (with 0 or none VAPTCHA decides; this one registers nothing of itself). Parameters of a PUT may stand
    in the query, a form or JSON. `GET /api/v1/device` lists a user's devices, `DELETE` removes the last that was used.
    Where the document names no error, it is HTTP 200 with code 400.

    Args:
        vid: the unit's.
        key: the unit's.
        scene: the only one that the unit has.

    Attributes:
        score: of every token that passes, 0 to 100.
        deductions: what is taken off it, comma-separated numbers.
    """

    def __init__(self, vid: str = VID, key: str = KEY, scene: str = "0") -> None:
        self.vid = vid
        self.key = key
        self.scene = scene
        self.score = 100
        self.deductions = ""
        self._tokens = Tokens()
        self._devices = Devices()
        super().__init__(
            Call("verify", ("POST",), "/verify", self._verify),
            Call("device", ("GET", "PUT"), "/verify/device", self._device),
            Call("devices", ("GET", "DELETE"), _LIST, self._list),
        )

    def account(self, **keys: Any) -> dict[str, Any]:
        account = {"type": "vaptcha", "vid": self.vid, "key": self.key, "scene": self.scene}
        return {**account, "allowed_servers": [self.url], "base_url": self.url, **keys}

    def solve(self, *, passes: bool = True, device: str = "Windows") -> dict[str, str]:
        """The two fields of a new token, as the page submits them.

        Args:
            passes: `False` gives those of somebody who failed: a token that was never issued.
            device: what it is solved on.
        """
        token = secrets.token_hex(32)
        if passes:
            self._tokens.issue(token, device=device)
        return {"vaptcha_server": f"{self.url}/verify", "vaptcha_token": token}

    def _verify(self, request: Received) -> Answer:
        given = _parameters(request)
        why = "bad request" if given is None else self._refusal(given)
        if why:
            return faults.says({"success": 0, "score": 0, "msg": why})
        return faults.says({"success": 1, "score": self.score, "msg": self.deductions})

    def _refusal(self, given: Mapping[str, str]) -> str:
        """Why the parameters are refused, in VAPTCHA's words; empty where they pass."""
        if not given.get("id"):
            return "id empty"
        if not given.get("token"):
            return "token error"
        if not all(given.get(name) for name in _FIELDS) or not _is_address(given["ip"]):
            return "param-error"
        if (given["id"], given["secretkey"]) != (self.vid, self.key):
            return "id error"
        if given["scene"] != self.scene:
            return "scene error"
        if self._tokens.told(given["token"]) is None:
            return "token error"
        return "" if self._tokens.use(given["token"]) else "token expired"

    def _device(self, request: Received) -> Answer:
        given = {**_parameters_of_query(request), **((_parameters(request) or {}) if request.method == "PUT" else {})}
        user, token = given.get("id"), given.get("token", "")
        issued = self._tokens.told(token)
        if not user:
            return _refused("id empty")
        if issued is None or not self._tokens.used(token):
            return _refused("token error")
        if request.method == "GET":
            return _done(self._devices.find(user, issued["device"]))
        regedit = given.get("regedit", "0")
        if regedit not in ("0", "1"):
            return _refused("param-error")
        noted = self._devices.log_in(user, issued["device"], register=regedit == "1")
        return _done(None) if noted else _refused("too many devices")

    def _list(self, request: Received) -> Answer:
        user = _parameters_of_query(request).get("id")
        if not user:
            return _refused("id empty")
        if request.method == "GET":
            return _done(self._devices.of(user))
        self._devices.delete_last_used(user)
        return _done(None)


def _parameters(request: Received) -> dict[str, str] | None:
    """The body's parameters, of a form or of a JSON object; `None` where it is neither, or its values are no text."""
    if request.media_type != "application/json":
        form = form_of(request)
        return {name: single(form, name) for name in form} or None
    document = request.document
    if not isinstance(document, dict) or any(type(value) not in (str, int) for value in document.values()):
        return None
    return {name: str(value) for name, value in document.items()}


def _parameters_of_query(request: Received) -> dict[str, str]:
    return {name: single(request.query, name) for name in request.query}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _done(data: Any) -> Answer:
    return faults.says({"code": 200, "data": data, "msg": "success"})


def _refused(why: str) -> Answer:
    return faults.says({"code": 400, "data": None, "msg": why})
