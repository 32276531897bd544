"""What loading says of policies with the siteverify family: limits of vendors, fields that get mixed up, twins."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from support.siteverify import ACCOUNTS, SECRET, SITE_KEY, account, context, settings, token_of
from support.world import policy_of

from captcha_gate import Policy, PolicyError
from captcha_gate.cli.main import main
from captcha_gate.providers.asking import client_address
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies


def rule_with(*names: str, **providers: dict[str, Any]) -> Policy:
    rule = {"name": "login", "match": "/login", "providers": list(names)}
    return policy_of(rule, providers=providers)


@pytest.mark.parametrize(
    ("vendor", "bind", "says"),
    [
        ("turnstile", {"action": "a" * 33}, "Turnstile allows 32 letters"),
        ("turnstile", {"action": "log in"}, "Turnstile allows 32 letters"),
        ("turnstile", {"cdata": "a" * 256}, "Turnstile allows 255 letters"),
        ("turnstile", {"cdata": "user@example.com"}, "Turnstile allows 255 letters"),
        ("recaptcha-v3", {"action": "log-in"}, "Google allows letters, digits"),
        ("recaptcha-enterprise", {"action": "log.in"}, "Google allows letters, digits"),
    ],
)
def test_a_label_that_no_token_can_carry_is_an_error(vendor, bind, says):
    with pytest.raises(PolicyError) as caught:
        policy_of({"name": "a", "match": "/a", "bind": bind}, providers={"it": settings(vendor)})
    [problem] = caught.value.problems
    [key] = bind
    assert problem.startswith(f"rules[0].bind.{key}: no token of provider it can say this: {says}")


def test_labels_at_the_limit_are_none():
    bind = {"action": "a" * 32, "cdata": "b" * 255}
    policy_of({"name": "a", "match": "/a", "bind": bind}, providers={"it": settings("turnstile")})
    demands = {"bind": {"action": "login/step_2"}, "score": {"min": 0.5}}
    policy_of({"name": "a", "match": "/a", **demands}, providers={"it": settings("recaptcha-v3")})


def misled(*names: str, **providers: dict[str, Any]) -> list[str]:
    return [warning for warning in rule_with(*names, **providers).warnings if "may also write" in warning]


def test_a_token_that_would_go_to_another_vendor_is_warned_of():
    google, h, cf = settings("recaptcha-v2"), settings("hcaptcha"), settings("turnstile")
    [warning] = misled("g", "h", g=google, h=h)
    assert warning == (
        "rules.login: the widget of provider h may also write the field g-recaptcha-response, which provider g reads "
        "first (name h first, or load its script with recaptchacompat=off)"
    )
    assert misled("h", "g", g=google, h=h) == []
    assert misled("g", "cf", g=google, cf=cf) == []
    compat = {**cf, "script": "https://challenges.cloudflare.com/turnstile/v0/api.js?compat=recaptcha"}
    assert len(misled("g", "cf", g=google, cf=compat)) == 1


def test_services_that_only_their_secrets_tell_apart_are_warned_of():
    plain = {"type": "siteverify", "base_url": "https://captcha.example.com"}
    one, other = {**plain, "secret": "one"}, {**plain, "secret": "other"}
    [warning] = rule_with("a", a=one, b=other).warnings
    assert warning == "providers.b: cannot be told apart from provider a (give each a site_key of its own)"
    assert rule_with("a", a=one, b=one).warnings == ()
    assert rule_with("a", a={**one, "site_key": "1"}, b={**other, "site_key": "2"}).warnings == ()
    assert rule_with("a", a=one, b={**other, "path": "/v2"}).warnings == ()


@pytest.mark.parametrize("kind", ["cap", "mcaptcha"])
def test_one_key_of_two_instances_is_two_accounts(kind):
    other = account(kind, base_url="https://elsewhere.example.com")
    assert account(kind).account_id != other.account_id


def test_one_key_at_two_addresses_of_one_vendor_is_one_account():
    here, there = account("recaptcha-v2"), account("recaptcha-v2", base_url="https://www.recaptcha.net")
    assert here.account_id == there.account_id


@pytest.mark.parametrize(
    "parameters",
    [{"response": "secret"}, {"site_key": "response"}, {"response": "x", "client_ip": "x"}],
    ids=str,
)
def test_two_parameters_of_one_name_are_an_error(parameters):
    with pytest.raises(PolicyError, match=r"providers\.it\.parameters: two parameters have one name"):
        policy_of(providers={"it": settings("siteverify", parameters=parameters)})


def test_a_code_in_two_lists_is_an_error_and_the_policys_word_goes_before_ours():
    with pytest.raises(PolicyError, match=r"providers\.it\.codes: a code stands in two lists"):
        policy_of(providers={"it": settings("siteverify", codes={"expired": "late", "invalid": ["bad", "late"]})})
    codes = account("siteverify", codes={"replayed": "timeout-or-duplicate"}).codes
    assert codes.reasons()["timeout-or-duplicate"] == "replayed"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.114.7", "203.0.114.7"),
        ("2001:4860::7", "2001:4860::7"),
        ("224.0.1.1", None),
        ("ff0e::1", None),
        ("2001:4860::7%eth0", None),
        ("10.0.0.1", None),
    ],
)
def test_an_address_is_told_only_where_it_can_be_a_clients(address, told):
    assert client_address(context(client_ip=ip_address(address))) == told


def test_enterprise_is_known_by_a_key_or_by_a_bearer_token():
    given = settings("recaptcha-enterprise")
    del given["api_key"]
    [provider] = policy_of(
        {"name": "a", "match": "/a", "score": {"min": 0.5}}, providers={"it": {**given, "access_token": SECRET}}
    ).providers.values()
    request = next(provider.verify(token_of("recaptcha-enterprise"), context()))
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "x-goog-api-key" not in request.headers
    assert provider.secrets == (SECRET,)
    assert SECRET not in repr(provider) + str(request.url)
    for wrong in (given, {**given, "api_key": "a", "access_token": "b"}):
        with pytest.raises(PolicyError, match=r"providers\.it: expected one of api_key and access_token"):
            policy_of(providers={"it": wrong})


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_the_probe_is_one_that_the_page_could_have_sent(kind):
    provider = account(kind)
    assert provider.accepts(provider.probe_fields(context()))


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [(404, "Token not found", 0), (403, "Invalid site key or secret", 1)],
)
def test_verify_tells_a_wrong_secret_of_a_cap_instance(tmp_path, capsys, status, error, code):
    with LoopbackServer(replies(status, f'{{"error":"{error}"}}'.encode(), "Content-Type: application/json")) as cap:
        file = tmp_path / "policy.yaml"
        file.write_text(
            "version: 1\nproviders:\n"
            f"  cap: {{type: cap, base_url: '{cap.url}', site_key: '{SITE_KEY}', secret: s}}\n"
            "rules:\n  - {name: a, match: /a}\n"
        )
        assert main(["verify", str(file), "cap"]) == code
        [asked] = cap.received
    key, one, two = httpx.Response(200, content=asked.body).json()["response"].split(":")
    assert (key, len(one), len(two)) == (SITE_KEY, 64, 64)
    assert ("misconfigured" in capsys.readouterr().out) is bool(code)
