"""The stand-in of GeeTest v4 answers as the documents say, to the letter, and passes each token once."""

from __future__ import annotations

import hashlib
import hmac

import httpx
import pytest

from captcha_gate.testing.vendors import GeetestV4
from captcha_gate.testing.vendors.geetest_v4 import CAPTCHA_ID, CAPTCHA_KEY

LOT = "4dc3cfc2cdff448cad8d13107198d473"
SIGNATURE = "c99f3aa68104bdcd085f372dc6556a17a5a830a1a3d25125fb0010466977f3d8"
FORGED = {"lot_number": LOT, "captcha_output": "o", "pass_token": "p", "gen_time": "1653302332"}


@pytest.fixture
def vendor():
    with GeetestV4() as server:
        yield server


def signed(fields: dict[str, str], key: str = CAPTCHA_KEY) -> dict[str, str]:
    return {**fields, "sign_token": hmac.new(key.encode(), fields["lot_number"].encode(), hashlib.sha256).hexdigest()}


def ask(vendor: GeetestV4, form: dict[str, str], captcha_id: str | None = CAPTCHA_ID, **request) -> dict:
    params = {} if captcha_id is None else {"captcha_id": captcha_id}
    response = httpx.post(f"{vendor.url}/validate", params=params, **(request or {"data": form}))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    return response.json()


def told(reply: dict) -> str:
    return reply.get("code") or reply["reason"] or reply["result"]


def test_a_solved_token_passes_once_with_the_documented_reply(vendor):
    token = vendor.solve()
    assert ask(vendor, signed(token)) == {
        "status": "success",
        "result": "success",
        "reason": "",
        "captcha_args": {
            "used_type": "slide",
            "user_ip": "127.0.0.1",
            "lot_number": token["lot_number"],
            "scene": "反爬虫",
            "referer": "",
        },
    }
    again = ask(vendor, signed(token))
    assert (again["status"], again["result"], again["reason"]) == ("success", "fail", "pass_token expire")


def test_a_solved_token_looks_like_one_of_geetests(vendor):
    token = vendor.solve()
    assert list(token) == ["lot_number", "captcha_output", "pass_token", "gen_time"]
    assert [len(token[name]) for name in ("lot_number", "pass_token", "gen_time")] == [32, 64, 10]
    assert vendor.solve() != token


def test_a_token_of_somebody_who_failed_never_passes(vendor):
    token = vendor.solve(passes=False)
    assert [told(ask(vendor, signed(token))) for _ in range(2)] == ["pass_token error"] * 2


def test_a_token_that_nobody_issued_is_refused(vendor):
    assert told(ask(vendor, signed(FORGED))) == "pass_token error"


@pytest.mark.parametrize("name", ["captcha_output", "pass_token", "gen_time"])
def test_what_belongs_to_another_token_is_refused_and_uses_nothing_up(vendor, name):
    token, other = vendor.solve(), vendor.solve()
    other["gen_time"] = "1"
    assert told(ask(vendor, signed({**token, name: other[name]}))) == f"{name} error"
    assert told(ask(vendor, signed(token))) == "success"


def test_the_signature_is_checked_against_the_documents_vector(vendor):
    assert told(ask(vendor, {**FORGED, "sign_token": SIGNATURE})) == "pass_token error"
    assert told(ask(vendor, {**FORGED, "sign_token": SIGNATURE.upper()})) == "sign_token error"
    swapped = hmac.new(LOT.encode(), CAPTCHA_KEY.encode(), hashlib.sha256).hexdigest()
    assert swapped.startswith("d5b372bb")
    assert told(ask(vendor, {**FORGED, "sign_token": swapped})) == "sign_token error"


def test_a_signature_with_another_key_is_refused_and_uses_nothing_up(vendor):
    token = vendor.solve()
    assert told(ask(vendor, signed(token, "another key"))) == "sign_token error"
    assert told(ask(vendor, token)) == "sign_token error"
    assert told(ask(vendor, signed(token))) == "success"


@pytest.mark.parametrize(
    ("captcha_id", "code"), [(None, "-50101"), ("", "-50101"), ("f" * 32, "-50103"), (CAPTCHA_ID.upper(), "-50103")]
)
def test_a_wrong_id_is_the_documented_error(vendor, captcha_id, code):
    reply = ask(vendor, signed(vendor.solve()), captcha_id)
    assert (reply["status"], reply["code"], reply["desc"]) == ("error", code, {"type": "defined error"})
    assert "result" not in reply


def test_the_id_may_stand_in_the_body(vendor):
    assert told(ask(vendor, {**signed(vendor.solve()), "captcha_id": CAPTCHA_ID}, None)) == "success"


@pytest.mark.parametrize("gen_time", ["", "x", "1653302332x", "-1", "1.5", " 1", "\u0661"])
def test_a_gen_time_that_is_not_digits_is_the_documented_error(vendor, gen_time):
    reply = ask(vendor, {**signed(vendor.solve()), "gen_time": gen_time})
    assert reply == {"status": "error", "code": "-50005", "msg": "illegal gen_time", "desc": {"type": "defined error"}}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("lot_number", "-50302"),
        ("captcha_output", "captcha_output error"),
        ("pass_token", "pass_token error"),
        ("gen_time", "-50005"),
        ("sign_token", "sign_token error"),
    ],
)
def test_each_parameter_is_required(vendor, name, answer):
    form = signed(vendor.solve())
    del form[name]
    assert told(ask(vendor, form)) == answer


def test_a_parameter_given_twice_is_none(vendor):
    form = signed(vendor.solve())
    assert told(ask(vendor, {**form, "gen_time": [form["gen_time"]] * 2})) == "-50005"


def test_a_body_that_is_no_form_is_read_as_empty(vendor):
    form = signed(vendor.solve())
    assert told(ask(vendor, {}, json=form)) == "-50005"
    assert told(ask(vendor, {}, files={name: (None, value) for name, value in form.items()})) == "-50005"


def test_fields_in_the_query_are_not_read(vendor):
    response = httpx.post(f"{vendor.url}/validate", params={"captcha_id": CAPTCHA_ID, **signed(vendor.solve())})
    assert response.json()["code"] == "-50005"
    assert httpx.get(f"{vendor.url}/validate").status_code == 405


def test_tokens_that_tests_invent_pass_once_where_that_is_asked_for():
    with GeetestV4(issued_only=False) as vendor:
        assert [told(ask(vendor, signed(FORGED))) for _ in range(2)] == ["success", "pass_token expire"]
        assert told(ask(vendor, signed({**FORGED, "lot_number": "1", "pass_token": ""}))) == "pass_token error"
        assert told(ask(vendor, signed(vendor.solve(passes=False)))) == "pass_token error"


def test_another_account_can_be_given():
    with GeetestV4("an-id", "k") as vendor:
        account = vendor.account()
        assert (account["type"], account["captcha_id"], account["captcha_key"]) == ("geetest-v4", "an-id", "k")
        known = {"sign_token": "342e519ce0ad6c03a36b98eeb3f1d130db4813b9df4d1160eda488d712dc78ee"}
        assert told(ask(vendor, {**FORGED, "lot_number": "abc", **known}, "an-id")) == "pass_token error"


JOURNEYS = {
    "passes": ({}, True, [(200, "ok")]),
    "refused": ({}, False, [(403, "invalid_token")]),
    "replayed": ({}, True, [(200, "ok"), (403, "replayed")]),
    "wrong key": ({"captcha_key": "another key"}, True, [(503, "bad_credentials")]),
    "wrong id": ({"captcha_id": "f" * 32}, True, [(503, "bad_credentials")]),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_gate_and_the_stand_in_understand_each_other(gate, ends, vendor, journey):
    keys, passes, expected = JOURNEYS[journey]
    assert ends(gate(vendor, **keys), vendor.solve(passes=passes), len(expected)) == expected
    assert len(vendor.received) == 1
