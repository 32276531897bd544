"""Every documented reply of every vendor of the siteverify family, and what it means. Driven by hand."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from support.siteverify import ACCOUNTS, REPLIES, account, context, golden, token_of

from captcha_gate import Verdict
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Outcome

FILES = sorted(REPLIES.glob("*/*.json"))
DEEP = list(ACCOUNTS)[:6]
#: For each type: a reply that passes, and the places of its yes.
YES = {
    "turnstile": ("passed-managed", ["success"]),
    "hcaptcha": ("passed-publisher", ["success"]),
    "recaptcha-v2": ("passed-checkbox", ["success"]),
    "recaptcha-v3": ("passed-human", ["success"]),
    "recaptcha-enterprise": ("passed-human", ["tokenProperties", "valid"]),
    "friendly-v2": ("passed-risk-1", ["success"]),
    "friendly-v1": ("passed-solution", ["success"]),
    "cap": ("passed-token", ["success"]),
    "mcaptcha": ("passed-valid", ["valid"]),
    "prosopo": ("passed-verified", ["verified"]),
    "yandex": ("passed-ok", ["status"]),
    "captchafox": ("passed-ok", ["success"]),
    "mtcaptcha": ("passed-solved", ["success"]),
    "private-captcha": ("passed-ok", ["code"]),
    "siteverify": ("passed-all-it-describes", ["ok", "passed"]),
}


def judged(kind: str, reply: Any, status: int = 200) -> Verdict:
    """The verdict of a reply; one that the family cannot read is unavailable, as it is in the gate."""
    flow = account(kind).verify(token_of(kind), context())
    next(flow)
    try:
        for _ in range(2):  # the second time for those who ask again
            flow.send(httpx.Response(status, json=reply))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks twice at most")


def with_value(reply: dict[str, Any], place: list[str], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(reply)
    inner = changed
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return changed


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_each_reply_means_what_stands_beside_it(file):
    document = golden(file.parent.name, file.stem)
    verdict = judged(file.parent.name, document["reply"], document["status"])
    expected = document["verdict"]
    told = {name: getattr(verdict, name) for name in expected}
    if told.get("issued_at") is not None:
        told["issued_at"] = told["issued_at"].isoformat()
    if "detail" in told:
        told["detail"] = dict(told["detail"])
    assert told == expected
    assert file.stem.startswith(verdict.outcome.value)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_every_code_that_a_row_knows_has_a_reply_here(kind):
    replies = [golden(kind, file.stem) for file in (REPLIES / kind).iterdir()]
    said = ", ".join(f"{reply['status']} {reply['verdict'].get('provider_reason', '')}" for reply in replies)
    said += ", ".join(str(reply["reply"]) for reply in replies)
    assert [code for code in account(kind).vendor.told.reasons if code.rstrip("*") not in said] == []


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_every_type_has_replies_that_pass_and_that_fail(kind):
    outcomes = {golden(kind, file.stem)["verdict"]["outcome"] for file in (REPLIES / kind).iterdir()}
    assert {"passed", "failed"} <= outcomes


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize(
    "looks",
    ["true", "True", 1, 1.0, "1", [True], {"value": True}, None, "yes", "ok ", "OK", 0.0, "0", False, ""],
    ids=repr,
)
def test_what_only_looks_like_the_yes_is_none(kind, looks):
    name, place = YES[kind]
    document = golden(kind, name)
    assert judged(kind, document["reply"]).outcome is Outcome.PASSED
    reply = with_value(document["reply"], place, looks)
    with suppress(BadReply):
        assert judged(kind, reply).outcome in (Outcome.FAILED, Outcome.MISCONFIGURED)


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 403, 404, 422])
def test_a_yes_with_another_status_than_200_is_none(kind, status):
    document = golden(kind, YES[kind][0])
    with pytest.raises(BadReply):
        judged(kind, document["reply"], status)


@pytest.mark.parametrize("kind", ["turnstile", "recaptcha-v3", "hcaptcha"])
def test_a_yes_with_error_codes_is_still_the_documented_yes(kind):
    document = golden(kind, YES[kind][0])
    assert judged(kind, {**document["reply"], "error-codes": ["a-warning"]}).outcome is Outcome.PASSED


SCORES = {
    "recaptcha-v3": ["score"],
    "recaptcha-enterprise": ["riskAnalysis", "score"],
    "hcaptcha": ["score"],
    "friendly-v2": ["data", "risk_intelligence", "risk_scores", "overall"],
    "prosopo": ["score"],
    "siteverify": ["risk", "points"],
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize(
    "odd", ["0.9", True, False, None, [0.9], -0.1, 1e300, float("nan"), float("inf"), "high"], ids=repr
)
def test_a_score_that_is_no_number_of_its_scale_is_no_score(kind, odd):
    document = golden(kind, YES[kind][0])
    flow = account(kind).verify(token_of(kind), context())
    next(flow)
    reply = with_value(document["reply"], SCORES[kind], odd)
    content = json.dumps(reply).encode()  # NaN and Infinity, as careless servers write them
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(200, content=content))
    assert end.value.value.outcome is Outcome.PASSED
    assert (end.value.value.score, end.value.value.raw_score) == (None, None)


@pytest.mark.parametrize(
    ("kind", "raw", "score"),
    [
        ("recaptcha-v3", 0.9, 0.9),
        ("recaptcha-enterprise", 0.3, 0.3),
        ("recaptcha-enterprise", 0.699999988079071, 0.7),
        ("hcaptcha", 0.9, 0.1),
        ("hcaptcha", 0.7, 0.3),
        ("friendly-v2", 4, 0.25),
        ("prosopo", 0.9, 0.1),
        ("siteverify", 25, 0.75),
    ],
)
def test_every_score_is_told_from_0_for_a_bot_to_1_for_a_human(kind, raw, score):
    document = golden(kind, YES[kind][0])
    verdict = judged(kind, with_value(document["reply"], SCORES[kind], raw))
    assert (verdict.score, verdict.raw_score) == (score, raw)


@pytest.mark.parametrize(
    "told",
    [
        "2025-11-03T09:14:27",
        "2025-11-03",
        "yesterday",
        "",
        1762161267,
        None,
        ["2025-11-03T09:14:27Z"],
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_without_an_offset_or_out_of_reach_is_none(told):
    document = golden("turnstile", "passed-managed")
    assert judged("turnstile", {**document["reply"], "challenge_ts": told}).issued_at is None


@pytest.mark.parametrize(
    ("told", "hostname"),
    [
        ("Shop.Example.COM", "shop.example.com"),
        ("https://shop.example.com:8443/", "shop.example.com"),
        ("http://[::1]:8000", "[::1]"),
        ("my_host.internal", "my_host.internal"),
        ("evil.example\\@shop.example.com", None),
        ("https://user@shop.example.com", None),
        ("shop.example.com/path", None),
        ("javascript:shop.example.com", None),
        ("shop.example.com\n", None),
        (["shop.example.com"], None),
        (7, None),
        ("", None),
    ],
)
def test_a_hostname_is_one_to_every_reader_or_none(told, hostname):
    document = golden("turnstile", "passed-managed")
    assert judged("turnstile", {**document["reply"], "hostname": told}).hostname == hostname


@pytest.mark.parametrize("name", ["action", "cdata"])
@pytest.mark.parametrize("odd", [7, True, None, ["login"], {"name": "login"}], ids=repr)
def test_what_is_told_in_the_wrong_type_is_not_told(name, odd):
    document = golden("turnstile", "passed-managed")
    assert getattr(judged("turnstile", {**document["reply"], name: odd}), name) is None


@pytest.mark.parametrize("codes", [[None], [{}], [["x"]], "", [""], {}, 3.5, None, [True]])
def test_error_codes_in_the_wrong_type_leave_a_plain_refusal(codes):
    verdict = judged("turnstile", {"success": False, "error-codes": codes})
    assert (verdict.outcome, verdict.reason, verdict.provider_reason) == ("failed", "invalid_token", "HTTP 200")


def test_error_codes_cannot_forge_a_log_line():
    verdict = judged("turnstile", {"success": False, "error-codes": ["x\nINFO passed"]})
    assert verdict.provider_reason == "x\ufffdINFO passed"


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("status", [401, 403])
def test_a_vendor_that_refuses_us_by_its_status_alone_is_our_mistake(kind, status):
    # The words of a proxy, or of a document that nobody has seen.
    verdict = judged(kind, {"detail": "no"}, status)
    assert (verdict.outcome, verdict.reason) == ("misconfigured", "bad_credentials")


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("reply", [{}, {"success": None}, {"status": "error"}, {"message": "hello"}])
def test_a_reply_that_says_neither_yes_nor_no_is_none(kind, reply):
    if kind == "yandex" and "status" in reply:
        assert judged(kind, reply).outcome is Outcome.FAILED  # its only other word is "failed", in whatever spelling
        return
    with pytest.raises(BadReply):
        judged(kind, reply)
