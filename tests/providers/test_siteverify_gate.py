"""The siteverify family behind the gate: what rules demand of it, what clients can do to it, what outages do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from support.siteverify import ACCOUNTS, NOW, REPLIES, SECRET, SITE_KEY, TOKEN, field_of, golden, response, settings
from support.world import KINDS, World, policy_of

from captcha_gate import Policy, PolicyError
from captcha_gate.providers.published_keys import BY_VENDOR, PUBLISHED
from captcha_gate.providers.registry import provider_class

DEEP = list(ACCOUNTS)[:6]
PASSES = {kind: min(file.stem for file in (REPLIES / kind).glob("passed-*.json")) for kind in ACCOUNTS}
REFUSALS = [
    (file.parent.name, file.stem) for file in sorted(REPLIES.glob("*/*.json")) if not file.stem.startswith("passed-")
]
PLACES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "form": lambda name, token: {"data": {name: token}},
    "json": lambda name, token: {"json": {name: token}},
    "multipart": lambda name, token: {"files": {name: (None, token), "other": (None, "x")}},
    "header": lambda name, token: {"headers": {"X-Captcha-Token": token}},
}


def policy(
    kind: str, *, keys: Mapping[str, Any] | None = None, top: Mapping[str, Any] | None = None, **rule: Any
) -> Policy:
    login = {"name": "login", "match": "/login", **rule}
    return policy_of(login, providers={"it": settings(kind, **(keys or {}))}, **(top or {}))


def world_of(adapter: str, made: Policy, vendor: Any) -> World:
    """A gate nine seconds after the challenges of the replies were solved, without randomness."""
    world = World(
        adapter,
        made,
        vendor if callable(vendor) else lambda request: httpx.Response(vendor.status_code, content=vendor.content),
    )
    inner = world.gate._mounted.gate
    inner._clock, inner._token_hex = (lambda: NOW), (lambda size: "5a" * size)
    return world


def submit(world: World, kind: str, token: str = TOKEN, **kwargs: Any) -> httpx.Response:
    return world.post(data={field_of(kind): token}, **kwargs)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_one_token_is_worth_the_same_in_every_place_and_in_both_worlds(kind):
    seen = set()
    for adapter in KINDS:
        for made in PLACES.values():
            world = world_of(adapter, policy(kind), response(kind, PASSES[kind]))
            status = world.post(**made(field_of(kind), TOKEN)).status_code
            [question] = world.asked
            seen.add((status, str(question.url), question.content, repr(world.decisions[-1].as_dict())))
    assert len(seen) == 1, seen
    assert next(iter(seen))[0] == 200


#: What a rule demands, the reply, and what becomes of the token.
DEMANDS = [
    ("turnstile", {"bind": {"action": "login"}}, "passed-managed", "ok"),
    ("turnstile", {"bind": {"action": "signup"}}, "passed-managed", "action_mismatch"),
    ("turnstile", {"bind": {"action": "login"}}, "passed-without-action", "action_mismatch"),
    ("turnstile", {"bind": {"cdata": "session-9f3c"}}, "passed-managed", "ok"),
    ("turnstile", {"bind": {"cdata": "session-0000"}}, "passed-managed", "cdata_mismatch"),
    ("turnstile", {"bind": {"cdata": "session-9f3c"}}, "passed-enterprise", "cdata_mismatch"),
    ("turnstile", {"bind": {"hostnames": ["*.example.com"]}}, "passed-managed", "ok"),
    ("turnstile", {"bind": {"hostnames": ["example.com"]}}, "passed-managed", "hostname_mismatch"),
    ("turnstile", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-test-key", "hostname_mismatch"),
    ("turnstile", {"max_age": "10s"}, "passed-managed", "ok"),
    ("turnstile", {"max_age": "8s"}, "passed-managed", "too_old"),
    ("hcaptcha", {"score": {"min": 0.5}}, "passed-enterprise-safe", "ok"),
    ("hcaptcha", {"score": {"min": 0.9}}, "passed-enterprise-safe", "ok"),
    ("hcaptcha", {"score": {"min": 0.5}}, "passed-enterprise-bot", "low_score"),
    ("hcaptcha", {"score": {"min": 0.1}}, "passed-enterprise-bot", "ok"),
    ("hcaptcha", {"score": {"min": 0.5}}, "passed-publisher", "missing_score"),
    ("hcaptcha", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-publisher", "ok"),
    ("hcaptcha", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-hostname-not-provided", "hostname_mismatch"),
    ("hcaptcha", {"max_age": "1m"}, "passed-publisher", "ok"),
    ("recaptcha-v2", {"max_age": "1m"}, "passed-offset-without-colon", "ok"),
    ("recaptcha-v2", {"max_age": "5s"}, "passed-checkbox", "too_old"),
    ("recaptcha-v2", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-in-an-android-app", "hostname_mismatch"),
    ("recaptcha-v3", {"score": {"min": 0.5}, "bind": {"action": "login"}}, "passed-human", "ok"),
    ("recaptcha-v3", {"score": {"min": 0.5}}, "passed-bot", "low_score"),
    ("recaptcha-v3", {"score": {"min": 0.5}}, "passed-without-score", "missing_score"),
    ("recaptcha-v3", {"score": {"min": 0}}, "passed-without-score", "missing_score"),
    ("recaptcha-v3", {"score": {"min": 0.5}, "bind": {"action": "signup"}}, "passed-human", "action_mismatch"),
    ("recaptcha-v3", {"score": {"min": 0.5}, "max_age": "2m"}, "passed-human", "ok"),
    ("recaptcha-enterprise", {"score": {"min": 0.5}, "bind": {"action": "login"}}, "passed-human", "ok"),
    ("recaptcha-enterprise", {"score": {"min": 0.5}}, "passed-bot", "low_score"),
    ("recaptcha-enterprise", {"score": {"min": 0.01}}, "passed-score-of-zero-left-out", "low_score"),
    ("recaptcha-enterprise", {"score": {"min": 0.5}}, "passed-without-risk-analysis", "missing_score"),
    ("recaptcha-enterprise", {"bind": {"hostnames": ["evil.example"]}}, "passed-human", "hostname_mismatch"),
    ("recaptcha-enterprise", {"max_age": "10s"}, "passed-time-in-nanoseconds", "ok"),
    ("friendly-v2", {"score": {"min": 0.5}}, "passed-risk-3", "ok"),
    ("friendly-v2", {"score": {"min": 0.5}}, "passed-risk-5", "low_score"),
    ("friendly-v2", {"score": {"min": 0.5}}, "passed-without-risk-intelligence", "missing_score"),
    ("friendly-v2", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-without-risk-intelligence", "ok"),
    ("friendly-v2", {"bind": {"hostnames": ["shop.example.com"]}}, "passed-origin-unknown", "hostname_mismatch"),
    ("friendly-v2", {"max_age": "5s"}, "passed-without-risk-intelligence", "too_old"),
    ("siteverify", {"score": {"min": 0.2}, "bind": {"action": "login", "cdata": "s1"}},
     "passed-all-it-describes", "ok"),
    ("siteverify", {"score": {"min": 0.3}}, "passed-all-it-describes", "low_score"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "rule", "reply", "reason"), DEMANDS)
def test_a_rule_gets_what_it_demands(kind, vendor, rule, reply, reason):
    world = world_of(kind, policy(vendor, **rule), response(vendor, reply))
    answer = submit(world, vendor)
    decision = world.decisions[-1]
    assert (answer.status_code, decision.reason.value) == (200 if reason == "ok" else 403, reason)
    assert decision.verified is (reason == "ok")


@pytest.mark.parametrize(
    ("vendor", "rule", "what"),
    [
        ("turnstile", {"score": {"min": 0.5}}, "score"),
        ("recaptcha-v2", {"bind": {"action": "login"}}, "action"),
        ("recaptcha-v2", {"score": {"min": 0.5}}, "score"),
        ("recaptcha-v3", {"bind": {"cdata": "x"}}, "cdata"),
        ("hcaptcha", {"bind": {"action": "login"}}, "action"),
        ("friendly-v2", {"bind": {"action": "login"}}, "action"),
        ("friendly-v1", {"max_age": "1m"}, "time"),
        ("cap", {"bind": {"hostnames": ["example.com"]}}, "hostname"),
        ("yandex", {"max_age": "1m"}, "time"),
    ],
)
def test_a_demand_that_the_vendor_cannot_meet_is_an_error(vendor, rule, what):
    with pytest.raises(PolicyError, match=rf"rules\[0\]\..*: provider it reports no {what} "):
        policy(vendor, **rule)


@pytest.mark.parametrize(
    "described",
    [{"score": {"min": 0.5}}, {"bind": {"action": "a"}}, {"bind": {"hostnames": ["a.example"]}}, {"max_age": "1m"}],
    ids=lambda rule: next(iter(rule)) + str(next(iter(rule.values()))),
)
def test_what_the_policy_does_not_describe_of_a_service_no_rule_can_demand(described):
    policy("siteverify", **described)
    with pytest.raises(PolicyError, match="provider it reports no "):
        policy("siteverify", keys={"reply": {}}, **described)
    # Where the service's own keys are wrong, they are what is told, and a demand that may well be met is not.
    with pytest.raises(PolicyError) as caught:
        policy("siteverify", keys={"encoding": "xml"}, **described)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["providers.it.encoding"]


@pytest.mark.parametrize(("vendor", "reply"), REFUSALS)
def test_no_reply_to_a_token_opens_a_rule_that_opens_on_outages(kind, vendor, reply):
    def answer(request: httpx.Request) -> httpx.Response:
        # The client's token gets the worst reply; a question of our own any answer.
        document = golden(vendor, reply)
        own = TOKEN.encode() not in request.url.query + request.content
        return httpx.Response(403) if own else httpx.Response(document["status"], json=document["reply"])

    world = world_of(kind, policy(vendor, on_unavailable="allow"), answer)
    answered = submit(world, vendor)
    expected = golden(vendor, reply)["verdict"]
    assert world.seen == []
    assert answered.status_code == (403 if expected["outcome"] == "failed" else 503)
    assert world.decisions[-1].outcome.value == expected["outcome"]


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_vendor_that_is_down_for_everybody_opens_such_a_rule_and_no_other(kind, vendor):
    for on_unavailable, status in (("allow", 200), ("reject", 503)):
        world = world_of(kind, policy(vendor, on_unavailable=on_unavailable), httpx.Response(503, content=b"down"))
        assert submit(world, vendor).status_code == status
        assert world.decisions[-1].opened is (status == 200)
        assert not world.decisions[-1].verified


@pytest.mark.parametrize("vendor", DEEP)
def test_a_vendor_that_nobody_can_reach_opens_it_too(kind, vendor):
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("the connection broke", request=request)

    world = world_of(kind, policy(vendor, on_unavailable="allow"), unreachable)
    assert submit(world, vendor).status_code == 200
    assert world.decisions[-1].reason == "network"


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_used_token_is_refused_unasked(kind, vendor):
    world = world_of(kind, policy(vendor), response(vendor, PASSES[vendor]))
    assert [submit(world, vendor).status_code for _ in range(3)] == [200, 403, 403]
    assert (len(world.asked), world.decisions[-1].reason) == (1, "replayed")


@pytest.mark.parametrize("vendor", ACCOUNTS)
@pytest.mark.parametrize("token", ["a b", "<b>", 'a"b', "a\\b", "é", "x" * 20_000], ids=lambda token: repr(token[:3]))
def test_what_no_vendor_issues_is_refused_unasked(kind, vendor, token):
    world = world_of(kind, policy(vendor), response(vendor, PASSES[vendor]))
    assert submit(world, vendor, token).status_code == 403
    assert (world.asked, world.decisions[-1].reason) == ([], "malformed_token")


@pytest.mark.parametrize(("length", "status"), [(2048, 200), (2049, 403)])
def test_turnstile_tokens_have_2048_characters_at_most(kind, length, status):
    world = world_of(kind, policy("turnstile"), response("turnstile", PASSES["turnstile"]))
    assert submit(world, "turnstile", "x" * length).status_code == status
    assert len(world.asked) == (status == 200)


@pytest.mark.parametrize("vendor", ["friendly-v1", "friendly-v2"])
@pytest.mark.parametrize("word", [".UNSTARTED", ".FETCHING", ".SOLVING", ".EXPIRED", ".ERROR", "."])
def test_what_a_widget_writes_instead_of_a_solution_is_refused_unasked(kind, vendor, word):
    world = world_of(kind, policy(vendor, on_unavailable="allow"), httpx.Response(503))
    assert submit(world, vendor, word).status_code == 403
    assert (world.asked, world.decisions[-1].reason) == ([], "malformed_token")


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_key_that_anybody_published_is_refused_by_all_where_the_policy_is_not_one_for_tests(vendor):
    credential = "secret" if vendor == "siteverify" else provider_class(vendor).row.credential
    for key in sorted(PUBLISHED):
        for name in ("site_key", credential):
            with pytest.raises(PolicyError) as caught:
                policy(vendor, keys={name: key})
            [problem] = caught.value.problems
            assert problem.startswith(f"providers.it.{name}: is published for tests")
            assert "allow_test_keys: true" in problem
            assert key not in problem
    warnings = policy(vendor, keys={"site_key": key}, top={"allow_test_keys": True}).warnings
    assert any(warning.startswith("providers.it.site_key: is published for tests") for warning in warnings)


def test_the_published_keys_are_all_listed():
    counted = {kind: len(keys) for kind, keys in BY_VENDOR.items()}
    assert counted == {"turnstile": 8, "hcaptcha": 4, "recaptcha-v2": 2, "captchafox": 2, "private-captcha": 1}


def test_private_captchas_key_for_tests_passes_with_the_code_that_says_so_and_no_other():
    keys = {"site_key": "aaaaaaaabbbbccccddddeeeeeeeeeeee"}
    made = policy("private-captcha", keys=keys, top={"allow_test_keys": True})
    of_tests = response("private-captcha", "failed-success-but-key-for-tests")
    assert submit(world_of("wsgi", made, of_tests), "private-captcha").status_code == 200
    assert (
        submit(world_of("wsgi", made, response("private-captcha", "passed-ok")), "private-captcha").status_code == 403
    )


HERE = {"hostnames": ["example.com"]}


@pytest.mark.parametrize("vendor", ["recaptcha-v3", "recaptcha-enterprise"])
def test_a_rule_that_asks_for_no_score_of_a_vendor_that_only_scores_is_warned_of(vendor):
    [warning] = policy(vendor, bind=HERE).warnings
    assert warning.startswith("rules.login: provider it passes bots, too")
    assert policy(vendor, score={"min": 0.5}, bind=HERE).warnings == ()


@pytest.mark.parametrize("vendor", [kind for kind in ACCOUNTS if not kind.startswith(("recaptcha-v3", "recaptcha-e"))])
def test_nobody_else_is_warned_of(vendor):
    assert [warning for warning in policy(vendor).warnings if "bots" in warning] == []


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_page_learns_the_site_key_and_the_field_and_never_the_secret(kind, vendor):
    made = policy(vendor)
    world = world_of(kind, made, response(vendor, PASSES[vendor]))
    answer = world.post(data={"user": "alice"})
    assert (answer.json()["site_key"], answer.json()["fields"]) == (SITE_KEY, [field_of(vendor)])
    assert made.providers["it"].site_key == SITE_KEY
    assert SECRET not in answer.text + repr(made.providers["it"]) + repr(world.decisions[-1].as_dict())


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_site_key_and_a_secret_are_asked_for(vendor):
    given = settings(vendor)
    needed = {"secret", "api_key", "project_id", "base_url"} if vendor == "siteverify" else set(given)
    needed -= {"api_key"} if vendor == "recaptcha-enterprise" else set()  # which has another way
    for name in needed & set(given):
        with pytest.raises(PolicyError, match=rf"providers\.it\.{name}: is missing"):
            policy_of(providers={"it": {key: value for key, value in given.items() if key != name}})
    with pytest.raises(PolicyError, match=r"providers\.it\.sitekey: unknown key \(did you mean site_key\?\)"):
        policy(vendor, keys={"sitekey": "x"})
    with pytest.raises(PolicyError, match=r"the secret is empty"):
        policy(vendor, keys={next(iter({"api_key", "private_key"} & set(given)), "secret"): " "})


@pytest.mark.parametrize("vendor", ["turnstile", "hcaptcha", "recaptcha-v2", "recaptcha-v3"])
def test_the_address_that_is_told_is_the_one_that_the_policy_trusts(kind, vendor):
    forwarded = {"X-Forwarded-For": "203.0.114.9, 203.0.114.7"}
    proxied = policy(vendor, top={"client_ip": {"trusted_proxies": ["10.0.0.0/8"]}})
    for made, peer, told in (
        (proxied, "10.0.0.1", b"remoteip=203.0.114.7"),
        (proxied, "203.0.114.8", b"remoteip=203.0.114.8"),
        (policy(vendor), "203.0.114.8", b"remoteip=203.0.114.8"),
        (policy(vendor), "10.0.0.1", None),
    ):
        world = world_of(kind, made, response(vendor, PASSES[vendor]))
        assert submit(world, vendor, headers=forwarded, client=(peer, 1)).status_code == 200
        [question] = world.asked
        assert told in question.content if told else b"remoteip" not in question.content


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_a_token_that_the_vendor_repeats_reaches_no_log(kind, vendor):
    document = golden(vendor, PASSES[vendor])["reply"]
    echoed = {**document, "error": TOKEN, "metadata": {"echo": TOKEN}, "score_reason": [TOKEN], "name": TOKEN}
    refused = {
        "success": False,
        "error-codes": [TOKEN],
        "error": {"error_code": TOKEN},
        "status": "failed",
        "message": TOKEN,
    }
    for reply in (echoed, refused):
        world = world_of(kind, policy(vendor), httpx.Response(200, json=reply))
        submit(world, vendor)
        assert TOKEN not in repr(world.decisions[-1].as_dict())


def test_a_rule_with_two_of_the_family_asks_the_one_whose_field_is_there(kind):
    providers = {"cf": settings("turnstile"), "h": settings("hcaptcha"), "v3": settings("recaptcha-v3")}
    rule = {"name": "login", "match": "/login", "providers": ["cf", "h", "v3"]}
    for name, vendor in (("cf", "turnstile"), ("h", "hcaptcha"), ("v3", "recaptcha-v3")):
        world = world_of(kind, policy_of(rule, providers=providers), response(vendor, PASSES[vendor]))
        assert submit(world, vendor).status_code == 200
        assert (world.decisions[-1].provider, len(world.asked)) == (name, 1)


def test_a_question_that_got_lost_is_asked_again_where_the_vendor_knows_it_by_its_key(kind):
    came = iter([httpx.ReadError("the connection broke"), response("turnstile", "passed-managed")])

    def answer(request: httpx.Request) -> httpx.Response:
        step = next(came)
        if isinstance(step, httpx.ReadError):
            raise step
        return step

    world = world_of(kind, policy("turnstile"), answer)
    assert submit(world, "turnstile").status_code == 200
    first, second = world.asked
    assert b"idempotency_key=5a5a5a5a-5a5a-4a5a-9a5a-5a5a5a5a5a5a" in first.content
    assert first.content == second.content


def test_a_token_comes_back_when_an_outage_refused_it(kind):
    came = iter([httpx.Response(503), response("hcaptcha", "passed-publisher")])
    world = world_of(kind, policy("hcaptcha"), lambda request: next(came))
    assert [submit(world, "hcaptcha").status_code for _ in range(3)] == [503, 200, 403]


def test_two_that_share_googles_field_are_warned_of():
    providers = {"v2": settings("recaptcha-v2"), "v3": settings("recaptcha-v3")}
    rule = {"name": "login", "match": "/login", "providers": ["v2", "v3"], "token": {}}
    warnings = policy_of(rule, providers=providers).warnings
    assert any("both read the field g-recaptcha-response" in warning for warning in warnings)
