"""The same requests through both adapters: what a user of either would notice. The decision by hand: test_gate."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time

import altcha
import httpx
import pytest
from support.world import ALTCHA, GEETEST, LOGIN, PASSES, REFUSES, TOKEN, World, answering, policy_of

from captcha_gate import Decision, PolicyError, decision_of
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.errors import UnsupportedScope
from captcha_gate.tokens.json_body import JsonExtractor
from captcha_gate.wsgi import CaptchaGate as WsgiGate


def failing(error):
    def vendor(request):
        raise error

    return vendor


TIMES_OUT = failing(httpx.ReadTimeout("too slow"))
COOKIE = "; ".join(f"{name}={value}" for name, value in TOKEN.items())
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

#: What was sent, what the vendor does, what the rule adds -> status, code, whether the application was reached.
OUTCOMES = [
    pytest.param({"data": TOKEN}, answering(PASSES), {}, 200, None, True, id="good token in a form"),
    pytest.param({"json": TOKEN}, answering(PASSES), {}, 200, None, True, id="good token in JSON"),
    pytest.param(
        {"files": {name: (None, value) for name, value in TOKEN.items()}},
        answering(PASSES),
        {},
        200,
        None,
        True,
        id="good token in multipart",
    ),
    pytest.param(
        {"headers": {f"X-Captcha-{name.replace('_', '-')}": value for name, value in TOKEN.items()}},
        answering(PASSES),
        {},
        200,
        None,
        True,
        id="good token in headers",
    ),
    pytest.param({"params": TOKEN}, answering(PASSES), {}, 403, "missing_token", False, id="query must be asked for"),
    pytest.param({"params": TOKEN}, answering(PASSES), {"token": {"from": "query"}}, 200, None, True, id="query"),
    pytest.param(
        {"headers": {"cookie": COOKIE}},
        answering(PASSES),
        {},
        403,
        "missing_token",
        False,
        id="cookies must be asked for",
    ),
    pytest.param(
        {"headers": {"cookie": COOKIE}}, answering(PASSES), {"token": {"from": "cookie"}}, 200, None, True, id="cookies"
    ),
    pytest.param(
        {"json": {"captcha": TOKEN}},
        answering(PASSES),
        {"token": {"fields": {name: f"captcha.{name}" for name in TOKEN}}},
        200,
        None,
        True,
        id="dotted names walk into JSON",
    ),
    pytest.param({}, answering(PASSES), {}, 403, "missing_token", False, id="no token"),
    pytest.param(
        {"data": {**TOKEN, "gen_time": ""}}, answering(PASSES), {}, 403, "missing_token", False, id="empty field"
    ),
    pytest.param({"data": TOKEN}, answering(REFUSES), {}, 403, "invalid_token", False, id="refused token"),
    pytest.param({"data": TOKEN}, answering(REFUSES), {"on_fail": "annotate"}, 200, None, True, id="annotated"),
    pytest.param({"data": TOKEN}, answering(REFUSES), {"mode": "monitor"}, 200, None, True, id="monitored"),
    pytest.param(
        {"data": {**TOKEN, "gen_time": "x"}}, answering(PASSES), {}, 403, "malformed_token", False, id="malformed field"
    ),
    pytest.param({"data": TOKEN}, TIMES_OUT, {}, 503, "timeout", False, id="vendor times out"),
    pytest.param(
        {"data": TOKEN}, TIMES_OUT, {"on_unavailable": "allow"}, 200, None, True, id="vendor answers nobody, opened"
    ),
    pytest.param(
        {"data": TOKEN},
        answering({"status": "error", "code": "-50103", "msg": "not captcha"}),
        {"on_unavailable": "allow", "on_fail": "annotate"},
        503,
        "bad_credentials",
        False,
        id="our own mistake is refused whatever the rule says",
    ),
    pytest.param(
        {"content": b"{", "headers": {"content-type": "application/json"}},
        answering(PASSES),
        {"on_fail": "annotate"},
        400,
        "body_malformed",
        False,
        id="broken JSON",
    ),
    pytest.param(
        {"data": {**TOKEN, "more": "x" * 2000}},
        answering(PASSES),
        {"token": {"max_body": "1KiB"}},
        413,
        "body_too_large",
        False,
        id="too large",
    ),
    pytest.param(
        {"content": b"x", "headers": {"content-type": "application/json", "content-encoding": "gzip"}},
        answering(PASSES),
        {},
        415,
        "content_encoding",
        False,
        id="compressed",
    ),
]


@pytest.mark.parametrize(("sent", "vendor", "rule", "status", "code", "reached"), OUTCOMES)
def test_each_outcome_has_its_status_and_its_code(world, sent, vendor, rule, status, code, reached):
    here = world(policy_of({**LOGIN, **rule}), vendor)

    response = here.post(**sent)

    assert response.status_code == status
    assert bool(here.seen) is reached
    if code is not None:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert (problem["code"], problem["status"]) == (code, status)


def test_a_refusals_page_runs_nothing_and_stands_in_no_frame(world):
    response = world().post(headers={"Accept": "text/html"})
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert (policy["form-action"], policy["base-uri"]) == ("'none'", "'none'")
    assert "script-src" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("size", "elsewhere"), [(60_000, False), (70_000, True)])
def test_a_large_body_is_parsed_outside_the_event_loop(size, elsewhere, monkeypatch):
    threads = []
    real = JsonExtractor.finish

    def finish(self):
        threads.append(threading.current_thread())
        return real(self)

    monkeypatch.setattr(JsonExtractor, "finish", finish)
    here = World("asgi", policy_of(), answering(PASSES))
    assert here.post(json={**TOKEN, "text": "x" * size}).status_code == 200
    assert [thread is not threading.main_thread() for thread in threads] == [elsewhere]


def test_a_refusal_is_never_cached_and_tells_the_page_what_to_send(world):
    response = world().post()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept, Accept-Language"
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    assert problem["retryable"] is True
    assert problem["fields"] == list(TOKEN)
    assert (problem["provider"], problem["site_key"]) == ("cn", GEETEST["captcha_id"])
    assert {"type", "title", "detail"} <= set(problem)


def test_a_refusal_tells_neither_the_vendors_words_nor_the_rules_name(world):
    text = world(policy_of({**LOGIN, "name": "secret-rule"}), answering(REFUSES)).post(data=TOKEN).text
    assert "pass_token error" not in text
    assert "secret-rule" not in text


def test_a_browser_gets_a_page_and_everything_else_problem_details(world):
    here = world()
    page = here.post(headers={"accept": BROWSER})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Solve the CAPTCHA" in page.text
    for accept in ("*/*", "application/json", "application/json, text/plain, */*", "text/html;q=0.1, application/json"):
        assert here.post(headers={"accept": accept}).headers["content-type"] == "application/problem+json"


def test_an_outage_tells_when_to_come_back(world):
    assert int(world(vendor=TIMES_OUT).post(data=TOKEN).headers["retry-after"]) > 0


def test_a_refused_head_has_the_headers_of_a_get_and_no_body(world):
    here = world(policy_of({"name": "closed", "match": "/closed", "action": "deny"}))
    got, head = here.request("GET", "/closed"), here.request("HEAD", "/closed")
    assert head.status_code == got.status_code == 403
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))


class TestDecision:
    """What the application finds."""

    def test_it_stands_there_on_every_request_whatever_the_client_sends(self, world):
        here = world(policy_of({"name": "health", "match": "/healthz", "action": "allow"}, LOGIN))
        forged = {"captcha_gate": "x", "Captcha-Gate": "x", "HTTP_captcha_gate": "x", "X-Captcha-Gate": "x"}
        here.request("GET", "/about", headers=forged)
        here.request("GET", "/healthz", headers=forged)
        assert here.seen[0].decision is None
        assert isinstance(here.seen[1].decision, Decision)
        assert here.seen[1].decision.outcome == "exempt"

    def test_it_cannot_be_changed_by_the_application(self, world):
        here = world()
        here.post(data=TOKEN)
        with pytest.raises(AttributeError):
            here.seen[0].decision.allowed = False
        with pytest.raises(TypeError):
            here.seen[0].decision.detail["x"] = 1

    def test_decision_of_finds_it(self, world):
        here = world()
        here.post(data=TOKEN)
        here.request("GET", "/about")
        assert decision_of(here.seen[0].carrier) is here.seen[0].decision
        assert decision_of(here.seen[1].carrier) is None
        with pytest.raises(LookupError, match="no captcha_gate ran"):
            decision_of({})

    def test_what_the_vendor_echoes_of_the_token_is_not_in_it(self, world):
        echo = {**PASSES, "captcha_args": {**TOKEN, "used_type": "slide", "list": [TOKEN["pass_token"], "kept"]}}
        here = world(vendor=answering({**echo, "reason": f"seen {TOKEN['pass_token']}"}))
        here.post(data=TOKEN)
        seen = here.seen[0].decision
        assert seen.detail == {"captcha_args": {"used_type": "slide", "list": ["kept"]}}
        assert all(value not in json.dumps(seen.as_dict()) for value in TOKEN.values())

    def test_as_dict_is_plain_and_json(self, world):
        here = world()
        here.post(data=TOKEN)
        plain = json.loads(json.dumps(here.seen[0].decision.as_dict()))
        assert (plain["outcome"], plain["reason"], plain["mode"]) == ("passed", "ok", "enforce")


class TestUsedTokens:
    def test_a_token_is_good_once(self, world):
        here = world()
        assert here.post(data=TOKEN).status_code == 200
        again = here.post(data=TOKEN)
        assert (again.status_code, again.json()["code"]) == (403, "replayed")
        assert len(here.asked) == 1

    def test_a_token_that_met_an_outage_can_be_used_when_the_vendor_is_back(self, world):
        here = world(vendor=TIMES_OUT)
        assert here.post(data=TOKEN).status_code == 503
        here.vendor = answering(PASSES)
        assert here.post(data=TOKEN).status_code == 200

    def test_a_token_with_which_a_request_was_opened_is_used(self, world):
        here = world(policy_of({**LOGIN, "on_unavailable": "allow"}), TIMES_OUT)
        assert here.post(data=TOKEN).status_code == 200
        assert here.post(data=TOKEN).json()["code"] == "replayed"

    def test_two_rules_of_one_account_share_what_is_used(self, world):
        here = world(policy_of(LOGIN, {"name": "signup", "match": "/signup"}))
        here.post("/signup", data=TOKEN)
        assert here.post("/login", data=TOKEN).json()["code"] == "replayed"


class TestProofOfWork:
    """The embedded provider, answered by the solver of the `altcha` package."""

    def here(self, world, **settings):
        return world(policy_of(providers={"pow": {**ALTCHA, **settings}}))

    def solved(self, here, **changes):
        response = here.request("GET", "/captcha-gate/pow/challenge")
        assert response.headers["cache-control"] == "no-store"
        challenge = altcha.Challenge.from_dict(response.json())
        solution = altcha.solve_challenge(challenge)
        for name, value in changes.items():
            setattr(challenge.parameters, name, value)
        return altcha.Payload(challenge, solution).to_base64()

    def test_a_solved_challenge_passes_once_and_asks_nobody(self, world):
        here = self.here(world)
        payload = self.solved(here)
        assert here.post(data={"altcha": payload}).status_code == 200
        assert here.post(headers={"X-Captcha-Token": payload}).json()["code"] == "replayed"
        assert here.asked == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"expires_at": 1}, "expired"),
            ({"expires_at": 9_999_999_999}, "invalid_token"),
            ({"expires_at": None}, "malformed_token"),
            ({"nonce": "00" * 16}, "invalid_token"),
            ({"key_prefix": "00"}, "invalid_token"),
            ({"cost": 0}, "invalid_token"),
        ],
    )
    def test_a_challenge_that_we_did_not_sign_like_this_is_refused(self, world, changes, code):
        here = self.here(world)
        assert here.post(data={"altcha": self.solved(here, **changes)}).json()["code"] == code

    def test_the_right_challenge_with_a_wrong_answer_is_refused_and_can_still_be_answered(self, world):
        here = self.here(world)
        challenge = altcha.Challenge.from_dict(here.request("GET", "/captcha-gate/pow/challenge").json())
        right = altcha.solve_challenge(challenge)
        prefix_only = challenge.parameters.key_prefix + "00" * 16
        for wrong in (altcha.Solution(right.counter, "00" * 32), altcha.Solution(right.counter, prefix_only)):
            payload = altcha.Payload(challenge, wrong).to_base64()
            assert here.post(data={"altcha": payload}).json()["code"] == "invalid_token"
        assert here.post(data={"altcha": altcha.Payload(challenge, right).to_base64()}).status_code == 200

    def test_a_challenge_of_another_key_is_refused(self, world):
        theirs = self.here(world, hmac_key="some other key that is long enough")
        assert self.here(world).post(data={"altcha": self.solved(theirs)}).json()["code"] == "invalid_token"

    def test_the_widgets_test_payload_is_refused(self, world):
        import base64

        payload = base64.b64encode(json.dumps({"challenge": None, "solution": None, "test": True}).encode()).decode()
        assert self.here(world).post(data={"altcha": payload}).json()["code"] == "malformed_token"

    def test_a_challenge_is_asked_for_with_get_even_where_everything_is_denied(self, world):
        policy = policy_of(default_action="deny", providers={"pow": {**ALTCHA, "challenge_path": "/altcha"}})
        here = world(policy)
        assert here.request("GET", "/captcha-gate/pow/challenge").status_code == 200
        assert here.request("GET", "/altcha").status_code == 200
        assert here.request("HEAD", "/altcha").content == b""
        refused = here.post("/captcha-gate/pow/challenge")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        for near in ("/captcha-gate/pow/challenge/", "/captcha-gate/nope/challenge", "//captcha-gate/pow/challenge"):
            assert here.request("GET", f"http://testserver{near}").status_code == 403


class TestMountedTwice:
    """A gate inside a gate: harmless, and no way around either."""

    def nested(self, kind, outer, inner, vendor):
        inside = World(kind, inner, vendor)
        outside = World(kind, outer, vendor)
        outside.gate.app = inside.gate
        return outside, inside

    def test_the_inner_gate_takes_over_what_the_outer_one_verified(self, kind):
        outside, inside = self.nested(kind, policy_of(), policy_of(), answering(PASSES))
        assert outside.post(data=TOKEN).status_code == 200
        assert len(outside.asked) == 1
        assert inside.asked == []
        assert inside.seen[0].decision.verified

    def test_an_inner_gate_without_a_rule_leaves_the_outer_decision(self, kind):
        inner = policy_of({"name": "other", "match": "/other"})
        outside, inside = self.nested(kind, policy_of(), inner, answering(PASSES))
        outside.post(data=TOKEN)
        assert inside.seen[0].decision.rule == "login"

    def test_another_account_is_asked_again(self, kind):
        inner = policy_of(providers={"cn": {**GEETEST, "captcha_id": "another"}})
        outside, inside = self.nested(kind, policy_of(), inner, answering(PASSES))
        outside.post(data=TOKEN)
        assert len(inside.asked) == 1

    def test_an_opened_request_is_not_verified_for_the_inner_gate(self, kind):
        outer = policy_of({**LOGIN, "on_unavailable": "allow"})
        outside, inside = self.nested(kind, outer, policy_of(), TIMES_OUT)
        assert outside.post(data=TOKEN).status_code == 503
        assert inside.seen == []

    def test_a_second_request_is_replayed_at_the_outer_gate(self, kind):
        outside, inside = self.nested(kind, policy_of(), policy_of(), answering(PASSES))
        outside.post(data=TOKEN)
        assert outside.post(data=TOKEN).json()["code"] == "replayed"
        assert len(inside.seen) == 1


class TestReports:
    def test_a_refusal_is_one_record_and_a_pass_is_none(self, world, caplog):
        here = world()
        with caplog.at_level(logging.DEBUG, "captcha_gate"):
            here.post(data=TOKEN)
            assert caplog.records == []
            here.post()
        [record] = caplog.records
        assert record.levelname == "INFO"
        assert record.captcha_gate["reason"] == "missing_token"

    def test_an_opened_request_is_a_warning(self, world, caplog):
        here = world(policy_of({**LOGIN, "on_unavailable": "allow"}), TIMES_OUT)
        here.post(data=TOKEN)
        [record] = [item for item in caplog.records if item.name == "captcha_gate"]
        assert record.levelname == "WARNING"
        assert "opened" in record.getMessage()

    def test_our_own_mistake_is_shouted_once(self, world, caplog):
        here = world(vendor=answering({**REFUSES, "reason": "sign_token error"}))
        for number in range(3):
            here.post(data={**TOKEN, "lot_number": f"lot{number}"})
        levels = [item.levelname for item in caplog.records if item.name == "captcha_gate"]
        assert levels == ["CRITICAL", "ERROR", "ERROR"]

    def test_a_hook_that_raises_costs_nobody_their_request(self, world, caplog):
        def hook(decision):
            raise RuntimeError(f"with a token in it: {TOKEN['pass_token']}")

        assert world(on_decision=hook).post(data=TOKEN).status_code == 200
        assert "RuntimeError" in caplog.text
        assert TOKEN["pass_token"] not in caplog.text

    def test_the_hook_sees_every_decision(self, world):
        here = world(policy_of({"name": "health", "match": "/healthz", "action": "allow"}, LOGIN))
        here.request("GET", "/healthz")
        here.post()
        here.post(data=TOKEN)
        assert [decision.outcome for decision in here.decisions] == ["exempt", "missing", "passed"]


class TestSecrets:
    """No secret and no token in a log, a repr, a reply or a traceback, whatever goes wrong."""

    SECRET = "canary-secret-never-to-be-seen"

    @pytest.mark.parametrize(
        "vendor",
        [
            answering(PASSES),
            answering({**REFUSES, "reason": "sign_token error"}),
            answering([TOKEN["captcha_output"]]),
            answering(TOKEN, 500),
            TIMES_OUT,
            failing(httpx.ConnectError("refused")),
            failing(RuntimeError("a bug")),
        ],
        ids=["passes", "our key refused", "a list", "500", "timeout", "refused", "bug"],
    )
    def test_none_of_them_shows(self, world, caplog, vendor):
        caplog.set_level(logging.DEBUG)
        policy = policy_of(providers={"cn": {**GEETEST, "captcha_key": self.SECRET}})
        here = world(policy, vendor)
        response = here.post(data=TOKEN)
        shown = [
            caplog.text,
            repr([record.__dict__ for record in caplog.records]),
            response.text,
            repr(response.headers),
            repr(policy),
            repr(here.decisions),
            repr([decision.as_dict() for decision in here.decisions]),
            repr(here.gate._mounted),
        ]
        for canary in (self.SECRET, *TOKEN.values()):
            assert all(canary not in text for text in shown)


class TestPlacing:
    """Where a gate may and may not be put."""

    def test_an_application_of_the_other_world_is_refused_with_the_right_import(self):
        async def asgi(scope, receive, send): ...

        def wsgi(environ, start_response): ...

        class Callable:
            async def __call__(self, scope, receive, send): ...

        for app in (asgi, Callable()):
            with pytest.raises(TypeError, match=r"captcha_gate\.asgi"):
                WsgiGate(app, policy_of())
        with pytest.raises(TypeError, match=r"captcha_gate\.wsgi"):
            AsgiGate(wsgi, policy_of())

    def test_a_policy_that_does_not_load_stops_the_start(self, tmp_path, kind):
        file = tmp_path / "policy.yaml"
        file.write_text("version: 1\nrules: []\nmodes: enforce\n")
        gate = WsgiGate if kind == "wsgi" else AsgiGate
        with pytest.raises(PolicyError, match=r"policy\.yaml:3:1: modes: unknown key"):
            gate(lambda *anything: None, file)

    def test_several_workers_with_a_memory_of_their_own_stop_the_start(self, kind, monkeypatch):
        monkeypatch.setenv("WEB_CONCURRENCY", "4")
        gate = WsgiGate if kind == "wsgi" else AsgiGate
        with pytest.raises(PolicyError, match="WEB_CONCURRENCY"):
            gate(lambda *anything: None, policy_of(providers={"pow": ALTCHA}))

    def test_a_server_with_several_processes_is_told_before_a_token_is_used_twice(self):
        here = World("wsgi", policy_of(providers={"pow": ALTCHA}), answering(PASSES))
        here.environ["wsgi.multiprocess"] = True
        payload = TestProofOfWork().solved(here)
        assert here.post(data={"altcha": payload}).json()["code"] == "internal_error"
        assert here.seen == []

    def test_below_a_mount_point_rules_match_what_is_below_it(self):
        here = World("wsgi", policy_of(), answering(PASSES))
        here.environ["SCRIPT_NAME"] = "/shop"
        assert here.post("/login").status_code == 403
        assert here.post("/shop/login").status_code == 200

        async def at(path, root_path):
            inside = World("asgi", policy_of(), answering(PASSES))
            transport = httpx.ASGITransport(inside.gate, root_path=root_path)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
                return (await http.post(path)).status_code

        assert asyncio.run(at("/shop/login", "/shop")) == 403
        assert asyncio.run(at("/login", "/shop")) == 403  # a server that leaves the mount point out
        assert asyncio.run(at("/shopping/login", "/shop")) == 200
        assert asyncio.run(at("//shop/login", "/shop")) == 403

    def test_an_unknown_scope_is_refused_and_never_passed_on(self):
        here = World("asgi", policy_of(), answering(PASSES))
        with pytest.raises(UnsupportedScope):
            asyncio.run(here.gate({"type": "quic"}, None, None))
        assert here.seen == []


def test_a_request_that_no_rule_concerns_costs_no_copy_of_the_scope():
    here = World("asgi", policy_of(), answering(PASSES))
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)

    here.gate.app = app
    scope = {"type": "http", "method": "GET", "path": "/about", "headers": [], "query_string": b""}
    asyncio.run(here.gate(scope, None, None))
    assert scopes[0] is scope
    assert scope["captcha_gate"] is None


def test_clocks_are_the_real_ones_where_none_are_given():
    assert abs(World("wsgi", policy_of(), answering(PASSES)).gate._mounted.gate._clock() - time.time()) < 5
