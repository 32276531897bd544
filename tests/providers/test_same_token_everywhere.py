"""One token in every place where it may stand: the same decision, and the same request to the vendor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from support.sentinel import SENTINEL_SECRET, signed
from support.world import GEETEST, KINDS, LOGIN, PASSES, REFUSES, World, policy_of
from support.world import TOKEN as GEETEST_TOKEN

NOW = 1760000000.0
SIGNATURE = "6af8d264742321e382e5c12b6e612453559dd056efc8f78acdaed0900053c2cd"
CHALLENGE, SECCODE = "fa7025c83249ab263bc1f11f11ae21a5iy", "ff798e7935dd8f7775a447668eedffab|jordan"


@dataclass(frozen=True)
class Vendor:
    """An account, a token of it, and what the vendor's server says of a good and of a bad one."""

    account: Mapping[str, Any]
    token: Mapping[str, str]
    passes: Any
    refuses: Any
    asks: bool = True


_V4_TOKEN = {
    "vaptcha_token": f"1760000000.id1.{SIGNATURE}",
    "vaptcha_knock": "knock456",
    "vaptcha_dfu": "dfu123",
    "vaptcha_ip": "203.0.113.7",
}
_V4 = {"type": "vaptcha-v4", "vid": "id_1", "key": "key_0123456789abcdef"}
VENDORS = {
    "geetest-v4": Vendor(GEETEST, GEETEST_TOKEN, PASSES, REFUSES),
    "geetest-v3": Vendor(
        {"type": "geetest-v3", "captcha_id": "a" * 32, "private_key": "b" * 32},
        {"geetest_challenge": CHALLENGE, "geetest_validate": SECCODE[:32], "geetest_seccode": SECCODE},
        {"seccode": hashlib.md5(SECCODE.encode()).hexdigest()},
        {"seccode": "false"},
    ),
    "yunpian": Vendor(
        {"type": "yunpian", "captcha_id": "a" * 32, "secret_id": "b" * 32, "secret_key": "c" * 32},
        {"token": "1" * 32, "authenticate": "2" * 32},
        {"code": 0, "cb": None, "msg": "ok", "data": None},
        {"code": 400, "cb": None, "msg": "validate_fail", "data": None},
    ),
    "vaptcha": Vendor(
        {"type": "vaptcha", "vid": "a" * 24, "key": "b" * 32, "allowed_servers": "node1.vaptcha.net"},
        {"vaptcha_server": "https://node1.vaptcha.net/verify", "vaptcha_token": "c" * 32},
        {"success": 1, "score": 60, "msg": "0,1,2,3"},
        {"success": 0, "score": 0, "msg": "token error"},
    ),
    "vaptcha-v4": Vendor(
        {**_V4, "verify": "remote"},
        _V4_TOKEN,
        {"code": 0, "msg": "ok", "data": {"code": 0, "note": "ok", "result": True, "vid": "id_1"}},
        {"code": 0, "msg": "ok", "data": {"code": 1, "note": "no", "result": False, "vid": "id_1"}},
    ),
    "yidun": Vendor(
        {"type": "yidun", "captcha_id": "a" * 32, "secret_id": "b" * 32, "secret_key": "c" * 32},
        {"NECaptchaValidate": "1" * 32},
        {"error": 0, "msg": "ok", "result": True},
        {"error": 0, "msg": "", "result": False},
    ),
    "tencent": Vendor(
        {
            "type": "tencent",
            "secret_id": "a" * 32,
            "secret_key": "b" * 32,
            "captcha_app_id": 190000000,
            "app_secret_key": "c" * 24,
        },
        {"ticket": "t03" + "1" * 60, "randstr": "@wIj"},
        {"Response": {"CaptchaCode": 1, "CaptchaMsg": "OK", "EvilLevel": 0, "RequestId": "r"}},
        {"Response": {"CaptchaCode": 8, "CaptchaMsg": "ticket expired", "RequestId": "r"}},
    ),
    "aliyun": Vendor(
        {"type": "aliyun", "access_key_id": "a" * 24, "access_key_secret": "b" * 32, "scene_id": "1ns8ckkp"},
        {"captchaVerifyParam": "eyJjZXJ0aWZ5SWQiOiJ4NXVVMHdBaWZLIn0="},
        {"Code": "Success", "Success": True, "Result": {"VerifyResult": True, "VerifyCode": "T001"}},
        {"Code": "Success", "Success": True, "Result": {"VerifyResult": False, "VerifyCode": "F001"}},
    ),
    "altcha-sentinel": Vendor(
        {"type": "altcha-sentinel", "secret": SENTINEL_SECRET},
        {"altcha": signed({"expire": int(NOW) + 60, "id": "v_1", "verified": "true"}, SENTINEL_SECRET)},
        None,
        None,
        asks=False,
    ),
    "vaptcha-v4, locally": Vendor(_V4, _V4_TOKEN, None, None, asks=False),
}
ASKED_FOR = ("query", "cookie")


def _form(token: Mapping[str, str]) -> dict[str, Any]:
    return {"data": dict(token)}


def _json(token: Mapping[str, str]) -> dict[str, Any]:
    return {"json": dict(token)}


def _multipart(token: Mapping[str, str]) -> dict[str, Any]:
    return {"files": {name: (None, value) for name, value in token.items()}}


def _header(token: Mapping[str, str]) -> dict[str, Any]:
    if len(token) == 1:
        return {"headers": {"X-Captcha-Token": next(iter(token.values()))}}
    return {"headers": {"X-Captcha-" + name.replace("_", "-").title(): value for name, value in token.items()}}


def _query(token: Mapping[str, str]) -> dict[str, Any]:
    return {"params": dict(token)}


def _cookie(token: Mapping[str, str]) -> dict[str, Any]:
    return {"headers": {"Cookie": "; ".join(f"{name}={value}" for name, value in token.items())}}


EVERYWHERE = ["header", "json", "form", "query", "cookie"]
PLACES = {"form": _form, "json": _json, "multipart": _multipart, "header": _header, "query": _query, "cookie": _cookie}


def gate(kind: str, vendor: Vendor, answer: Any, sources: list[str] | None = None) -> World:
    """A gate whose clock stands still and whose randomness is none: what differs does so by the request."""
    rule = {**LOGIN, "token": {"from": sources}} if sources else LOGIN
    made = World(kind, policy_of(rule, providers={"it": vendor.account}), answer)
    inner = made.gate._mounted.gate
    inner._clock, inner._token_hex = (lambda: NOW), (lambda size: "5a" * size)
    return made


def exchange(world: World, request: Mapping[str, Any]) -> tuple[Any, ...]:
    """Everything that came of one request: what the client, the vendor and the log were told."""
    response = world.post(**request)
    asked = [(item.method, str(item.url), sorted(item.headers.items()), item.content) for item in world.asked]
    decision = world.decisions[-1].as_dict()
    return response.status_code, response.content, repr(asked), repr(decision)


def replying(document: Any, status: int, request: httpx.Request) -> httpx.Response:
    return httpx.Response(status, json=document)


@pytest.mark.parametrize("answer", ["passes", "refuses", "is down"])
@pytest.mark.parametrize("name", VENDORS)
def test_a_token_is_worth_the_same_wherever_it_stands_and_in_both_worlds(name, answer):
    vendor = VENDORS[name]
    document = vendor.refuses if answer == "refuses" else vendor.passes
    reply = partial(replying, document, 500 if answer == "is down" else 200)
    seen = {
        (kind, place): exchange(gate(kind, vendor, reply, EVERYWHERE), made(vendor.token))
        for kind in KINDS
        for place, made in PLACES.items()
    }
    assert len(set(seen.values())) == 1, seen
    status = seen["wsgi", "form"][0]
    assert status == (200 if not vendor.asks else {"passes": 200, "refuses": 403, "is down": 503}[answer])
    assert (seen["wsgi", "form"][2] != "[]") is vendor.asks


@pytest.mark.parametrize("name", VENDORS)
def test_a_token_is_used_up_wherever_it_stands_next(kind, name):
    vendor = VENDORS[name]
    for first in PLACES.values():
        world = gate(kind, vendor, partial(replying, vendor.passes, 200), EVERYWHERE)
        assert world.post(**first(vendor.token)).status_code == 200
        for second in PLACES.values():
            assert world.post(**second(vendor.token)).json()["code"] == "replayed"


@pytest.mark.parametrize("name", VENDORS)
def test_query_and_cookie_must_be_asked_for(kind, name):
    vendor = VENDORS[name]
    world = gate(kind, vendor, partial(replying, vendor.passes, 200))
    for place, made in PLACES.items():
        status = world.post(**made(vendor.token)).status_code
        assert (world.decisions[-1].outcome == "missing") is (place in ASKED_FOR), (place, status)


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if len(vendor.token) > 1])
def test_half_of_a_token_in_each_of_two_places_is_none(kind, name):
    vendor = VENDORS[name]
    world = gate(kind, vendor, partial(replying, vendor.passes, 200), EVERYWHERE)
    first, *others = vendor.token.items()
    for here, there in (("header", "form"), ("query", "json"), ("cookie", "form"), ("header", "query")):
        assert world.post(**PLACES[here](dict([first])), **PLACES[there](dict(others))).status_code == 403
        assert world.decisions[-1].outcome == "missing"
    assert (world.asked, world.seen) == ([], [])
