"""VAPTCHA v4 as the sites that use it agree: the signature, the time, the claim, and the server's reply."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from support.live import ManualClock
from support.world import LOGIN, World, policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.vaptcha_v4 import VaptchaV4

VID, KEY = "id_0123456789", "key_0123456789abcdef"
ACCOUNT = {"type": "vaptcha-v4", "vid": VID, "key": KEY}
REMOTE = {"verify": "remote"}
NOW = 1_760_000_000
OPENS = {**LOGIN, "on_unavailable": "allow"}
EVERYWHERE = {**LOGIN, "token": {"from": ["header", "json", "form", "query", "cookie"]}}
_FIRST = "6af8d264742321e382e5c12b6e612453559dd056efc8f78acdaed0900053c2cd"
_SECOND = "049cb600614a09920beea1b1f4ae1909f6aec98373cbbcf8c947a3d6575f511d"
#: When, address, dfu, knock; and the signature under `KEY`.
SIGNED = [
    (1760000000, "203.0.113.7", "dfu123", "knock456", _FIRST),
    (1760000001, "2001:db8::1", "", "knock456", _SECOND),
]
PASSED = (200, "passed", "ok")
REFUSED = (403, "failed", "invalid_token")
MALFORMED = (403, "failed", "malformed_token")
REPLAYED = (403, "failed", "replayed")
EXPIRED = (403, "failed", "expired")
YES = {"code": 0, "msg": "ok", "data": {"code": 0, "note": "passed", "result": True, "vid": VID}}


def fields_of(when: object, ip: str, dfu: str, knock: str, signature: str, token_id: str = "id1") -> dict[str, str]:
    return {
        "vaptcha_token": f"{when}.{token_id}.{signature}",
        "vaptcha_knock": knock,
        "vaptcha_dfu": dfu,
        "vaptcha_ip": ip,
    }


def signed(when: object = NOW, ip: str = "203.0.113.7", dfu: str = "dfu1", knock: str = "knock1", **more: str) -> Any:
    """A token as the vendor signs it."""
    text = f"{when}.{ip}.{dfu}.{knock}"
    key = more.pop("key", KEY)
    return fields_of(when, ip, dfu, knock, hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest(), **more)


TOKEN = fields_of(*SIGNED[0])


def says(status: int, content: bytes | str = b"", **headers: str) -> Any:
    return partial(_reply, status, content, headers)


def _reply(status: int, content: bytes | str, headers: dict[str, str], request: httpx.Request) -> httpx.Response:
    return httpx.Response(status, content=content, headers=headers)


def says_json(document: Any) -> Any:
    return says(200, json.dumps(document))


def raises(error: Exception) -> Any:
    return partial(_raise, error)


def _raise(error: Exception, request: httpx.Request) -> httpx.Response:
    raise error


def nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError("a local check asks nobody")


@pytest.fixture
def site(kind):
    def build(vendor: Any = nobody, rule: Mapping[str, Any] = LOGIN, **keys: Any) -> World:
        made = World(kind, policy_of(rule, providers={"v4": {**ACCOUNT, **keys}}), vendor)
        made.clock = ManualClock()
        made.clock.now = NOW
        made.gate._mounted.gate._clock = made.clock
        return made

    return build


def conclusion(world: World, **kwargs: Any) -> tuple[int, str, str]:
    status = world.post(**kwargs).status_code
    return status, str(world.decisions[-1].outcome), str(world.decisions[-1].reason)


def account(**keys: Any) -> VaptchaV4:
    return VaptchaV4(**{**ACCOUNT, **keys})


def context(now: float = NOW) -> Context:
    return Context(now=now, token_hex=lambda size: "5a" * size)


def locally(fields: Mapping[str, str], now: float = NOW, **keys: Any) -> tuple[str, str]:
    """What a local check makes of fields that its grammar accepts."""
    provider = account(**keys)
    assert provider.is_local(fields)
    if not provider.accepts(fields):
        return "failed", "malformed_token"
    try:
        next(provider.verify(fields, context(now)))
    except StopIteration as end:
        return str(end.value.outcome), str(end.value.reason)
    raise AssertionError("a local check asks nobody")


def remotely(reply: Any, fields: Mapping[str, str] = TOKEN, status: int = 200) -> Verdict:
    flow = account(**REMOTE).verify(fields, context())
    next(flow)
    content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    try:
        flow.send(httpx.Response(status, content=content))
    except StopIteration as end:
        return end.value
    except BadReply:
        return Verdict.unavailable("bad_reply")
    raise AssertionError("it asks once")


# ---- the signature


@pytest.mark.parametrize("vector", SIGNED, ids=["IPv4", "IPv6 and an empty dfu"])
def test_the_signature_is_over_time_address_dfu_and_knock(site, vector):
    world = site()
    assert conclusion(world, data=fields_of(*vector)) == PASSED
    decision = world.seen[0].decision
    assert (decision.verified, decision.score) == (True, None)
    assert decision.issued_at == datetime.fromtimestamp(vector[0], UTC)
    assert world.asked == []


@pytest.mark.parametrize("vector", SIGNED, ids=["IPv4", "IPv6 and an empty dfu"])
def test_a_changed_character_anywhere_but_in_the_id_passes_nobody(vector):
    good = fields_of(*vector)
    assert locally(good) == ("passed", "ok")
    tried = 0
    for name, value in good.items():
        first, last = value.find("."), value.rfind(".")
        for place, character in itertools.product(range(len(value)), "0129afzAF.:-_"):
            if value[place] == character or (name == "vaptcha_token" and first < place < last):
                continue
            changed = {**good, name: value[:place] + character + value[place + 1 :]}
            assert locally(changed)[0] == "failed", (name, changed[name])
            tried += 1
        for longer in (value + "0", "0" + value, value[1:], value[:-1]):
            if longer != value:
                assert locally({**good, name: longer})[0] == "failed", (name, longer)
    assert tried > 1000


@pytest.mark.parametrize("key", ["key_0123456789abcdeg", "another key", VID])
def test_another_accounts_signature_passes_nobody(key):
    assert locally(signed(key=key)) == ("failed", "invalid_token")
    assert locally(signed()) == ("passed", "ok")


@pytest.mark.parametrize(
    "signature", ["0" * 64, "", "0" * 63, "0" * 65, "z" * 64, SIGNED[0][4].upper(), SIGNED[0][4][:32]]
)
def test_a_signature_that_is_none_passes_nobody(site, signature):
    world = site()
    token = fields_of(*SIGNED[0][:4], signature)
    assert conclusion(world, data=token)[:2] == (403, "failed")


SMUGGLED = [
    # The same signed text, cut in other places.
    ("203.0.113.7", "dfu123.knock", "456"),
    ("203.0.113", "7.dfu123", "knock456"),
    ("203.0.113.7.dfu123", "knock456", "x"),
    ("203.0.113.7.dfu123", "", "knock456"),
    ("203.0.113.7", "dfu123.knock456", ""),
    ("203.0.113.7", "", "dfu123.knock456"),
    ("203.0.113.7", "dfu123", ".knock456"),
    ("203.0.113.7.", "dfu123", "knock456"),
    ("203", "0.113.7.dfu123", "knock456"),
]


@pytest.mark.parametrize(("ip", "dfu", "knock"), SMUGGLED)
def test_dots_smuggled_into_a_field_are_refused_even_where_the_signature_holds(site, ip, dfu, knock):
    world = site()
    for token in (signed(ip=ip, dfu=dfu, knock=knock), fields_of(NOW, ip, dfu, knock, SIGNED[0][4])):
        assert conclusion(world, json=token)[:2] in ((403, "failed"), (403, "missing"))
    assert world.seen == []


def test_a_signed_text_has_one_reading_only():
    """However the parts of one signed text are shared out, the provider takes it in one way."""
    for ip, dfu, knock in (("203.0.113.7", "a", "b"), ("2001:db8::1", "", "b"), ("::ffff:203.0.113.7", "a", "b")):
        text = f"{NOW}.{ip}.{dfu}.{knock}"
        signature = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
        parts = text.split(".")
        accepted = []
        for cuts in itertools.combinations(range(1, len(parts)), 3):
            pieces = [parts[start:end] for start, end in zip((0, *cuts), (*cuts, len(parts)), strict=True)]
            when, other_ip, other_dfu, other_knock = (".".join(piece) for piece in pieces)
            if locally(fields_of(when, other_ip, other_dfu, other_knock, signature)) == ("passed", "ok"):
                accepted.append((other_ip, other_dfu, other_knock))
        assert accepted == [(ip, dfu, knock)]


@pytest.mark.parametrize(
    "ip",
    ["", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "0x1.2.3.4", "1.2.3.4/8", "fe80::1%eth0", "::g", ":::",
     "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "[::1]", "localhost", "\u0661.2.3.4", "1::2::3", "::1.2.3", "1.2.3.4:80"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(site, ip):
    world = site()
    assert conclusion(world, json=signed(ip=ip))[:2] in ((403, "failed"), (403, "missing"))
    assert world.seen == []


@pytest.mark.parametrize("ip", ["0.0.0.0", "255.255.255.255", "::", "2001:DB8::A", "::ffff:1.2.3.4"])
def test_an_address_is_one_however_it_is_written_and_need_not_be_the_peers(site, ip):
    """It is what the vendor saw, and it is signed as it stands."""
    assert conclusion(site(), data=signed(ip=ip)) == PASSED


@pytest.mark.parametrize("name", ["vaptcha_token", "vaptcha_knock", "vaptcha_dfu", "vaptcha_ip"])
@pytest.mark.parametrize("value", ["a b", "a\nb", "\n", 'a"b', "a\\b", "<b>", "é", "\x00", "x" * 5000])
def test_what_no_vendor_issues_is_refused_before_anything(site, name, value):
    for keys in ({}, REMOTE):
        world = site(says_json(YES), **keys)
        assert conclusion(world, json={**TOKEN, name: value}) == MALFORMED
        assert world.asked == []


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "header", "cookie"])
def test_an_empty_dfu_is_one_and_a_missing_one_is_none(site, how):
    full = fields_of(*SIGNED[1])
    without = {name: value for name, value in full.items() if name != "vaptcha_dfu"}
    world = site(rule=EVERYWHERE)
    assert conclusion(world, **sent(how, without)) == (403, "missing", "missing_token")
    assert conclusion(world, **sent(how, full)) == PASSED


@pytest.mark.parametrize("name", ["vaptcha_token", "vaptcha_knock", "vaptcha_ip"])
def test_no_other_field_may_be_empty(site, name):
    world = site()
    assert conclusion(world, data={**signed(knock=""), **TOKEN, name: ""}) == (403, "missing", "missing_token")


def sent(how: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields in one of the places where they may stand, as keyword arguments of a request."""
    if how == "multipart":
        return {"files": {name: (None, value) for name, value in fields.items()}}
    if how == "cookie":
        return {"headers": {"Cookie": "; ".join(f"{name}={value}" for name, value in fields.items())}}
    if how == "header":
        return {"headers": {"X-Captcha-" + name.replace("_", "-").title(): value for name, value in fields.items()}}
    return {{"form": "data", "json": "json", "query": "params"}[how]: dict(fields)}


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
def test_fields_count_without_their_prefix_but_never_half_of_them(site, how):
    world = site(rule=EVERYWHERE)
    bare = {name.removeprefix("vaptcha_"): value for name, value in TOKEN.items()}
    half = {**bare, "vaptcha_ip": bare["ip"]}
    del half["ip"]
    assert conclusion(world, **sent(how, half)) == (403, "missing", "missing_token")
    assert conclusion(world, **sent(how, bare)) == PASSED


# ---- the time


@pytest.mark.parametrize("age", [0, 1, 29, 30])
def test_a_fresh_token_passes(site, age):
    assert conclusion(site(), data=signed(NOW - age)) == PASSED


@pytest.mark.parametrize("age", [31, 60, 3600, NOW, -31, -3600, -(10**9)])
def test_a_token_that_is_too_old_or_from_the_future_has_expired(site, age):
    world = site()
    assert conclusion(world, data=signed(NOW - age)) == EXPIRED
    assert world.seen == []


@pytest.mark.parametrize("when", ["9" * 11, "0", "00000000000", "1"])
def test_an_absurd_time_that_is_signed_has_expired(site, when):
    assert conclusion(site(), data=signed(when)) == EXPIRED


@pytest.mark.parametrize(
    "when",
    ["9" * 12, "9" * 400, "-1", "+1760000000", "1760000000.5", "1.76e9", "1_760_000_000", "", " 1760000000", "nan",
     "0x68e8", "\u0661\u0667\u0666\u0660\u0660\u0660\u0660\u0660\u0660\u0660", "1760000000\n"],
)  # fmt: skip
@pytest.mark.parametrize("verify", ["local", "remote"])
def test_a_time_that_is_none_is_refused(site, when, verify):
    world = site(says_json(YES), verify=verify)
    assert conclusion(world, json=signed(when)) == MALFORMED
    assert world.asked == []


def test_another_spelling_of_the_same_time_is_not_what_was_signed():
    when, ip, dfu, knock, signature = SIGNED[0]
    assert locally(fields_of(f"0{when}", ip, dfu, knock, signature)) == ("failed", "invalid_token")


def test_the_policy_says_how_long_a_token_is_good(site):
    world = site(expires="3s")
    assert conclusion(world, data=signed(NOW - 3)) == PASSED
    assert conclusion(world, data=signed(NOW - 4)) == EXPIRED


# ---- the claim


def test_another_id_in_the_token_makes_no_other_token(site):
    world = site()
    assert conclusion(world, data=signed()) == PASSED
    for token_id in ("id1", "id2", "x", "9" * 50):
        assert conclusion(world, data=signed(token_id=token_id)) == REPLAYED
    assert conclusion(world, data=signed(knock="knock2")) == PASSED
    assert len(world.seen) == 2


def test_remotely_another_id_makes_no_other_token_either(site):
    world = site(says_json(YES), **REMOTE)
    assert conclusion(world, data=signed()) == PASSED
    assert conclusion(world, data=signed(token_id="other")) == REPLAYED
    assert len(world.asked) == 1


@pytest.mark.parametrize("forged", [{"vaptcha_knock": "other"}, {"vaptcha_dfu": ""}, {"vaptcha_ip": "203.0.113.8"}])
def test_a_forged_token_claims_nothing(site, forged):
    world = site()
    assert conclusion(world, data={**signed(), **forged}) == REFUSED
    assert conclusion(world, data=signed()) == PASSED


def test_a_token_that_has_expired_claims_nothing(site):
    world = site()
    world.clock.now = NOW + 31
    assert conclusion(world, data=signed()) == EXPIRED
    world.clock.now = NOW
    assert conclusion(world, data=signed()) == PASSED


@pytest.mark.parametrize("age", [-30, 0, 30])
@pytest.mark.parametrize("expires", ["3s", "30s", "10m"])
def test_a_claim_outlasts_the_token(age, expires):
    provider = account(expires=expires)
    claim = provider.claimed(signed(NOW - age), context())
    assert claim.value == signed(NOW - age)["vaptcha_token"].rpartition(".")[2]
    assert claim.ttl > provider.expires - age


def test_remotely_a_claim_outlasts_every_lifetime_that_is_told_of():
    for age in (0, 179):
        assert account(**REMOTE).claimed(signed(NOW - age), context()).ttl > 180 - age


@pytest.mark.parametrize("when", [NOW + 86_400, NOW + 10**9, 99_999_999_999])
def test_a_time_far_in_the_future_that_nobody_has_checked_keeps_no_claim_for_ever(when):
    """Each such claim would stay in the store, which refuses everybody once it is full."""
    assert account(**REMOTE).claimed(signed(when), context()).ttl <= 3600


@pytest.mark.parametrize("keys", [{}, REMOTE])
def test_several_processes_need_one_store(kind, monkeypatch, keys):
    providers = {"v4": {**ACCOUNT, **keys}}
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    with pytest.raises(PolicyError, match=r"v4.*share the store"):
        World(kind, policy_of(providers=providers), nobody)
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    assert World(kind, policy_of(providers=providers), nobody)


@pytest.mark.parametrize("keys", [{}, REMOTE])
def test_a_server_that_tells_of_several_processes_gets_no_pass(keys):
    world = World("wsgi", policy_of(providers={"v4": {**ACCOUNT, **keys}}), says_json(YES))
    world.gate._mounted.gate._clock = lambda: NOW
    world.environ["wsgi.multiprocess"] = True
    assert conclusion(world, data=signed()) == (503, "misconfigured", "internal_error")
    assert world.asked == []
    world.environ["wsgi.multiprocess"] = False
    assert conclusion(world, data=signed()) == PASSED


# ---- the vendor's server


def test_the_server_is_told_the_four_fields_as_they_came_and_the_account(site):
    world = site(says_json(YES), **REMOTE)
    token = fields_of(*SIGNED[1])
    assert conclusion(world, data=token, client=("198.51.100.9", 1)) == PASSED
    [asked] = world.asked
    assert (asked.method, str(asked.url)) == ("POST", "https://v41.vaptcha.com/api/verify")
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.content) == {
        "vid": VID,
        "vkey": KEY,
        "token": token["vaptcha_token"],
        "knock": "knock456",
        "dfu": "",
        "ip": "2001:db8::1",
    }
    assert world.seen[0].decision.issued_at == datetime.fromtimestamp(SIGNED[1][0], UTC)


def data(**changed: Any) -> dict[str, Any]:
    return {**YES, "data": {**YES["data"], **changed}}


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (YES, "passed", "ok"),
        ({"code": 0, "data": {"code": 0, "result": True}}, "passed", "ok"),
        (data(code=1, result=False, note="auth"), "failed", "invalid_token"),
        (data(code=2, result=False, note="expired"), "failed", "expired"),
        (data(code=3, result=False, note="other"), "failed", "invalid_token"),
        (data(code=99, result=False), "failed", "invalid_token"),
        (data(code=0, result=False), "failed", "invalid_token"),
        (data(code=1, result=True), "failed", "invalid_token"),
        (data(code=2, result=True), "failed", "expired"),
        (data(code=-1), "failed", "invalid_token"),
        (data(vid="id_of_somebody_else"), "failed", "invalid_token"),
        (data(vid=None), "failed", "invalid_token"),
        (data(vid=[VID]), "failed", "invalid_token"),
        (data(vid=""), "failed", "invalid_token"),
        ({**YES, "code": 1}, "failed", "invalid_token"),
        ({**YES, "code": -1, "msg": "bad vkey"}, "failed", "invalid_token"),
        ({"code": 1, "msg": "no", "data": None}, "failed", "invalid_token"),
        ({"code": 200, "msg": "ok", "data": YES["data"]}, "failed", "invalid_token"),
    ],
)
def test_each_reply_has_its_verdict(reply, outcome, reason):
    verdict = remotely(reply)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


ODD_CODES = ["0", False, 0.0, None, [0], {"code": 0}, "", True]


@pytest.mark.parametrize("code", ODD_CODES)
def test_only_the_integer_zero_will_do_at_either_level(code):
    for reply in ({**YES, "code": code}, data(code=code)):
        assert remotely(reply) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize("result", [1, "true", "True", [True], {"a": 1}, None, 0, "", 1.0])
def test_only_true_itself_is_a_result(result):
    assert remotely(data(result=result)) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize("inner", [None, True, 1, "ok", [], [YES["data"]], {}, {"code": 0}, {"result": True}])
def test_data_of_another_kind_is_no_reply(inner):
    assert remotely({**YES, "data": inner}) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize("name", ["code", "data"])
def test_a_reply_with_something_left_out_is_none(name):
    assert remotely({key: value for key, value in YES.items() if key != name}) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize(
    "content",
    [b"", b"true", b"0", b"null", b"[]", json.dumps(YES)[:-1].encode(), json.dumps([YES]).encode(), b"\xff<html>",
     b'{"code": 1, "code": 0, "data": {"code": 0, "result": true}}',
     b'{"code": 0, "data": {"code": 0, "result": false, "result": true}}', json.dumps(YES).encode("utf-16")],
)  # fmt: skip
def test_a_reply_that_cannot_be_read_is_none(content):
    assert remotely(content) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize("status", [201, 204, 302, 307, 400, 401, 403, 404, 429, 500, 503])
def test_a_pass_with_another_status_is_none(status):
    assert remotely(YES, status=status).outcome in ("unavailable", "misconfigured")


def test_words_of_another_type_break_nothing():
    for note in (1, ["a"], {"a": 1}, True, None):
        assert remotely({**data(note=note), "msg": note}).outcome == "passed"
        assert remotely({"code": 5, "msg": note}).outcome == "failed"


FAULTS = {
    "refused": (raises(httpx.ConnectError("refused")), "network"),
    "silent": (raises(httpx.ReadTimeout("silent")), "timeout"),
    "HTTP 500": (says(500), "provider_error"),
    "HTML": (says(200, "<html>"), "bad_reply"),
}


@pytest.mark.parametrize("how", FAULTS)
def test_a_server_that_does_not_answer_is_an_outage_and_gives_the_token_back(site, how):
    answer, reason = FAULTS[how]
    world = site(answer, **REMOTE)
    assert conclusion(world, data=signed()) == (503, "unavailable", reason)
    world.vendor = says_json(YES)
    assert conclusion(world, data=signed()) == PASSED


@pytest.mark.parametrize("how", FAULTS)
def test_a_rule_that_opens_does_so_while_a_probe_gets_no_answer_either(site, how):
    answer, reason = FAULTS[how]
    mine = signed()["vaptcha_token"]
    world = site(answer, OPENS, **REMOTE)
    assert conclusion(world, data=signed()) == (200, "unavailable", reason)
    assert mine not in world.asked[-1].content.decode()

    def answers_the_probe(asked: httpx.Request) -> httpx.Response:
        return (answer if mine in asked.content.decode() else says_json(data(code=1, result=False)))(asked)

    world = site(answers_the_probe, OPENS, **REMOTE)
    assert conclusion(world, data=signed()) == (503, "unavailable", reason)


def test_a_local_check_knows_no_outage_and_opens_nothing(site):
    world = site(rule=OPENS)
    for token in (signed(key="other"), signed(NOW - 100), {**signed(), "vaptcha_ip": "x"}):
        assert conclusion(world, data=token)[0] == 403
    assert (world.seen, world.asked) == ([], [])


@pytest.mark.parametrize(
    "keys", [{"verify": "both"}, {"verified": "local"}, {"key": ""}, {"vid": ""}, {"expires": "30"}]
)
def test_settings_of_the_wrong_kind_are_errors(keys):
    with pytest.raises(PolicyError, match=next(iter(keys))):
        policy_of(providers={"v4": {**ACCOUNT, **keys}})


@pytest.mark.parametrize(("key", "demand"), [("score", {"min": 0.5}), ("bind", {"action": "login"})])
def test_a_rule_may_not_demand_what_the_vendor_does_not_tell(key, demand):
    with pytest.raises(PolicyError, match=key):
        policy_of({**LOGIN, key: demand}, providers={"v4": ACCOUNT})


def test_a_rule_may_demand_a_younger_token(site):
    world = site(rule={**LOGIN, "max_age": "10s"})
    assert conclusion(world, data=signed(NOW - 9)) == PASSED
    assert conclusion(world, data=signed(NOW - 11)) == (403, "failed", "too_old")


def test_no_decision_repeats_a_field_or_the_key(site, caplog):
    token = signed(dfu="the-dfu-of-a-client", knock="the-knock-of-a-client")
    world = site(says_json(data(code=1, result=False, note=f"{token['vaptcha_token']} is not good")), **REMOTE)
    conclusion(world, data=token)
    for secret in (*token.values(), KEY):
        assert secret not in str(world.decisions[0].as_dict())
        assert secret not in caplog.text
