"""Readable tokens mean what they say, through a whole gate; nobody is asked; only policies for tests may have them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from support.world import LOGIN, policy_of

from captcha_gate import Outcome, Policy, Reason
from captcha_gate.outcome import REASONS

DEMANDING = {
    **LOGIN,
    "score": {"min": 0.5},
    "bind": {"action": "login", "hostnames": ["*.example.com"], "cdata": "a session"},
    "max_age": "1m",
}
OPENS = {**LOGIN, "on_unavailable": "allow"}


def faked(*rules: Any, **settings: Any) -> Policy:
    return policy_of(*rules, providers={"robot": {"type": "fake", **settings}}, allow_test_keys=True)


@pytest.fixture
def decided(world):
    """Send a token through a gate: `decided(token, *rules, **settings of the provider)` gives the decision."""

    def send(token: str, *rules: Any, **settings: Any) -> Any:
        gate = world(faked(*rules, **settings))
        gate.post(data={"fake": token})
        assert gate.asked == []
        return gate.decisions[-1]

    return send


def test_pass_passes_with_the_best_score_and_the_time(decided):
    decision = decided("pass")
    assert (decision.verified, decision.score, decision.raw_score) == (True, 1.0, 1.0)
    assert decision.issued_at is not None


@pytest.mark.parametrize(("token", "score"), [("score:0.3", 0.3), ("score:0", 0.0), ("score:1", 1.0), ("score:1.0", 1)])
def test_a_score_passes_with_that_score(decided, token, score):
    decision = decided(token)
    assert (decision.verified, decision.score, decision.raw_score) == (True, score, score)


@pytest.mark.parametrize(("token", "reason"), [("score:0.5", "ok"), ("score:0.49", "low_score")])
def test_a_rule_judges_the_score(decided, token, reason):
    assert decided(token, {**LOGIN, "score": {"min": 0.5}}).reason == reason


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("fail", Outcome.FAILED),
        ("unavailable", Outcome.UNAVAILABLE),
        ("misconfigured", Outcome.MISCONFIGURED),
    ],
)
def test_a_word_alone_means_its_outcomes_first_reason(decided, word, outcome):
    decision = decided(word)
    assert (decision.outcome, decision.reason, decision.allowed) == (outcome, REASONS[outcome][0], False)


@pytest.mark.parametrize("reason", REASONS[Outcome.FAILED])
def test_a_token_fails_for_each_reason_there_is(decided, reason):
    decision = decided(f"fail:{reason}")
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, reason)


@pytest.mark.parametrize("reason", ["timeout", "network", "provider_error", "bad_reply", "overloaded"])
def test_an_unavailable_token_opens_a_rule_that_opens_on_outages_and_no_other(decided, reason):
    decision = decided(f"unavailable:{reason}", OPENS)
    assert (decision.outcome, decision.reason, decision.opened) == (Outcome.UNAVAILABLE, reason, True)
    assert not decided(f"unavailable:{reason}", LOGIN).allowed


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("PASS", "write pass, score:"),
        ("pass:", "write pass, score:"),
        ("score:1.1", "write pass, score:"),
        ("score:-0", "write pass, score:"),
        ("score:", "write pass, score:"),
        ("a solved one", "write pass, score:"),
        ("fail:typo", "fail takes one of invalid_token, malformed_token,"),
        ("fail:low", "fail takes one of invalid_token, malformed_token,"),
        ("fail:", "fail takes one of invalid_token, malformed_token,"),
        ("unavailable:", "unavailable takes one of timeout,"),
        ("unavailable:throttled", "unavailable takes one of timeout,"),
        ("unavailable:store_error", "unavailable takes one of timeout,"),
        ("misconfigured:typo", "misconfigured takes one of bad_credentials,"),
    ],
)
def test_any_other_token_is_invalid_and_told_what_can_be_read(decided, token, told):
    decision = decided(token, OPENS)
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, Reason.INVALID_TOKEN)
    assert decision.provider_reason.startswith(told)


def test_what_no_page_sends_is_malformed(decided):
    assert decided("pass\n").reason is Reason.MALFORMED_TOKEN


def test_what_is_configured_meets_every_demand(decided):
    settings = {"action": "login", "hostname": "www.example.com", "cdata": "a session"}
    decision = decided("pass", DEMANDING, **settings)
    assert (decision.verified, decision.action, decision.hostname) == (True, "login", "www.example.com")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "hostname_mismatch"),
        ({"hostname": "www.example.com"}, "action_mismatch"),
        ({"hostname": "www.example.com", "action": "login"}, "cdata_mismatch"),
    ],
)
def test_what_is_not_configured_is_not_reported(decided, settings, reason):
    assert decided("pass", DEMANDING, **settings).reason == reason


def test_a_token_can_be_used_again_and_again(world):
    gate = world(faked())
    assert [gate.post(data={"fake": "pass"}).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, {"headers": {"X-Captcha-Token": "pass"}}),
        ({}, {"json": {"fake": "pass"}}),
        ({"fields": {"fake": "cf-turnstile-response"}}, {"data": {"cf-turnstile-response": "pass"}}),
    ],
    ids=["header", "json", "renamed"],
)
def test_the_field_stands_where_that_of_a_vendor_would(world, settings, sent):
    assert world(faked(**settings)).post(**sent).status_code == 200


def test_a_gate_that_verifies_anything_says_so_when_it_is_made(world, caplog):
    with caplog.at_level(logging.WARNING, logger="captcha_gate"):
        world(faked())
    assert [record.getMessage() for record in caplog.records] == [
        "providers.robot.type: verifies anything that says so: for tests, never in production"
    ]
