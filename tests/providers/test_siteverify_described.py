"""`type: siteverify` and the rows beside it: what a policy may say, what the schema and the registry know of it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.siteverify import ACCOUNTS, account, context, settings, token_of
from support.world import World, answering, policy_of

from captcha_gate import PolicyError, Verdict, load_policy
from captcha_gate.policy.schema import json_schema
from captcha_gate.providers.base import Reports
from captcha_gate.providers.registry import known_types, provider_class
from captcha_gate.providers.siteverify import Asked, Vendor, listed
from captcha_gate.providers.siteverify_reply import Told
from captcha_gate.tokens.fields import ClientField

PLAIN = {"type": "siteverify", "base_url": "https://captcha.example.com", "secret": "a-secret"}


def verdict_of(said: object, status: int = 200, **keys: object) -> Verdict:
    provider = provider_class("siteverify")(**{**PLAIN, **keys})
    flow = provider.verify({"captcha-response": "a-token"}, context())
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(httpx.Response(status, json=said))
    return end.value.value


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        ({"success": True}, "passed", "ok"),
        ({"success": True, "score": 0.1, "hostname": "a.example", "action": "x"}, "passed", "ok"),
        ({"success": False}, "failed", "invalid_token"),
        ({"success": False, "error-codes": ["timeout-or-duplicate"]}, "failed", "expired"),
        ({"success": False, "error-codes": ["invalid-input-secret"]}, "misconfigured", "bad_credentials"),
        ({"success": False, "error-codes": ["internal-error"]}, "failed", "invalid_token"),
    ],
)
def test_three_keys_describe_what_speaks_googles_protocol(reply, outcome, reason):
    verdict = verdict_of(reply)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert (verdict.score, verdict.hostname, verdict.action) == (None, None, None)


def test_codes_are_sorted_by_the_policys_word():
    codes = {"codes": {"unavailable": ["internal-error"], "misconfigured": "no-such-site"}}
    assert verdict_of({"success": False, "error-codes": ["internal-error"]}, **codes).outcome == "unavailable"
    assert verdict_of({"success": False, "error-codes": ["no-such-site"]}, **codes).outcome == "misconfigured"
    assert verdict_of({"success": False, "error-codes": ["invalid-input-secret"]}, **codes).outcome == "failed"


def test_the_field_is_renamed_as_every_providers_is(kind):
    made = policy_of(providers={"own": {**PLAIN, "fields": {"captcha-response": "my-token"}}})
    world = World(kind, made, answering({"success": True}))
    assert world.post(data={"captcha-response": "x"}).status_code == 403
    assert world.post(data={"my-token": "x"}).status_code == 200
    assert world.post().json()["fields"] == ["my-token"]


@pytest.mark.parametrize(
    ("reply", "reports"),
    [
        ({}, set()),
        ({"score": {}}, {"score"}),
        ({"action": "a", "time": "t"}, {"action", "time"}),
        ({"hostname": "h", "cdata": "c"}, {"hostname", "cdata"}),
    ],
)
def test_it_reports_what_its_keys_name(reply, reports):
    assert provider_class("siteverify")(**{**PLAIN, "reply": reply}).reported() == {Reports(name) for name in reports}


def test_numbers_of_a_scale_are_read_as_yaml_hands_them_over():
    keys = {"reply": {"score": {"at": "s", "bot": "-1", "human": "+1.0"}}}
    assert verdict_of({"success": True, "s": 0.5}, **keys).score == 0.75
    assert verdict_of({"success": True, "s": -1}, **keys).score == 0.0


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_the_registry_and_the_schema_know_every_type(kind):
    assert kind in known_types()
    found = provider_class(kind)
    schema = json_schema()["$defs"][found.__name__]
    assert schema["properties"]["type"]["const"] == kind
    assert set(settings(kind)) <= set(schema["properties"])
    needed = {"type", "base_url"} if kind in ("cap", "mcaptcha", "siteverify") else {"type"}
    own = {"project_id"} if kind == "recaptcha-enterprise" else set()
    keys = {"secret"} if kind == "siteverify" else {"site_key", found.row.credential}
    keys -= {"api_key"} if kind == "recaptcha-enterprise" else set()
    assert set(schema["required"]) == needed | own | keys


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_a_script_is_the_vendors_until_the_policy_has_another(kind):
    script = account(kind).script
    assert (script is None) is (kind == "siteverify")
    assert script is None or script.startswith("https://")
    assert account(kind, script="/static/widget.js").script == "/static/widget.js"


def test_a_script_that_is_loaded_for_one_site_key_says_so():
    address = "https://www.google.com/recaptcha/api.js?render=0x4AAAAAAADnPIDROrmt1Wwj"
    assert account("recaptcha-v3").script == address
    assert account("recaptcha-v3", site_key=" 0x4AAAAAAADnPIDROrmt1Wwj\n").script == address
    assert account("recaptcha-v3", site_key='a"b&c').script.endswith("?render=a%22b%26c")
    assert account("recaptcha-enterprise").script == address.replace("api.js", "enterprise.js")
    assert account("recaptcha-v2").script == "https://www.google.com/recaptcha/api.js"
    assert account("hcaptcha").script == "https://js.hcaptcha.com/1/api.js?recaptchacompat=off"


@pytest.mark.parametrize("query", ['?a="', "?a=<", "?a= b", "?", "?a='", "#x", "?a=b#c"])
def test_nothing_in_a_scripts_address_could_end_an_attribute(query):
    with pytest.raises(PolicyError, match=r"script: expected the address of a script"):
        policy_of(providers={"it": settings("turnstile", script=f"https://cdn.example.com/w.js{query}")})


def test_a_new_vendor_is_a_row():
    row = Vendor(
        type="new-one",
        says="A new vendor.",
        field=ClientField("new-token", max_length=100),
        lifetime=60,
        asked=Asked(path="/verify"),
        told=Told(hostname="host"),
        base_url="https://new.example",
        credential="key",
    )
    provider = listed(row)(type="new-one", site_key="a", key="b")
    question = next(provider.verify({"new-token": "x"}, context()))
    assert str(question.url) == "https://new.example/verify"
    assert (provider.site_key, provider.reports, type(provider).__doc__) == ("a", {Reports.HOSTNAME}, "A new vendor.")


def test_the_readmes_description_of_a_service_is_one(tmp_path):
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
    [block] = [part.partition("```")[0] for part in readme.split("```yaml\n") if "type: siteverify" in part]
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\n{block}rules:\n  - {{name: a, match: /a, score: {{min: 0.5}}, max_age: 5m}}\n")
    made = load_policy(file, environment={"OTHER_SITE_KEY": "a", "OTHER_SECRET": "b"})
    assert made.providers["other"].reported() == frozenset(Reports) - {Reports.CDATA}


README_ROWS = {
    line.split("|")[1].strip(): line
    for line in (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
}


@pytest.mark.parametrize("kind", known_types())
def test_the_readme_has_a_row_for_every_type(kind):
    found = provider_class(kind)
    [row] = [line for name, line in README_ROWS.items() if name.removesuffix(" *") == f"`{kind}`"]
    assert (f"`{kind}` *" in row) is found.experimental
    assert all(f"`{field.name}`" in row for field in found.client_fields)


@pytest.mark.parametrize("kind", [kind for kind in ACCOUNTS if kind != "siteverify"])
def test_the_readme_says_what_a_rule_can_demand(kind):
    [row] = [line for name, line in README_ROWS.items() if name.removesuffix(" *") == f"`{kind}`"]
    words = {"score": "score", "action": "action", "hostname": "hostnames", "cdata": "cdata", "time": "age"}
    told = row.split("|")[4]
    assert {name for name, word in words.items() if word in told} == {
        what.value for what in provider_class(kind).reports
    }


@pytest.mark.parametrize("kind", ["turnstile", "siteverify"])
def test_an_address_in_the_clear_is_warned_of(kind):
    bound = {"name": "login", "match": "/login", "bind": {"hostnames": ["example.com"]}}
    made = policy_of(bound, providers={"it": settings(kind, base_url="http://captcha.example.com")})
    assert made.warnings == ("providers.it.base_url: asks the vendor in the clear (write https://)",)


def test_a_recaptcha_key_can_be_asked_where_google_cannot_be_reached():
    provider = account("recaptcha-v2", base_url="https://www.recaptcha.net/")
    question = next(provider.verify(token_of("recaptcha-v2"), context()))
    assert str(question.url) == "https://www.recaptcha.net/recaptcha/api/siteverify"


def test_the_key_that_other_types_know_by_another_name_is_no_key_of_theirs():
    with pytest.raises(PolicyError, match=r"providers\.g\.site_key: unknown key"):
        policy_of(providers={"g": {"type": "geetest-v4", "captcha_id": "a", "captcha_key": "b", "site_key": "c"}})
