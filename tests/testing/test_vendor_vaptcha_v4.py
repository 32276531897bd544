"""The stand-in of VAPTCHA V4 takes a signature once, for thirty seconds, and tells its three refusals apart."""

from __future__ import annotations

import hashlib
import hmac
import time

import httpx
import pytest

from captcha_gate.testing.vendors import VaptchaV4
from captcha_gate.testing.vendors.vaptcha_v4 import KEY, VID


@pytest.fixture
def vendor():
    with VaptchaV4() as server:
        yield server


def question(fields: dict[str, str], **changed: object) -> dict[str, object]:
    bare = {name.removeprefix("vaptcha_"): value for name, value in fields.items()}
    return {"vid": VID, "vkey": KEY, **bare, **changed}


def ask(vendor: VaptchaV4, given: object) -> dict:
    response = httpx.post(f"{vendor.url}/api/verify", json=given)
    assert response.status_code == 200
    return response.json()


def code(vendor: VaptchaV4, given: object) -> int:
    reply = ask(vendor, given)
    assert (reply["code"], reply["data"]["result"]) == (0, reply["data"]["code"] == 0)
    return reply["data"]["code"]


def test_a_solved_token_passes_once_with_the_nested_reply(vendor):
    given = question(vendor.solve())
    passed = {"code": 0, "note": "ok", "result": True, "vid": VID}
    assert ask(vendor, given) == {"code": 0, "msg": "success", "data": passed}
    used = {"code": 3, "note": "token used", "result": False, "vid": VID}
    assert ask(vendor, given) == {"code": 0, "msg": "success", "data": used}


def test_a_token_is_signed_as_the_clients_of_it_say(vendor):
    fields = vendor.solve(ip="2001:db8::1", now=1760000000.9)
    moment, _, signature = fields["vaptcha_token"].split(".")
    assert (moment, fields["vaptcha_ip"]) == ("1760000000", "2001:db8::1")
    message = f"1760000000.2001:db8::1.{fields['vaptcha_dfu']}.{fields['vaptcha_knock']}"
    assert signature == hmac.new(KEY.encode(), message.encode(), hashlib.sha256).hexdigest()
    assert fields.keys() == {"vaptcha_token", "vaptcha_knock", "vaptcha_dfu", "vaptcha_ip"}


@pytest.mark.parametrize(
    ("moment", "ip", "dfu", "signature"),
    [
        ("1760000000", "203.0.113.7", "dfu123", "6af8d264742321e382e5c12b6e612453559dd056efc8f78acdaed0900053c2cd"),
        ("1760000001", "2001:db8::1", "", "049cb600614a09920beea1b1f4ae1909f6aec98373cbbcf8c947a3d6575f511d"),
    ],
)
def test_the_signatures_of_the_known_vectors_are_right(moment, ip, dfu, signature):
    with VaptchaV4(key="key_0123456789abcdef") as vendor:
        given = {"vid": VID, "vkey": vendor.key, "knock": "knock456", "dfu": dfu, "ip": ip}
        # The signature is looked at before the time: right, and long over.
        assert code(vendor, {**given, "token": f"{moment}.any.{signature}"}) == 2
        assert code(vendor, {**given, "token": f"{moment}.any.{signature[:-1]}0"}) == 1


def test_a_token_of_somebody_who_failed_never_passes(vendor):
    given = question(vendor.solve(passes=False))
    assert [code(vendor, given) for _ in range(2)] == [1, 1]


def test_another_id_makes_no_other_token_of_a_used_one(vendor):
    fields = vendor.solve()
    assert code(vendor, question(fields)) == 0
    moment, _, signature = fields["vaptcha_token"].split(".")
    assert code(vendor, question(fields, token=f"{moment}.another.{signature}")) == 3


@pytest.mark.parametrize(("age", "expected"), [(0, 0), (28, 0), (-28, 0), (32, 2), (3600, 2), (-40, 2)])
def test_a_token_is_good_for_thirty_seconds(vendor, age, expected):
    assert code(vendor, question(vendor.solve(now=time.time() - age))) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"vid": "id_another"},
        {"vkey": "key_another"},
        {"ip": "203.0.113.8"},
        {"dfu": "another"},
        {"knock": "another"},
        {"token": "1760000000.id"},
        {"token": ""},
        {"token": "a.b.c"},
        {"dfu": "\ud800"},
    ],
    ids=ascii,
)
def test_anything_that_is_not_what_was_signed_is_refused_and_uses_nothing_up(vendor, changed):
    fields = vendor.solve()
    body = httpx.post(
        f"{vendor.url}/api/verify",
        content=_ascii_json(question(fields, **changed)),
        headers={"content-type": "application/json"},
    ).json()
    assert body["data"]["code"] == 1
    assert code(vendor, question(fields)) == 0


def _ascii_json(document: object) -> bytes:
    import json

    return json.dumps(document).encode()


@pytest.mark.parametrize("name", ["vid", "vkey", "token", "knock", "dfu", "ip"])
def test_each_parameter_is_required_and_text(vendor, name):
    fields = vendor.solve()
    bad = {"code": 400, "msg": "bad request", "data": None}
    given = question(fields)
    del given[name]
    assert ask(vendor, given) == bad
    assert ask(vendor, question(fields, **{name: 1})) == bad
    assert code(vendor, question(fields)) == 0


def test_a_body_that_is_no_json_object_is_a_bad_request(vendor):
    given = question(vendor.solve())
    for request in ({"data": given}, {"params": given}, {"json": [given]}, {"content": b"{"}):
        assert httpx.post(f"{vendor.url}/api/verify", **request).json()["code"] == 400
    assert httpx.get(f"{vendor.url}/api/verify", params=given).status_code == 405


def test_its_account_asks_it_unless_told_otherwise(vendor):
    account = vendor.account()
    assert (account["type"], account["vid"], account["key"]) == ("vaptcha-v4", VID, KEY)
    assert (account["verify"], vendor.account(verify="local")["verify"]) == ("remote", "local")


@pytest.mark.parametrize("verify", ["local", "remote"])
@pytest.mark.parametrize(
    ("passes", "expected"), [(True, [(200, "ok"), (403, "replayed")]), (False, [(403, "invalid_token")])]
)
def test_a_gate_and_the_stand_in_understand_each_other(gate, ends, vendor, verify, passes, expected):
    assert ends(gate(vendor, verify=verify), vendor.solve(passes=passes), len(expected)) == expected
    assert len(vendor.received) == (verify == "remote")
