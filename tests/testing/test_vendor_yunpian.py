"""The stand-in of Yunpian answers as the documents say, to the letter, and passes each token once."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from captcha_gate.testing.vendors import Yunpian
from captcha_gate.testing.vendors.yunpian import CAPTCHA_ID, SECRET_ID, SECRET_KEY

#: The inputs of signatures that were computed apart from this code.
KNOWN_KEY = "e3da918313c14ea8b25db31f01263f80"
KNOWN = {
    "captchaId": "0123456789abcdef0123456789abcdef",
    "token": "1" * 32,
    "authenticate": "2" * 32,
    "secretId": "3" * 32,
    "version": "1.0",
    "timestamp": "1541064141441",
    "nonce": "1",
}


@pytest.fixture
def vendor():
    with Yunpian() as server:
        yield server


@pytest.fixture
def known():
    with Yunpian(KNOWN["captchaId"], KNOWN["secretId"], KNOWN_KEY) as server:
        yield server


def signed(fields: dict[str, str], key: str = SECRET_KEY, **changed: str) -> dict[str, str]:
    form = {**KNOWN, "captchaId": CAPTCHA_ID, "secretId": SECRET_ID, **fields, **changed}
    text = "".join(name + form[name] for name in sorted(form)) + key
    return {**form, "signature": hashlib.md5(text.encode()).hexdigest()}


def ask(vendor: Yunpian, form: dict[str, str], **request) -> dict:
    response = httpx.post(f"{vendor.url}/v1/api/authenticate", **(request or {"data": form}))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    return response.json()


def refused(msg: str) -> dict:
    return {"code": 400, "cb": None, "msg": msg, "data": None}


def test_a_solved_token_passes_once_with_the_recorded_reply(vendor):
    token = vendor.solve()
    assert ask(vendor, signed(token)) == {"code": 0, "cb": None, "msg": "ok", "data": None}
    assert ask(vendor, signed(token)) == refused("validate_fail")


def test_a_solved_token_looks_like_one_of_yunpians(vendor):
    token = vendor.solve()
    assert {name: len(value) for name, value in token.items()} == {"token": 32, "authenticate": 32}


def test_a_token_of_somebody_who_failed_never_passes(vendor):
    token = vendor.solve(passes=False)
    assert [ask(vendor, signed(token))["msg"] for _ in range(2)] == ["validate_fail"] * 2


def test_a_token_that_nobody_issued_is_refused(vendor):
    assert ask(vendor, signed({})) == refused("validate_fail")


def test_a_failed_try_uses_no_token_up(vendor):
    token = vendor.solve()
    assert ask(vendor, signed({**token, "authenticate": "2" * 32})) == refused("validate_fail")
    assert ask(vendor, signed(token, "another key")) == refused("signature_invalid")
    assert ask(vendor, signed(token))["code"] == 0


@pytest.mark.parametrize(
    ("changed", "signature"),
    [
        ({}, "0f252f0e21980aa05ab2e0cabcd6fb87"),
        ({"user": "alice"}, "a422e4ceb88293826ea4543e2af74a1f"),
        ({"user": "用户 a&b=1"}, "69bea4f13ca5e2d52167f0342ffbb462"),
        ({"user": ""}, "7e60bbe09bc9b5b4b2b86ee96d1349c1"),
    ],
)
def test_a_known_signature_is_right_and_any_other_is_not(known, changed, signature):
    form = {**KNOWN, **changed}
    assert ask(known, {**form, "signature": signature}) == refused("validate_fail")
    for wrong in (signature.upper(), signature[:-1] + "x", "59db908f26fb997c30b32ddb911485c2"):
        assert ask(known, {**form, "signature": wrong}) == refused("signature_invalid")


def test_a_parameter_that_was_not_signed_is_seen(known):
    form = {**KNOWN, "signature": "0f252f0e21980aa05ab2e0cabcd6fb87"}
    assert ask(known, {**form, "user": "mallory"}) == refused("signature_invalid")


@pytest.mark.parametrize("name", [*KNOWN, "signature"])
def test_each_parameter_is_required_and_once(vendor, name):
    form = signed(vendor.solve())
    assert ask(vendor, {key: value for key, value in form.items() if key != name}) == refused("param_invalid")
    assert ask(vendor, {**form, name: [form[name]] * 2}) == refused("param_invalid")
    assert ask(vendor, {**form, name: ""}) == refused("param_invalid")


def test_a_parameter_that_is_not_required_is_given_once_too(vendor):
    form = signed(vendor.solve(), user="alice")
    assert ask(vendor, {**form, "user": ["alice", "mallory"]}) == refused("param_invalid")
    assert ask(vendor, form)["code"] == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "v1"},
        {"version": "1"},
        {"timestamp": "1541064141"},
        {"timestamp": "1541064141.441"},
        {"timestamp": "15410641414410"},
        {"timestamp": "\uff11" * 13},
        {"nonce": "0"},
        {"nonce": "100000"},
        {"nonce": "01"},
        {"nonce": "-1"},
        {"nonce": "abc"},
    ],
    ids=str,
)
def test_a_parameter_in_another_form_is_refused(vendor, changed):
    assert ask(vendor, signed(vendor.solve(), **changed)) == refused("param_invalid")


@pytest.mark.parametrize("nonce", ["1", "99999"])
def test_the_ends_of_the_range_of_a_nonce_are_in_it(vendor, nonce):
    assert ask(vendor, signed(vendor.solve(), nonce=nonce))["code"] == 0


def test_an_unknown_product_is_told_apart_from_an_unknown_secret(vendor):
    assert ask(vendor, signed(vendor.solve(), captchaId="f" * 32)) == refused("captcha_id_invalid")
    assert ask(vendor, signed(vendor.solve(), secretId="f" * 32)) == refused("signature_invalid")


def test_a_body_that_is_no_form_has_no_parameters(vendor):
    form = signed(vendor.solve())
    assert ask(vendor, {}, json=form) == refused("param_invalid")
    assert ask(vendor, {}, params=form) == refused("param_invalid")
    assert httpx.get(f"{vendor.url}/v1/api/authenticate", params=form).status_code == 405


JOURNEYS = {
    "passes": ({}, True, [(200, "ok")]),
    "refused": ({}, False, [(403, "invalid_token")]),
    "replayed": ({}, True, [(200, "ok"), (403, "replayed")]),
    "wrong key": ({"secret_key": "another key"}, True, [(503, "bad_credentials")]),
    "wrong secret id": ({"secret_id": "f" * 32}, True, [(503, "bad_credentials")]),
    "wrong id": ({"captcha_id": "f" * 32}, True, [(503, "bad_credentials")]),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_gate_and_the_stand_in_understand_each_other(gate, ends, vendor, journey):
    keys, passes, expected = JOURNEYS[journey]
    assert ends(gate(vendor, **keys), vendor.solve(passes=passes), len(expected)) == expected
    assert len(vendor.received) == 1
