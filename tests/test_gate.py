"""The decision by hand: `next`, `send`, `throw`, with no server, no client and no loop. Its twin: test_adapters."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from support.world import ALTCHA, GEETEST, LOGIN, PASSES, REFUSES, TOKEN, policy_of

from captcha_gate import Outcome, Reason
from captcha_gate.effects import Claim, Fetch, Get, Increment, Once, ReadChunk, Release
from captcha_gate.errors import ClientGone, FetchError, StoreError, UnreadableRequest
from captcha_gate.gate import Gate
from captcha_gate.request import RequestView

FORM = "application/x-www-form-urlencoded"
OPENS = {**LOGIN, "on_unavailable": "allow"}


class Headers:
    def __init__(self, **headers):
        self._pairs = {name.replace("_", "-"): value for name, value in headers.items()}

    def get_all(self, name):
        return [self._pairs[name]] if name in self._pairs else []

    get_like = get_all


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def post(path="/login", **headers):
    return RequestView(kind="http", method="POST", path=path, headers=Headers(content_type=FORM, **headers))


def a_gate(*rules, clock=None, **top):
    clock = clock or Clock()
    return Gate(policy_of(*rules, **top), clock=clock, monotonic=clock, token_hex=lambda n: "ab" * n)


def to_the_claim(flow, fields=TOKEN):
    """Drive a flow up to its claim, and return the claim."""
    assert isinstance(next(flow), ReadChunk)
    assert isinstance(flow.send(urlencode(fields).encode()), ReadChunk)
    claim = flow.send(b"")
    assert isinstance(claim, Claim)
    return claim


def to_the_fetch(flow):
    """Drive a flow up to its question to the vendor."""
    to_the_claim(flow)
    fetch = flow.send(True)
    assert isinstance(fetch, Fetch)
    return fetch


def conclude(flow, reply):
    """Send the last reply; the decision."""
    with pytest.raises(StopIteration) as end:
        flow.send(reply)
    return end.value.value


def fail(flow, error):
    """Throw the last error; the decision."""
    with pytest.raises(StopIteration) as end:
        flow.throw(error)
    return end.value.value


def at_once(flow):
    """The decision of a flow that needs nothing from outside."""
    with pytest.raises(StopIteration) as end:
        next(flow)
    return end.value.value


def test_a_request_that_no_rule_matches_needs_nothing_and_has_no_decision():
    assert at_once(a_gate().decide(post("/about"))) is None


def test_a_good_token_is_read_claimed_verified_and_passed_in_this_order():
    flow = a_gate().decide(post())
    fetch = to_the_fetch(flow)
    assert fetch.request.method == "POST"
    assert fetch.request.url == f"https://gcaptcha4.geetest.com/validate?captcha_id={GEETEST['captcha_id']}"
    assert dict(parse_qsl(fetch.request.content.decode()))["lot_number"] == TOKEN["lot_number"]

    decision = conclude(flow, httpx.Response(200, json=PASSES))

    assert (decision.outcome, decision.reason) == (Outcome.PASSED, Reason.OK)
    assert decision.allowed
    assert decision.verified
    assert decision.detail == {"captcha_args": {"used_type": "slide"}}


def test_the_claim_is_a_digest_that_holds_no_part_of_the_token():
    claim = to_the_claim(a_gate().decide(post()))
    assert all(value not in claim.key for value in TOKEN.values())


def test_the_claim_depends_on_the_account():
    other = {"cn": {**GEETEST, "captcha_id": "another"}}
    assert to_the_claim(a_gate().decide(post())).key != to_the_claim(a_gate(providers=other).decide(post())).key


def test_a_token_that_is_claimed_already_is_refused_and_no_vendor_is_asked():
    flow = a_gate().decide(post())
    to_the_claim(flow)
    asked = flow.send(False)
    assert isinstance(asked, Get)  # whether its request was redirected
    decision = conclude(flow, None)
    assert (decision.outcome, decision.reason, decision.allowed) == ("failed", "replayed", False)


def test_a_refused_token_stays_claimed():
    flow = a_gate().decide(post())
    to_the_fetch(flow)
    decision = conclude(flow, httpx.Response(200, json=REFUSES))
    assert (decision.outcome, decision.reason, decision.provider_reason) == (
        "failed",
        "invalid_token",
        "pass_token error",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gen_time", "x"),
        ("gen_time", "1653302332\n"),
        ("lot_number", "a b"),
        ("lot_number", "x" * 10_000),
        ("captcha_output", '"><script>'),
        ("pass_token", "h\u00e9"),
    ],
    ids=["time that is no number", "newline", "space", "absurd length", "markup", "not ASCII"],
)
def test_a_field_that_the_vendor_never_issues_is_refused_without_claim_or_call(field, value):
    flow = a_gate().decide(post())
    next(flow)
    flow.send(urlencode({**TOKEN, field: value}).encode())
    decision = conclude(flow, b"")
    assert (decision.outcome, decision.reason) == ("failed", "malformed_token")


def test_an_outage_releases_the_claim_so_that_the_token_can_be_tried_again():
    flow = a_gate().decide(post())
    claim = to_the_claim(flow)
    flow.send(True)
    release = flow.throw(FetchError(Reason.TIMEOUT, "ReadTimeout"))
    assert release == Release(claim.key)
    decision = conclude(flow, None)
    assert (decision.outcome, decision.reason, decision.allowed) == ("unavailable", "timeout", False)


def test_where_nothing_was_sent_the_vendor_is_asked_once_more_and_no_third_time():
    flow = a_gate().decide(post())
    first = to_the_fetch(flow)
    refused = FetchError(Reason.NETWORK, "ConnectError", nothing_sent=True)
    again = flow.throw(refused)
    assert isinstance(again, Fetch)
    assert again.request is first.request
    assert isinstance(flow.throw(refused), Release)


def test_what_may_have_arrived_is_never_sent_again():
    flow = a_gate().decide(post())
    to_the_fetch(flow)
    assert isinstance(flow.throw(FetchError(Reason.NETWORK, "ReadError")), Release)


def test_the_retry_has_only_what_is_left_of_the_timeout():
    clock = Clock()
    flow = a_gate(clock=clock).decide(post())
    assert to_the_fetch(flow).timeout == pytest.approx(3.0)
    clock.now += 2.5
    assert flow.throw(FetchError(Reason.NETWORK, "ConnectError", nothing_sent=True)).timeout == pytest.approx(0.5)


class TestOpening:
    """What may let a request through that nobody could verify."""

    def probe(self, gate, error):
        """Drive a request into an outage up to the probe; the flow, the claim, and the probe's own flow."""
        flow = gate.decide(post())
        claim = to_the_claim(flow)
        flow.send(True)
        once = flow.throw(error)
        assert isinstance(once, Once)
        return flow, claim, once.flow()

    def test_a_vendor_that_answers_nobody_opens_the_rule_and_the_claim_is_kept(self):
        down = FetchError(Reason.TIMEOUT, "ReadTimeout")
        flow, _, probe = self.probe(a_gate(OPENS), down)
        asked = next(probe)
        assert isinstance(asked, Fetch)
        assert asked.timeout == pytest.approx(1.0)
        assert fail(probe, down) is True

        decision = conclude(flow, True)

        assert (decision.outcome, decision.allowed, decision.verified) == ("unavailable", True, False)
        assert decision.opened

    def test_the_probe_asks_with_fields_that_no_client_chose(self):
        _, _, probe = self.probe(a_gate(OPENS), FetchError(Reason.TIMEOUT, "ReadTimeout"))
        sent = dict(parse_qsl(next(probe).request.content.decode()))
        assert not set(sent.values()) & set(TOKEN.values())
        assert sent["gen_time"].isdigit()

    @pytest.mark.parametrize(
        "response",
        [
            httpx.Response(200, json=REFUSES),
            httpx.Response(200, json={**REFUSES, "reason": "sign_token error"}),
            httpx.Response(200, json={"status": "error", "code": "-50000", "msg": "runtime error"}),
            httpx.Response(200, json=True),
            httpx.Response(429),
            httpx.Response(404),
            httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        ],
        ids=["refusal", "our key refused", "runtime error", "JSON of another shape", "429", "404", "redirect"],
    )
    def test_any_answer_to_the_probe_keeps_the_rule_shut_and_releases_the_claim(self, response):
        flow, claim, probe = self.probe(a_gate(OPENS), FetchError(Reason.TIMEOUT, "ReadTimeout"))
        next(probe)
        assert conclude(probe, response) is False
        assert flow.send(False) == Release(claim.key)
        assert not conclude(flow, None).allowed

    @pytest.mark.parametrize(
        "response", [httpx.Response(503), httpx.Response(200, text="<html>maintenance"), httpx.Response(200)]
    )
    def test_a_reply_that_is_no_answer_proves_the_outage(self, response):
        _, _, probe = self.probe(a_gate(OPENS), FetchError(Reason.TIMEOUT, "ReadTimeout"))
        next(probe)
        assert conclude(probe, response) is True

    def test_our_own_full_pool_and_an_untrusted_certificate_prove_nothing(self):
        local = FetchError(Reason.OVERLOADED, "all connections are busy", proves_outage=False)
        _, _, probe = self.probe(a_gate(OPENS), local)
        next(probe)
        assert fail(probe, local) is False

    def test_an_answer_to_somebody_elses_token_shuts_the_rule_for_five_seconds(self):
        clock = Clock()
        gate = a_gate(OPENS, clock=clock)
        other = gate.decide(post())
        to_the_fetch(other)
        conclude(other, httpx.Response(200, json=REFUSES))
        clock.now += 4.9

        flow = gate.decide(post())
        to_the_fetch(flow)

        assert isinstance(flow.throw(FetchError(Reason.TIMEOUT, "ReadTimeout")), Release)

        clock.now += 0.2
        later = gate.decide(post())
        to_the_fetch(later)
        assert isinstance(later.throw(FetchError(Reason.TIMEOUT, "ReadTimeout")), Once)

    def test_a_rate_bounds_how_many_are_let_through(self):
        down = FetchError(Reason.TIMEOUT, "ReadTimeout")
        flow, claim, _ = self.probe(a_gate({**LOGIN, "on_unavailable": {"allow": "2/m"}}), down)
        counted = flow.send(True)
        assert counted == Increment("opened:login", 60.0)
        assert flow.send(3) == Release(claim.key)

        flow, _, _ = self.probe(a_gate({**LOGIN, "on_unavailable": {"allow": "2/m"}}), down)
        flow.send(True)
        assert conclude(flow, 2).opened

    def test_a_bad_token_and_a_wrong_key_of_ours_ask_for_no_probe(self):
        for reply in (REFUSES, {**REFUSES, "reason": "sign_token error"}):
            flow = a_gate(OPENS).decide(post())
            to_the_fetch(flow)
            assert not conclude(flow, httpx.Response(200, json=reply)).allowed

    def test_a_broken_store_never_opens(self):
        flow = a_gate(OPENS).decide(post())
        to_the_claim(flow)
        decision = fail(flow, StoreError("down"))
        assert (decision.outcome, decision.reason, decision.allowed) == ("unavailable", "store_error", False)


def test_a_bug_anywhere_is_a_refusal_that_quotes_nothing(monkeypatch):
    gate = a_gate()
    monkeypatch.setattr("captcha_gate.providers.geetest_v4._verdict", lambda response: {}[TOKEN["pass_token"]])
    flow = gate.decide(post())
    to_the_fetch(flow)
    decision = conclude(flow, httpx.Response(200, json=PASSES))
    assert (decision.outcome, decision.reason, decision.allowed) == ("misconfigured", "internal_error", False)
    assert "KeyError" in decision.provider_reason
    assert TOKEN["pass_token"] not in str(decision.as_dict())


def test_a_client_that_hangs_up_gets_no_decision_at_all():
    flow = a_gate().decide(post())
    next(flow)
    with pytest.raises(ClientGone):
        flow.throw(ClientGone())


def test_a_body_that_cannot_be_read_is_unreadable_whatever_on_fail_says():
    flow = a_gate({**LOGIN, "on_fail": "annotate"}).decide(post())
    next(flow)
    decision = fail(flow, UnreadableRequest(Reason.BODY_TOO_SLOW))
    assert (decision.outcome, decision.allowed, decision.forwarded) == ("unreadable", False, False)


def test_annotate_forwards_a_bad_token_but_no_missing_one():
    rule = {**LOGIN, "on_fail": "annotate"}
    flow = a_gate(rule).decide(post())
    to_the_fetch(flow)
    failed = conclude(flow, httpx.Response(200, json=REFUSES))
    assert (failed.allowed, failed.verified, failed.outcome) == (True, False, "failed")

    flow = a_gate(rule).decide(post())
    next(flow)
    assert not conclude(flow, b"").allowed


def test_monitor_decides_everything_and_forwards_it():
    flow = a_gate({**LOGIN, "mode": "monitor"}).decide(post())
    next(flow)
    decision = conclude(flow, b"")
    assert (decision.outcome, decision.allowed, decision.forwarded, decision.mode) == (
        "missing",
        False,
        True,
        "monitor",
    )


def test_disabled_still_matches_and_forwards():
    decision = at_once(a_gate({**LOGIN, "mode": "disabled"}).decide(post()))
    assert (decision.outcome, decision.reason, decision.allowed) == ("exempt", "disabled", True)


def test_a_preflight_is_exempt_but_not_where_options_is_written_out_or_the_rule_denies():
    asks = {"origin": "https://a.example", "access_control_request_method": "POST"}
    view = RequestView(kind="http", method="OPTIONS", path="/login", headers=Headers(**asks))
    any_method = {**LOGIN, "match": {"path": "/login", "methods": "any"}}
    assert at_once(a_gate(any_method).decide(view)).reason == "preflight"
    written = {**LOGIN, "match": {"path": "/login", "methods": ["OPTIONS"]}}
    assert at_once(a_gate(written).decide(view)).reason == "missing_token"
    denied = {"name": "closed", "match": "/login", "action": "deny"}
    assert at_once(a_gate(denied).decide(view)).outcome == "denied"


def test_the_default_action_denies_what_no_rule_matches():
    decision = at_once(a_gate(default_action="deny").decide(post("/about")))
    assert (decision.outcome, decision.reason, decision.rule) == ("denied", "default", None)


class TestLocalProof:
    """A provider that asks nobody: its token is taken as used only once its signature held."""

    def test_a_forged_proof_claims_nothing(self):
        flow = a_gate(providers={"pow": ALTCHA}).decide(post(x_captcha_token="Zm9yZ2Vk"))
        decision = at_once(flow)
        assert (decision.outcome, decision.reason) == ("failed", "malformed_token")

    def test_a_memory_of_one_process_is_refused_where_the_server_runs_several(self):
        view = post(x_captcha_token="Zm9yZ2Vk")
        view.many_processes = True
        decision = at_once(a_gate(providers={"pow": ALTCHA}).decide(view))
        assert (decision.outcome, decision.reason) == ("misconfigured", "internal_error")


def test_a_faked_preflight_with_a_body_is_none_where_no_header_would_announce_it():
    asks = {"origin": "https://a.example", "access_control_request_method": "POST"}
    rule = {**LOGIN, "match": {"path": "/login", "methods": "any"}}
    for body, reason in ((b"x", "missing_token"), (b"", "preflight")):
        view = RequestView(
            kind="http", method="OPTIONS", path="/login", headers=Headers(**asks), body_is_announced=False
        )
        flow = a_gate(rule).decide(view)
        assert isinstance(next(flow), ReadChunk)
        assert conclude(flow, body).reason == reason


@pytest.mark.parametrize(
    "reason",
    [
        f"bad captcha_output: {TOKEN['captcha_output']}",
        f"bad captcha_output: {TOKEN['captcha_output'][:20]}\u2026",
        f"seen {TOKEN['lot_number'].upper()}",
    ],
    ids=["whole", "cut off", "in capitals"],
)
def test_what_the_vendor_echoes_of_a_token_shows_nowhere_however_it_is_written(reason):
    flow = a_gate().decide(post())
    to_the_fetch(flow)
    reply = {**REFUSES, "reason": reason, "captcha_args": {TOKEN["pass_token"]: 1, "kept": "word"}}
    decision = conclude(flow, httpx.Response(200, json=reply))
    assert decision.provider_reason == ""
    assert decision.detail == {"captcha_args": {"kept": "word"}}


def test_a_vendors_words_are_cut_to_a_line():
    flow = a_gate().decide(post())
    to_the_fetch(flow)
    decision = conclude(flow, httpx.Response(200, json={**REFUSES, "reason": "word " * 1000}))
    assert 0 < len(decision.provider_reason) <= 200
