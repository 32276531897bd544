"""A stand-in of GeeTest v3's server: register, validate, bypass status; as strict as its documents. Draws none.

Rules from docs.geetest.com/sensebot (apirefer/api/server, help/faq/server) and from GeeTest's server SDKs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.base import Call, Tokens, Vendor, form_of, single
from captcha_gate.testing.vendors.loopback import Answer, Received, replies

__all__ = ["CAPTCHA_ID", "PRIVATE_KEY", "GeetestV3"]

CAPTCHA_ID: Final = "7e57c0de" * 4
PRIVATE_KEY: Final = "00112233445566778899aabbccddeeff"

_BYPASS: Final = "/v1/bypass_status.php"


class GeetestV3(Vendor):
    """Answers three calls: `register`, `validate` and `bypass`.

    `GET /register.php` gives an origin challenge. From it the site makes the page's challenge with its private key, by
    the digest that it told the server (MD5 where it told none). What `solve` makes of that passes `POST /validate.php`
    once. Both are written as JSON with `json_format=1`, as bare text without.

    Args:
        captcha_id: the account's.
        private_key: the account's.

    Attributes:
        bypass: what `GET /v1/bypass_status.php` says: `fail` tells the sites to do without GeeTest.
        user_ids: each `user_id` that came, in order. One challenge has one: where both calls name it and differ, the
            answer is refused.
    """

    bypass: Literal["success", "fail"]

    def __init__(self, captcha_id: str = CAPTCHA_ID, private_key: str = PRIVATE_KEY) -> None:
        self.captcha_id = captcha_id
        self.private_key = private_key
        self.bypass = "success"
        self.user_ids: list[str] = []
        self._users: dict[str, str] = {}  # by the challenge that the page is to get
        self._answers = Tokens()
        super().__init__(
            Call("register", ("GET",), "/register.php", self._register),
            Call("validate", ("POST",), "/validate.php", self._validate),
            Call("bypass", ("GET", "POST"), _BYPASS, self._bypass_status),
        )

    def account(self, *, bypass: bool = False, **keys: Any) -> dict[str, Any]:
        """The policy's entry; `bypass` lets it ask for the bypass status, too."""
        account = {"type": "geetest-v3", "captcha_id": self.captcha_id, "private_key": self.private_key}
        asked = {"bypass_url": self.url + _BYPASS} if bypass else {}
        return {**account, "digestmod": "md5", "base_url": self.url, **asked, **keys}

    def solve(self, challenge: str, *, passes: bool = True, slide: bool = False) -> dict[str, str]:
        """The three fields for a challenge that the page got, as it submits them.

        Args:
            challenge: as the site handed it to the page.
            passes: `False` gives those of somebody who failed: the server has not seen them.
            slide: a puzzle was slid: the challenge comes back with two more characters.

        Raises:
            ValueError: the challenge is not made of one of this server's: the page would not get a CAPTCHA.
        """
        if challenge not in self._users:
            raise ValueError("the challenge was made of no origin challenge of this server")
        posted = challenge + (secrets.token_hex(1) if slide else "")
        validate = _md5(f"{self.private_key}geetest{posted}") if passes else secrets.token_hex(16)
        fields = _fields(posted, validate)
        if passes:
            self._answers.issue(posted, seccode=fields["geetest_seccode"], issued_for=challenge)
        return fields

    def offline_answer(self, challenge: str, *, bare: bool = False) -> dict[str, str]:
        """What the vendor's scripts submit in offline mode, for any challenge. It proves nothing.

        Args:
            challenge: as the site made it.
            bare: as the scripts of the bypass demonstrations: the challenge itself, without a digest.
        """
        return _fields(challenge, challenge if bare else _md5(challenge))

    def _register(self, request: Received) -> Answer:
        query = request.query
        if single(query, "gt") != self.captcha_id:
            return faults.status(403)
        self._note_user(query)
        origin = secrets.token_hex(16)
        self._users[self._challenge(origin, single(query, "digestmod"))] = single(query, "user_id")
        return _written(query, "challenge", origin)

    def _challenge(self, origin: str, digestmod: str) -> str:
        """The challenge that the site is to give to the page."""
        if digestmod == "sha256":
            return hashlib.sha256((origin + self.private_key).encode()).hexdigest()
        if digestmod == "hmac-sha256":
            return hmac.new(self.private_key.encode(), origin.encode(), hashlib.sha256).hexdigest()
        return _md5(origin + self.private_key)

    def _validate(self, request: Received) -> Answer:
        form = form_of(request)
        self._note_user(form)
        passes = single(form, "captchaid") == self.captcha_id and self._is_answer(form)
        return _written(form, "seccode", _md5(single(form, "seccode")) if passes else "false")

    def _is_answer(self, form: Mapping[str, list[str]]) -> bool:
        """Whether this is the answer to a challenge of ours, by the same user, for the first time."""
        issued = self._answers.told(single(form, "challenge"))
        if issued is None or single(form, "seccode") != issued["seccode"]:
            return False
        told, user_id = self._users[issued["issued_for"]], single(form, "user_id")
        if told and user_id and told != user_id:
            return False
        return self._answers.use(issued["issued_for"])

    def _bypass_status(self, request: Received) -> Answer:
        known = single({**request.query, **form_of(request)}, "gt") == self.captcha_id
        return faults.says({"status": self.bypass if known else "fail"})

    def _note_user(self, parameters: Mapping[str, list[str]]) -> None:
        self.user_ids += parameters.get("user_id", [])


def _fields(challenge: str, validate: str) -> dict[str, str]:
    return {
        "geetest_challenge": challenge,
        "geetest_validate": validate,
        "geetest_seccode": f"{validate}|jordan",
    }


def _written(parameters: Mapping[str, list[str]], name: str, value: str) -> Answer:
    if single(parameters, "json_format") == "1":
        return faults.says({name: value})
    return replies(200, value, "Content-Type: text/html;charset=UTF-8")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
