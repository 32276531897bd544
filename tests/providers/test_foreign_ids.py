"""A client that names another account beside its token: the gate asks with its own, and hands no lie on."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest
from support.world import LOGIN, TOKEN, answering, policy_of

FOREIGN = "f0e19d"
#: Everything by which any of the vendors knows an account or a page of it.
NAMES = (
    "captcha_id", "captchaId", "captchaid", "gt", "id", "vid", "scene", "secretId", "secret_id", "secretkey", "vkey",
    "key", "user", "user_id", "ip", "sign_token", "signature", "base_url", "api_server",
)  # fmt: skip
LIES = dict.fromkeys(NAMES, FOREIGN)
SECCODE = "8829949571bdf9cc97663ce89ff3d5c5|jordan"
#: For each type: the account, what tells it in the question, a token, and the vendor's yes.
SYSTEMS: dict[str, tuple[dict[str, Any], str, dict[str, str], dict[str, Any]]] = {
    "geetest-v3": (
        {"captcha_id": "our-own-id", "private_key": "k"},
        "captchaid=our-own-id",
        {"geetest_challenge": "f" * 32, "geetest_validate": SECCODE[:32], "geetest_seccode": SECCODE},
        {"seccode": hashlib.md5(SECCODE.encode(), usedforsecurity=False).hexdigest()},
    ),
    "geetest-v4": (
        {"captcha_id": "our-own-id", "captcha_key": "k"},
        "captcha_id=our-own-id",
        TOKEN,
        {"status": "success", "result": "success", "reason": "", "captcha_args": {}},
    ),
    "yunpian": (
        {"captcha_id": "our-own-id", "secret_id": "s", "secret_key": "k"},
        "captchaId=our-own-id",
        {"token": "1" * 32, "authenticate": "2" * 32},
        {"code": 0, "msg": "ok"},
    ),
    "vaptcha": (
        {"vid": "our-own-id", "key": "k", "scene": 7},
        '"id":"our-own-id"',
        {"vaptcha_server": "https://node1.vaptcha.net/verify", "vaptcha_token": "2b0e8b1c5f7a4d6e"},
        {"success": 1, "score": 90, "msg": ""},
    ),
    "vaptcha-v4": (
        {"vid": "our-own-id", "key": "k", "verify": "remote"},
        '"vid":"our-own-id"',
        {
            "vaptcha_token": f"1699999990.id1.{'6a' * 32}",
            "vaptcha_knock": "knock456",
            "vaptcha_dfu": "dfu123",
            "vaptcha_ip": "203.0.113.7",
        },
        {"code": 0, "msg": "", "data": {"code": 0, "result": True, "vid": "our-own-id"}},
    ),
}
HOWS: dict[str, Any] = {
    "form": lambda fields: {"data": fields},
    "json": lambda fields: {"json": {**fields, "provider": LIES}},
    "multipart": lambda fields: {"files": {name: (None, value) for name, value in fields.items()}},
}


def question(request: httpx.Request) -> str:
    return f"{request.url} {dict(request.headers)} {request.content.decode()}"


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_our_own_account_is_asked_and_a_clients_lie_is_nowhere_in_the_question(world, system, how):
    account, told, token, yes = SYSTEMS[system]
    gate = world(policy_of(LOGIN, providers={"it": {"type": system, **account}}), answering(yes))
    headers = {f"X-Captcha-{name.replace('_', '-')}": FOREIGN for name in NAMES}
    cookies = "; ".join(f"{name}={FOREIGN}" for name in NAMES)
    body = HOWS[how]({**token, **lies_about(token)})
    response = gate.post(**body, params=LIES, headers={**headers, "Cookie": cookies})
    assert response.status_code == 200
    [request] = gate.asked
    assert told in question(request)
    assert FOREIGN not in question(request)
    if system == "vaptcha":
        assert '"scene":7' in question(request)


def lies_about(token: dict[str, str]) -> dict[str, str]:
    """The lies, but those under a name by which the vendor's own page submits a field."""
    return {name: lie for name, lie in LIES.items() if f"vaptcha_{name}" not in token}


@pytest.mark.parametrize("reply", [{"vid": "another-id"}, {"vid": ["our-own-id"]}, {"vid": None}])
def test_a_yes_of_vaptcha_v4_for_another_unit_is_none_of_ours(world, reply):
    account, _, token, yes = SYSTEMS["vaptcha-v4"]
    policy = policy_of(LOGIN, providers={"it": {"type": "vaptcha-v4", **account}})
    gate = world(policy, answering({**yes, "data": {**yes["data"], **reply}}))
    assert gate.post(data=token).status_code == 403
