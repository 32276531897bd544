"""GeeTest v4 by its documents: the request that is sent, and every reply there is. Driven by hand, without a server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from captcha_gate import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.geetest_v4 import GeetestV4
from captcha_gate.testing.vendors.geetest_v4 import CAPTCHA_ID, CAPTCHA_KEY

FIELDS = {
    "lot_number": "4dc3cfc2cdff448cad8d13107198d473",
    "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
    "pass_token": "f3ea6fae5a1ed5bdb1c4b0be9e0fb3b35d3a5f5a8a4b0ab2e4b7c9e1d5f60718",
    "gen_time": "1653302332",
}
ARGS = {"used_type": "slide", "user_ip": "127.0.0.1", "scene": "反爬虫", "referer": "http://127.0.0.1:8077/"}
CONTEXT = Context(now=1653302333.0, token_hex=lambda size: "ab" * size)


def account(**keys: Any) -> GeetestV4:
    return GeetestV4(type="geetest-v4", captcha_id=CAPTCHA_ID, captcha_key=keys.pop("captcha_key", CAPTCHA_KEY), **keys)


def asked(provider: GeetestV4, fields: dict[str, str] = FIELDS) -> httpx.Request:
    flow = provider.verify(fields, CONTEXT)
    request = next(flow)
    flow.close()
    return request


def verdict_of(reply: Any, status: int = 200) -> Verdict:
    content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    flow = account().verify(FIELDS, CONTEXT)
    next(flow)
    try:
        flow.send(httpx.Response(status, content=content))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks once")


def test_the_request_is_a_form_with_the_id_in_the_query_and_nothing_else():
    request = asked(account())
    assert (request.method, str(request.url)) == (
        "POST",
        f"https://gcaptcha4.geetest.com/validate?captcha_id={CAPTCHA_ID}",
    )
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {name: value for name, [value] in parse_qs(request.content.decode(), strict_parsing=True).items()}
    assert form.pop("sign_token") == "c99f3aa68104bdcd085f372dc6556a17a5a830a1a3d25125fb0010466977f3d8"
    assert form == FIELDS


@pytest.mark.parametrize(
    ("key", "lot_number", "signature"),
    [
        (CAPTCHA_KEY, FIELDS["lot_number"], "c99f3aa68104bdcd085f372dc6556a17a5a830a1a3d25125fb0010466977f3d8"),
        (
            CAPTCHA_KEY,
            "c4c69a52999045aea1d34b57f1ef29f2",
            "142733d93745d0fa2538afe1b91f35b06e8011941c052dba337ffe0cd0e024b1",
        ),
        ("k", "abc", "342e519ce0ad6c03a36b98eeb3f1d130db4813b9df4d1160eda488d712dc78ee"),
    ],
)
def test_the_signature_is_that_of_the_documents(key, lot_number, signature):
    request = asked(account(captcha_key=key), {**FIELDS, "lot_number": lot_number})
    assert parse_qs(request.content.decode())["sign_token"] == [signature]


def test_another_host_can_be_asked():
    request = asked(account(base_url="https://gcaptcha4.geevisit.com/"))
    assert str(request.url) == f"https://gcaptcha4.geevisit.com/validate?captcha_id={CAPTCHA_ID}"


def test_values_of_the_client_stay_values():
    fields = {**FIELDS, "captcha_output": "a&sign_token=b=c%26d+e"}
    form = parse_qs(asked(account(), fields).content.decode())
    assert form["captcha_output"] == ["a&sign_token=b=c%26d+e"]
    assert len(form["sign_token"]) == 1


@pytest.mark.parametrize(
    "reply",
    [
        {"status": "success", "result": "success", "reason": "", "captcha_args": ARGS},
        {"result": "success", "reason": "", "captcha_args": ARGS},
        {"status": "success", "result": "success"},
    ],
    ids=["documented", "without status", "the least"],
)
def test_a_pass(reply):
    verdict = verdict_of(reply)
    assert (verdict.outcome, verdict.reason, verdict.score) == ("passed", "ok", None)
    assert verdict.detail == ({"captcha_args": ARGS} if "captcha_args" in reply else {})


@pytest.mark.parametrize(
    ("reason", "outcome", "ours"),
    [
        ("pass_token expire", "failed", "expired"),
        ("pass_token error", "failed", "invalid_token"),
        ("lot_number error", "failed", "invalid_token"),
        ("captcha_output error", "failed", "invalid_token"),
        ("gen_time error", "failed", "invalid_token"),
        ("something new", "failed", "invalid_token"),
        ("", "failed", "invalid_token"),
        (None, "failed", "invalid_token"),
        (["sign_token error"], "failed", "invalid_token"),
        ("sign_token error", "misconfigured", "bad_credentials"),
        ("captcha_id error", "misconfigured", "bad_credentials"),
    ],
)
def test_a_refusal(reason, outcome, ours):
    verdict = verdict_of({"status": "success", "result": "fail", "reason": reason, "captcha_args": ARGS})
    assert (verdict.outcome, verdict.reason) == (outcome, ours)
    if isinstance(reason, str):
        assert verdict.provider_reason == reason


def test_a_refusal_without_its_reason_is_one():
    assert verdict_of({"status": "success", "result": "fail"}).reason == "invalid_token"


CODES = {
    **dict.fromkeys((50101, 50102, 50103, 50104, 50105), ("misconfigured", "bad_credentials")),
    **dict.fromkeys((50001, 50002, 50004, 50005), ("failed", "invalid_token")),
    **dict.fromkeys((50301, 50302, 50303, 50304, 50306, 50307, 59999), ("failed", "invalid_token")),
    **dict.fromkeys((50003, 50308), ("failed", "replayed")),
    50305: ("failed", "expired"),
    50000: ("unavailable", "provider_error"),
}


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("minus", ["-", ""], ids=["minus", "plain"])
@pytest.mark.parametrize("number", CODES)
def test_an_error_code_means_the_same_with_and_without_minus_and_whatever_the_status(number, minus, status):
    for code in (f"{minus}{number}", int(f"{minus}{number}")):
        reply = {"status": "error", "code": code, "msg": "told", "desc": {"type": "defined error"}}
        verdict = verdict_of(reply, status)
        assert (verdict.outcome, verdict.reason) == CODES[number]
        assert verdict.provider_reason == f"{number} told"


@pytest.mark.parametrize(
    "code", ["", "x", "--50000", "-", None, [], {}, True, "\uff15\uff10\uff10\uff10\uff10", "9" * 5000]
)
def test_an_error_with_any_other_code_is_a_refusal(code):
    assert verdict_of({"status": "error", "code": code}).reason == "invalid_token"


def test_an_error_is_no_pass_whatever_stands_beside_it():
    reply = {"status": "error", "result": "success", "code": "-50005"}
    assert verdict_of(reply).outcome == "failed"
    assert verdict_of({"status": "error", "result": "success"}).outcome == "failed"


@pytest.mark.parametrize("status", ["Success", "SUCCESS", "ok", "", None, True, 1, ["success"], {"success": 1}])
def test_a_status_of_any_other_kind_is_no_answer_to_rely_on(status):
    with pytest.raises(BadReply):
        verdict_of({"status": status, "result": "success"})


@pytest.mark.parametrize("result", ["Success", "succes", "", None, True, 1, 1.0, ["success"], {"success": True}])
def test_a_result_of_any_other_kind_is_no_pass(result):
    with pytest.raises(BadReply):
        verdict_of({"status": "success", "result": result})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"success",
        b"<html>success</html>",
        b'{"status": "success", "result": "success"',
        b'{"status": "success", "result": "success"} trailing',
        b'"success"',
        b"true",
        b"null",
        b"[]",
        b'[{"status": "success", "result": "success"}]',
        b'callback({"result": "success"})',
        b'{"result": "fail", "result": "success"}',
        '{"result": "success"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"result": "success"}',
        b'{"result": "success", "x": "\xff"}',
        b"[" * 60_000,
    ],
)
def test_what_is_no_json_object_is_no_answer_to_rely_on(content):
    with pytest.raises(BadReply):
        verdict_of(content)


PASS = {"status": "success", "result": "success"}


@pytest.mark.parametrize(
    ("status", "reply", "outcome", "reason"),
    [
        *((status, PASS, "unavailable", "provider_error") for status in (500, 502, 503, 504, 599, 408)),
        (429, PASS, "unavailable", "throttled"),
        *((status, PASS, "unavailable", "bad_reply") for status in (300, 301, 302, 303, 304, 307, 308)),
        *((status, b"<h1>no</h1>", "misconfigured", "bad_credentials") for status in (400, 401, 403, 404, 405, 451)),
    ],
)
def test_a_status_that_is_not_200_is_never_a_pass(status, reply, outcome, reason):
    verdict = verdict_of(reply, status)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize("status", [201, 202, 204, 400, 404])
def test_a_pass_under_another_status_is_no_answer_to_rely_on(status):
    with pytest.raises(BadReply):
        verdict_of(PASS, status)


def test_words_of_the_vendor_cannot_forge_a_log_line():
    verdict = verdict_of({"status": "success", "result": "fail", "reason": "a\nCRITICAL \x1b[31m" + "x" * 5000})
    assert verdict.provider_reason.isprintable()


@pytest.mark.parametrize("gen_time", ["", "x", "1653302332x", "-1", "1.5", " 1", "1\n", "١٦٥٣", "9" * 21])
def test_a_gen_time_that_is_not_digits_is_refused_before_any_call(gen_time):
    [field] = [field for field in GeetestV4.client_fields if field.name == "gen_time"]
    assert not field.accepts(gen_time)


def test_its_own_probe_fields_are_accepted():
    probe = account().probe_fields(CONTEXT)
    assert all(field.accepts(probe[field.name]) for field in GeetestV4.client_fields)


def test_what_is_claimed_is_the_lot_number_for_longer_than_geetest_keeps_it():
    claimed = account().claimed(FIELDS, CONTEXT)
    assert claimed.value == FIELDS["lot_number"]
    assert claimed.ttl > 600


def test_the_key_is_in_no_repr_and_not_in_the_account():
    provider = account()
    assert CAPTCHA_KEY not in repr(provider) + str(provider) + provider.account() + provider.account_id
