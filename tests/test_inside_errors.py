"""Whatever breaks inside the gate, and however: the request is refused, or the server says 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import httpx
import pytest
from support.world import ALTCHA, LOGIN, PASSES, REFUSES, TOKEN, World, answering, policy_of

from captcha_gate.decision import Decision

#: The most generous rule there is: what this one does not let through, none does.
GENEROUS = {**LOGIN, "on_unavailable": "allow", "on_fail": "annotate", "limits": {"failed": "1000/m"}}

ERRORS = {
    "a bug": RuntimeError("boom"),
    "a missing key": KeyError("boom"),
    "an assertion": AssertionError("boom"),
    "too deep a recursion": RecursionError("boom"),
    "no memory": MemoryError("boom"),
    "an end of iteration": StopIteration(),
    "an end of asynchronous iteration": StopAsyncIteration(),
    "an error of the system's": OSError(5, "boom"),
    "a time-out of somebody's": TimeoutError("boom"),
}

passes = answering(PASSES)
refuses = answering(REFUSES)
is_down = answering({}, 503)

#: What breaks, in the order in which a request meets it, and with which vendor it is met.
OUTSIDE_THE_DECISION = {
    "the look at the path": ("captcha_gate.mounting.Mounted.ignores", passes),
    "the view": ("captcha_gate.{kind}._view", passes),
    "finding an endpoint": ("captcha_gate.endpoints.table.Endpoints.find", passes),
    "recording the body": ("captcha_gate.{kind}_body.Recorded{body}.__init__", passes),
    "matching": ("captcha_gate.rules.Policy.match", passes),
    "whether it is plain": ("captcha_gate.request.RequestView.is_plain", passes),
    "what method and path settle": ("captcha_gate.rules.Policy.settled", passes),
    "the path's readings": ("captcha_gate.request.RequestView.readings", passes),
    "the report": ("captcha_gate.report.Reporter.__call__", passes),
}
INSIDE_THE_DECISION = {
    "whether it is a preflight": ("captcha_gate.request.RequestView.is_preflight", passes),
    "finding the token": ("captcha_gate.gate.find_token", passes),
    "reading the body": ("captcha_gate.{kind}_body.Recorded{body}.read{more}", passes),
    "parsing the body": ("captcha_gate.tokens.urlencoded.UrlEncodedExtractor.feed", passes),
    "what a provider may know": ("captcha_gate.gate.Gate.context", passes),
    "whether an earlier pass stands": ("captcha_gate.passes.clearance.Clearances.cleared", passes),
    "whether it is forgiven": ("captcha_gate.gate.forgiven", passes),
    "whether it was opened before": ("captcha_gate.gate.opened_before", passes),
    "the count of failures": ("captcha_gate.gate.may_try", passes),
    "whether the token is well-formed": ("captcha_gate.providers.geetest_v4.GeetestV4.accepts", passes),
    "whether it is local": ("captcha_gate.providers.geetest_v4.GeetestV4.is_local", passes),
    "what is claimed": ("captcha_gate.providers.geetest_v4.GeetestV4.claimed", passes),
    "the store": ("captcha_gate.stores.memory.MemoryStore.perform", passes),
    "asking": ("captcha_gate.vendors.Vendors.ask", passes),
    "the provider's flow": ("captcha_gate.providers.geetest_v4.GeetestV4.verify", passes),
    "the provider's request": ("captcha_gate.providers.geetest_v4.GeetestV4._request", passes),
    "the breaker": ("captcha_gate.vendors.Vendors._breaker", passes),
    "sending": ("captcha_gate.egress.fetch.{Kind}Fetcher.perform", passes),
    "reading the reply": ("captcha_gate.egress.wire.ReplyBody.feed", passes),
    "whether it is an answer": ("captcha_gate.providers.geetest_v4.GeetestV4.answers", passes),
    "the verdict": ("captcha_gate.providers.geetest_v4._verdict", passes),
    "taking out what is echoed": ("captcha_gate.gate.without_token", passes),
    "judging": ("captcha_gate.gate.judge", passes),
    "noting that it did not fail": ("captcha_gate.gate.did_not_fail", passes),
    "whether to annotate": ("captcha_gate.conclusions.annotates", refuses),
    "the proof of an outage": ("captcha_gate.vendors.Vendors.proven_down", is_down),
    "a probe's fields": ("captcha_gate.providers.geetest_v4.GeetestV4.probe_fields", is_down),
    "one probe for all": ("captcha_gate.drive.{Kind}Once.perform", is_down),
}
#: What only some paths meet.
PATHS = {"the path's readings": "/login;v=1"}
PROPERTIES = ("is_plain", "readings", "is_preflight")
SERVER_ERROR = 500


@pytest.fixture
def breaks(kind, monkeypatch) -> Callable[[str, Exception], None]:
    """Let something raise, whichever adapter calls it."""

    def replace(target: str, error: Exception) -> None:
        def boom(*_: Any, **__: Any) -> NoReturn:
            raise error

        names = {"body": "Body", "more": "", "Kind": "Async"}
        if kind == "wsgi":
            names = {"body": "Input", "more": "_more", "Kind": "Sync"}
        path = target.format(kind=kind, **names)
        monkeypatch.setattr(path, property(boom) if path.rpartition(".")[2] in PROPERTIES else boom)

    return replace


def status_of(world: World, error: Exception, path: str = "/login", **request: Any) -> int:
    """The status; 500 where the server is handed the error itself, or what Python makes of it inside a generator."""
    try:
        return world.post(path, **request).status_code
    except (type(error), RuntimeError):
        return SERVER_ERROR


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("stage", OUTSIDE_THE_DECISION)
def test_what_breaks_around_the_decision_is_the_servers_error(world, breaks, stage, error):
    target, vendor = OUTSIDE_THE_DECISION[stage]
    gated = world(policy_of(GENEROUS), vendor)
    breaks(target, ERRORS[error])
    path = PATHS.get(stage, "/login")
    assert status_of(gated, ERRORS[error], path, data=TOKEN if stage != "the report" else {}) == SERVER_ERROR
    assert gated.seen == []


@pytest.mark.parametrize("path", PATHS.values())
def test_without_the_error_these_paths_are_let_through(world, path):
    gated = world(policy_of(GENEROUS), passes)
    assert gated.post(path, data=TOKEN).status_code == 200
    assert len(gated.decisions) == 1


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("stage", INSIDE_THE_DECISION)
def test_what_breaks_inside_the_decision_is_refused_as_our_mistake(world, breaks, stage, error):
    target, vendor = INSIDE_THE_DECISION[stage]
    gated = world(policy_of(GENEROUS), vendor)
    breaks(target, ERRORS[error])
    assert status_of(gated, ERRORS[error], data=TOKEN) == 503
    [decision] = gated.decisions
    assert (decision.outcome, decision.reason, gated.seen) == ("misconfigured", "internal_error", [])
    assert "boom" not in str(decision.as_dict())


@pytest.mark.parametrize("stage", INSIDE_THE_DECISION)
def test_without_the_error_each_of_these_requests_is_let_through(world, stage):
    """So that what refuses them above is the error."""
    _, vendor = INSIDE_THE_DECISION[stage]
    gated = world(policy_of(GENEROUS), vendor)
    assert gated.post(data=TOKEN).status_code == 200
    assert len(gated.seen) == 1


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "stage", ["captcha_gate.replies.refusal.Refusals.reply", "captcha_gate.{kind}.CaptchaGate._send"]
)
def test_a_refusal_that_cannot_be_written_lets_nobody_through(world, breaks, stage, accept, error):
    gated = world(policy_of(GENEROUS))
    breaks(stage, ERRORS[error])
    assert status_of(gated, ERRORS[error], headers={"Accept": accept}) == SERVER_ERROR
    assert gated.seen == []


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "stage", ["captcha_gate.endpoints.table.Endpoints.answer", "captcha_gate.providers.altcha.Altcha.challenge"]
)
def test_a_challenge_that_breaks_is_the_servers_error_and_no_way_to_the_application(world, breaks, stage, error):
    gated = world(policy_of(LOGIN, providers={"pow": ALTCHA}))
    breaks(stage, ERRORS[error])
    with pytest.raises((type(ERRORS[error]), RuntimeError)):
        gated.request("GET", "/captcha-gate/pow/challenge")
    assert gated.seen == []


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(("token", "status"), [(TOKEN, 200), ({}, 403)], ids=["passed", "refused"])
def test_a_hook_that_breaks_changes_no_decision(world, caplog, error, token, status):
    def hook(decision: Decision) -> NoReturn:
        raise ERRORS[error]

    gated = world(policy_of(GENEROUS), on_decision=hook)
    assert gated.post(data=token).status_code == status
    assert len(gated.seen) == (status == 200)
    assert f"on_decision raised {type(ERRORS[error]).__name__}" in caplog.messages
    assert "boom" not in caplog.text


@pytest.mark.parametrize("error", ERRORS)
def test_a_client_of_the_users_that_breaks_lets_nobody_through(world, error):
    def vendor(request: httpx.Request) -> NoReturn:
        raise ERRORS[error]

    gated = world(policy_of(GENEROUS), vendor)
    assert status_of(gated, ERRORS[error], data=TOKEN) == 503
    assert (gated.decisions[0].outcome, gated.seen) == ("misconfigured", [])
