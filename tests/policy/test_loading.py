"""What a policy file means once it loads: variables, texts, includes, defaults, modes, warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from support.world import ALTCHA, GEETEST, policy_of

from captcha_gate import Policy, PolicyError, load_policy
from captcha_gate.outcome import Mode
from captcha_gate.policy import lint
from captcha_gate.rules import Action, OnFail, OnUnavailable
from captcha_gate.tokens.fields import Source

FOLDER = Path(__file__).parent.parent / "policies" / "good"
KEYS = {"GEETEST_ID": "an id", "GEETEST_KEY": "a key", "ALTCHA_KEY": "another key, long enough", "SECRET_KEY": "s" * 32}

HEAD = """version: 1
providers:
  cn: {type: geetest-v4, captcha_id: "an id", captcha_key: "a key"}
"""

Load = Callable[..., Policy]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a policy file and load it: `load(text, variables…)`."""

    def written(text: str, environment: dict[str, str] | None = None, **options: Any) -> Policy:
        file = tmp_path / "policy.yaml"
        file.write_text(text)
        return load_policy(file, environment=environment or {}, **options)

    return written


def mapping(*rules: Any, **top: Any) -> dict[str, Any]:
    return {"version": 1, "providers": {"cn": GEETEST}, "rules": list(rules), **top}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_good_policies_load_without_a_warning(path):
    assert load_policy(path, environment=KEYS).warnings == ()


def test_every_key_arrives_where_it_belongs():
    policy = load_policy(FOLDER / "every-key.yaml", environment=KEYS)
    assert [rule.name for rule in policy.rules] == ["office", "probes", "admin", "login"]
    assert (policy.prefix, policy.proxies.unix, policy.proxies.header) == ("/gate", True, "x-real-ip")
    login = policy.rules[-1]
    assert (login.providers, login.on_fail, login.on_unavailable) == (("pow",), OnFail.REJECT, OnUnavailable(True))
    assert (login.token.sources, login.token.max_body, login.token.body_timeout) == ((Source.HEADER,), 65536, 1.5)
    assert dict(login.wanted[0].names) == {"altcha": "captcha.proof"}
    cn, altcha = policy.providers["cn"], policy.providers["pow"]
    assert (cn.base_url, cn.timeout, cn.captcha_id) == ("https://gcaptcha4.geetest.com", 2.0, "an id")
    assert (altcha.timeout, altcha.expires, altcha.cost) == (0.5, 600.0, 1000)


def test_a_rule_remembers_where_it_is_written(load, tmp_path):
    assert load(HEAD + "rules:\n  - name: a\n    match: /a\n").rules[0].where == f"{tmp_path}/policy.yaml:5:5"


# Variables


@pytest.mark.parametrize(
    ("written", "variables", "expected"),
    [
        ("${V}", {"V": "set"}, "set"),
        ("before-${V}-after", {"V": "set"}, "before-set-after"),
        ("${A}${B}", {"A": "1", "B": "2"}, "12"),
        ("${V:-default}", {"V": "set"}, "set"),
        ("${V:-default}", {"V": ""}, "default"),
        ("${V:-default}", {}, "default"),
        ("${V:-a: b, c}", {}, "a: b, c"),
        ("${V:?why}", {"V": "set"}, "set"),
        ("$$", {}, "$"),
        ("$${V}", {"V": "set"}, "${V}"),
        ("$$${V}", {"V": "set"}, "$set"),
        ("$V costs 5$", {"V": "set"}, "$V costs 5$"),
        ("${A}", {"A": "${B}", "B": "never"}, "${B}"),
        ("${A}", {"A": "$$"}, "$$"),
    ],
)
def test_a_reference_is_replaced_once_and_by_text(load, written, variables, expected):
    text = f"version: 1\nproviders:\n  cn: {{type: geetest-v4, captcha_id: '{written}', captcha_key: k}}\nrules: []\n"
    assert load(text, variables).providers["cn"].captcha_id == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"s", "s"), (b"s\n", "s"), (b"s\r\n", "s"), (b"s\n\n", "s\n"), (b"\ns", "\ns"), (b" s ", " s ")],
)
def test_a_file_is_taken_without_one_newline_at_its_end(load, tmp_path, content, expected):
    (tmp_path / "value").write_bytes(content)
    written = f"${{file:{tmp_path}/value}}"
    text = f"version: 1\nallow_test_keys: true\nproviders:\n  it: {{type: fake, action: '{written}'}}\nrules: []\n"
    assert load(text).providers["it"].action == expected


@pytest.mark.parametrize(
    "value",
    [
        "x, captcha_key: stolen}",
        "x\n    captcha_key: stolen",
        '"',
        "'",
        "[a]",
        "{a: b}",
        "*a",
        "&a",
        "!!int 1",
        "# x",
        "~",
    ],
)
def test_a_value_cannot_inject_yaml(load, value):
    text = HEAD.replace('"an id"', '"${V}"') + "rules: []\n"
    provider = load(text, {"V": value}).providers["cn"]
    assert (provider.captcha_id, provider.captcha_key.get_secret_value()) == (value, "a key")


def test_keys_are_not_interpolated(load):
    with pytest.raises(PolicyError, match="unknown key"):
        load(HEAD + "rules: []\n${V}: monitor\n", {"V": "mode"})


def test_a_mapping_is_not_interpolated():
    policy = load_policy(mapping(providers={"cn": {**GEETEST, "captcha_id": "${V} $$"}}), environment={"V": "set"})
    assert policy.providers["cn"].captcha_id == "${V} $$"


def test_without_an_environment_the_one_of_the_process_is_read(load, tmp_path, monkeypatch):
    monkeypatch.setenv("CAPTCHA_ID_OF_A_TEST", "from the process")
    file = tmp_path / "policy.yaml"
    file.write_text(HEAD.replace('"an id"', '"${CAPTCHA_ID_OF_A_TEST}"') + "rules: []\n")
    assert load_policy(file).providers["cn"].captcha_id == "from the process"


def test_unset_variables_and_missing_files_can_be_allowed_for_checking(load):
    text = HEAD.replace('"an id"', '"${ID}"').replace('"a key"', '"${file:/nonexistent}"') + "rules: []\n"
    with pytest.raises(PolicyError):
        load(text)
    assert list(load(text, allow_unset=True).providers) == ["cn"]


def test_allowing_unset_variables_allows_no_other_mistake(load):
    with pytest.raises(PolicyError) as caught:
        load(HEAD.replace('"an id"', '"${ID}"') + "rules: []\nmodes: monitor\n", allow_unset=True)
    assert [problem.split(": ", 1)[1][:20] for problem in caught.value.problems] == ["modes: unknown key ("]


# Text stays text


@pytest.mark.parametrize(
    "text",
    ["NO", "on", "off", "yes", "true", "null", "~", "1:30", "0123", "0x1F", "1e3", "1_000", "2001-01-01", "=", ".nan"],
)
def test_a_scalar_is_the_text_that_is_written(load, text):
    policy = load(
        HEAD.replace('"an id"', text)
        + f"rules:\n  - {{name: a, match: {{path: /{text}, query: {{q: {text}}}}}, fallthrough: true}}\n"
    )
    assert policy.providers["cn"].captcha_id == text
    path, _, query = policy.rules[0].matcher.conditions
    assert (path.patterns[0].segments, query.wanted) == ((text,), {"q": (text,)})


def test_a_number_may_be_a_number_in_a_mapping():
    policy = load_policy(mapping(providers={"pow": {**ALTCHA, "cost": 7}}, rules=[]) | {"version": 1})
    assert policy.providers["pow"].cost == 7


# Mappings


def test_a_mapping_may_hold_tuples_and_read_only_mappings():
    rules = (MappingProxyType({"name": "a", "match": {"path": ("/a", "/b")}}),)
    policy = load_policy(
        MappingProxyType({"version": 1, "providers": MappingProxyType({"cn": GEETEST}), "rules": rules})
    )
    assert [rule.name for rule in policy.rules] == ["a"]


@pytest.mark.parametrize("rules", [iter(()), {"a"}, range(1), "rules"], ids=["iterator", "set", "range", "text"])
def test_rules_that_are_no_list_are_refused_and_not_taken_for_none(rules):
    with pytest.raises(PolicyError, match="rules: expected a list"):
        load_policy({**mapping(), "rules": rules})


def test_a_problem_in_a_mapping_is_told_by_its_keys():
    with pytest.raises(PolicyError) as caught:
        load_policy(mapping({"name": "a", "match": {"path": None}}, {"name": "a", "match": "login"}))
    assert [problem[:24] for problem in caught.value.problems] == [
        "rules[0].match.path: has",
        "rules[1].match: a path p",
    ]


def test_a_mapping_does_not_include():
    with pytest.raises(PolicyError, match=r"rules\[0\].include: unknown key"):
        load_policy(mapping({"include": "rules.d/*.yaml"}))


def test_a_policy_is_not_changed_by_changing_the_mapping_it_came_from():
    source = mapping({"name": "a", "match": {"path": "/a", "header": {"x": ["1"]}}, "fallthrough": True})
    policy = load_policy(source)
    source["rules"][0]["match"]["header"]["x"].append("2")
    source["providers"].clear()
    assert policy.rules[0].matcher.condition("header").wanted == {"x": ("1",)}
    assert list(policy.providers) == ["cn"]


# Includes


def test_included_rules_stand_where_their_include_stands_in_natural_order():
    policy = load_policy(FOLDER / "includes.yaml", environment=KEYS)
    names = [rule.name for rule in policy.rules]
    assert names == ["first", "nine", "ten", "nested", "after-nested", "hundred", "last"]


def test_an_included_rule_remembers_its_own_file():
    policy = load_policy(FOLDER / "includes.yaml", environment=KEYS)
    assert policy.rules[3].where == f"{FOLDER}/rules.d/nested/one.yaml:1:3"


def test_variables_are_replaced_in_included_files_too(load, tmp_path):
    (tmp_path / "more.yaml").write_text("- {name: a, match: '/${V}'}\n")
    [rule] = load(HEAD + "rules:\n  - include: more.yaml\n", {"V": "login"}).rules
    assert rule.matcher.condition("path").patterns[0].text == "/login"


def test_a_relative_policy_path_names_its_includes_relatively(tmp_path, monkeypatch):
    (tmp_path / "more.yaml").write_text("- {name: a, match: a}\n")
    (tmp_path / "policy.yaml").write_text(HEAD + "rules:\n  - include: more.yaml\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match=r"\n  more.yaml:1:20: rules\[0\].match: "):
        load_policy("policy.yaml")


# Defaults and modes


def test_a_rules_own_key_replaces_the_default_whole():
    defaults = {"token": {"from": ["query"], "max_body": "2MiB"}, "on_fail": "annotate"}
    own = {"name": "own", "match": "/a", "token": {"from": "cookie"}, "on_fail": "reject"}
    policy = load_policy(mapping(own, {"name": "default", "match": "/b"}, defaults=defaults))
    replaced, taken = policy.rules
    assert (replaced.token.sources, replaced.token.max_body, replaced.on_fail) == ((Source.COOKIE,), 1 << 20, "reject")
    assert (taken.token.sources, taken.token.max_body, taken.on_fail) == ((Source.QUERY,), 2 << 20, "annotate")


def test_defaults_do_not_concern_rules_that_verify_nothing():
    policy = load_policy(mapping({"name": "a", "match": "/a", "action": "deny"}, defaults={"providers": ["cn"]}))
    assert (policy.rules[0].action, policy.rules[0].providers) == (Action.DENY, ())


@pytest.mark.parametrize(
    ("of_policy", "of_rule", "expected"),
    [
        (None, None, Mode.ENFORCE),
        ("monitor", None, Mode.MONITOR),
        ("monitor", "enforce", Mode.ENFORCE),
        ("enforce", "monitor", Mode.MONITOR),
        ("enforce", "disabled", Mode.DISABLED),
        ("monitor", "disabled", Mode.DISABLED),
        ("disabled", None, Mode.DISABLED),
        ("disabled", "enforce", Mode.DISABLED),
        ("disabled", "monitor", Mode.DISABLED),
    ],
)
def test_a_rules_mode_goes_before_the_policys_but_disabled_disables_all(of_policy, of_rule, expected):
    rule = {"name": "a", "match": "/a", **({"mode": of_rule} if of_rule else {})}
    top = {"mode": of_policy} if of_policy else {}
    assert load_policy(mapping(rule, **top)).rules[0].mode is expected


def test_the_default_action_has_the_policys_mode():
    assert load_policy(mapping(default_action="deny", mode="monitor")).default.mode is Mode.MONITOR
    assert load_policy(mapping()).default is None


def test_providers_may_be_left_out_where_the_policy_has_one():
    assert load_policy(mapping({"name": "a", "match": "/a"})).rules[0].providers == ("cn",)


# Warnings


def warnings_of(*rules: Any, **top: Any) -> list[str]:
    return [warning.removeprefix(": ") for warning in load_policy(mapping(*rules, **top)).warnings]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/**", "/a"),
        ("/a/**", "/a"),
        ("/a/**", "/a/b/*"),
        ("/a/*", "/a/{id}"),
        ("/**/b", "/a/b"),
        ({"path": ["/a", "/b"]}, {"path": ["/b", "/a"]}),
        ({"path": "/a", "methods": "any"}, {"path": "/a", "methods": ["GET", "POST"]}),
        ("/a", {"path": "/a", "methods": ["POST", "WEBSOCKET"]}),
        ("/a", {"path": "/a", "client_ip": "10.0.0.0/8"}),
        ({"path": "/a", "client_ip": "10.0.0.0/8"}, {"path": "/a", "client_ip": "10.1.0.0/16"}),
        ({"path": "/**"}, {"path_regex": "/a"}),
    ],
)
def test_a_rule_that_can_never_be_reached_is_reported(earlier, later):
    [warning] = warnings_of({"name": "one", "match": earlier}, {"name": "two", "match": later})
    assert warning.startswith("rules.two: never reached: one")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("/a", "/b"),
        ("/a", "/a/**"),
        ("/a/*", "/a/**"),
        ("/a/b", "/a/*"),
        ({"path": "/a", "methods": "POST"}, "/a"),
        ({"path": "/a", "methods": "GET"}, {"path": "/a", "methods": ["GET", "POST"]}),
        ({"path": "/a", "client_ip": "10.1.0.0/16"}, {"path": "/a", "client_ip": "10.0.0.0/8"}),
        ({"path": "/a", "client_ip": "::/0"}, {"path": "/a", "client_ip": "10.0.0.0/8"}),
        ({"path": "/a", "not": {"client_ip": "10.0.0.0/8"}}, "/a"),
        ({"path_regex": "/a"}, "/a"),
    ],
)
def test_a_rule_that_can_be_reached_is_not_reported(earlier, later):
    assert warnings_of({"name": "one", "match": earlier}, {"name": "two", "match": later}) == []


def test_a_monitored_rule_that_shadows_an_enforced_one_is_reported():
    [warning] = warnings_of({"name": "one", "match": "/**", "mode": "monitor"}, {"name": "two", "match": "/a"})
    assert "one" in warning
    assert warning.endswith("refuses nobody")


def test_fields_that_two_providers_of_a_rule_both_read_are_reported():
    providers = {"cn": GEETEST, "pow": {**ALTCHA, "fields": {"altcha": "pass_token"}}}
    [warning] = warnings_of({"name": "a", "match": "/a", "providers": ["cn", "pow"]}, providers=providers)
    assert warning.startswith("rules.a: providers cn and pow both read the field pass_token")


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://captcha.example", True),
        ("https://captcha.example", False),
        ("http://127.0.0.1:9000", False),
        ("http://localhost:9000", False),
        ("http://[::1]:9000", False),
        ("http://127.0.0.1.example.com", True),
        ("http://localhost.example.com", True),
    ],
)
def test_asking_a_vendor_in_the_clear_is_reported_unless_it_is_on_this_machine(url, warns):
    found = warnings_of(providers={"cn": {**GEETEST, "base_url": url}})
    assert found == (["providers.cn.base_url: asks the vendor in the clear (write https://)"] if warns else [])


# Rule 4: leaving a rule by leaving a condition out


def test_a_rule_that_clients_can_leave_loads_where_it_says_fallthrough():
    match = {"path": "/a", "host": "example.com"}
    with pytest.raises(PolicyError, match="a client that changes its host leaves this rule"):
        load_policy(mapping({"name": "a", "match": match}))
    assert load_policy(mapping({"name": "a", "match": match, "fallthrough": True})).rules[0].fallthrough


def test_fallthrough_may_stand_under_defaults():
    rule = {"name": "a", "match": {"path": "/a", "host": "example.com"}}
    assert load_policy(mapping(rule, defaults={"fallthrough": True})).rules[0].fallthrough


@pytest.mark.parametrize("condition", [{"methods": ["POST"]}, {"client_ip": "10.0.0.0/8"}, {"not": {"path": "/a/b"}}])
def test_conditions_that_clients_do_not_choose_need_no_fallthrough(condition):
    assert load_policy(mapping({"name": "a", "match": {"path": "/a/**", **condition}})).rules


def test_a_rule_that_only_allows_may_depend_on_a_secret_header():
    match = {"path": "/a", "header": {"x-internal": "a shared secret"}}
    assert load_policy(mapping({"name": "a", "match": match, "action": "allow"})).rules


GATED = {"name": "gated", "match": "/login"}


@pytest.mark.parametrize(
    "match",
    [
        {"header": {"User-Agent": "kube-probe/1.0 and so on"}},
        {"header": {"X-Internal": "*"}},
        {"header": {"X-Internal": "short"}},
        {"host": "localhost"},
        {"cookie": {"seen": "*"}},
        {"query": {"debug": "1"}},
        {"content_type": "application/json"},
        {"path": "/login", "header": {"X-Internal": "*"}},
        {"path": "/**", "not": {"header": {"Sec-Fetch-Mode": "*"}}},
    ],
)
def test_an_exemption_that_every_client_can_claim_is_reported(match):
    [warning] = warnings_of({"name": "free", "match": match, "action": "allow"}, GATED)
    assert warning.startswith("rules.free: whoever sends a request that fits its ")


@pytest.mark.parametrize(
    "match",
    [
        {"header": {"X-Internal": "a secret of sixteen characters and more"}},
        {"header": {"X-Internal": "*"}, "client_ip": "10.0.0.0/8"},
        {"client_ip": "10.0.0.0/8"},
        "/healthz",
        {"path": "/healthz", "header": {"User-Agent": "kube-probe/1.0"}},  # where nothing is verified
    ],
)
def test_an_exemption_that_not_every_client_can_claim_is_not_reported(match):
    assert warnings_of({"name": "free", "match": match, "action": "allow"}, GATED) == []


def test_an_exemption_below_what_it_would_let_off_is_not_reported():
    free = {"name": "free", "match": {"header": {"X-Internal": "*"}}, "action": "allow"}
    assert warnings_of(GATED, free) == []
    assert len(warnings_of(GATED, free, default_action="deny")) == 1


TURNSTILE = {"type": "turnstile", "site_key": "0x4AAAAAAADnPIDROrmt1Wwj", "secret": "0x4AAAAAAADnPIDROzbs0Aaj-7e57ca5e"}
RECAPTCHA = {
    "site_key": "6LdRcP4pAAAAAO7e57ca5e7e57ca5e7e57ca5e7e",
    "secret": "6LdRcP4pAAAAAB7e57ce117e57ce117e57ce117e",
}


@pytest.mark.parametrize(
    ("provider", "bind", "warns"),
    [
        (TURNSTILE, {}, True),
        ({"type": "recaptcha-v2", **RECAPTCHA}, {}, True),
        ({"type": "recaptcha-v3", **RECAPTCHA}, {}, True),
        (TURNSTILE, {"action": "login"}, False),
        (TURNSTILE, {"hostnames": ["example.com"]}, False),
        (TURNSTILE, {"cdata": "x"}, True),
        (GEETEST, {}, False),  # which says neither
        (ALTCHA, {}, False),
    ],
)
def test_a_token_that_may_have_been_made_for_anything_is_reported_where_the_provider_says_for_what(
    provider, bind, warns
):
    rule = {"name": "a", "match": "/a", **({"bind": bind} if bind else {})}
    if provider["type"] == "recaptcha-v3":
        rule["score"] = {"min": 0.5}
    found = warnings_of(rule, providers={"it": provider})
    assert [warning.startswith("rules.a: it would say ") for warning in found] == [True] * warns


def test_what_only_some_providers_of_a_rule_tell_is_not_asked_for():
    providers = {"it": TURNSTILE, "pow": ALTCHA}
    assert warnings_of({"name": "a", "match": "/a", "providers": ["it", "pow"]}, providers=providers) == []


@pytest.mark.parametrize(("key", "warns"), [("short", True), ("x" * 15, True), ("x" * 16, False)])
def test_a_key_that_can_be_guessed_is_reported(key, warns):
    found = warnings_of(providers={"pow": {**ALTCHA, "hmac_key": key}})
    assert [warning.startswith("providers.pow.hmac_key: is short") for warning in found] == [True] * warns


def test_a_misspelt_method_is_an_error_and_a_made_up_one_is_not():
    with pytest.raises(PolicyError, match="did you mean POST"):
        policy_of({"name": "a", "match": {"path": "/a", "methods": ["PSOT"]}})
    policy_of({"name": "a", "match": {"path": "/a", "methods": ["FOO", "frobnicate"]}})


def test_two_providers_cannot_answer_at_one_path():
    providers = {name: {**ALTCHA, "challenge_path": "/altcha"} for name in ("one", "two")}
    with pytest.raises(PolicyError, match=r"providers\.two\.challenge_path: the path is taken by provider one"):
        policy_of({"name": "a", "match": "/a", "providers": "one"}, providers=providers)


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("prefix", ["/captcha-gate", "/of-our-own"])
def test_no_provider_takes_the_path_that_another_has_anyway(prefix, names):
    settings = {"one": ALTCHA, "two": {**ALTCHA, "challenge_path": f"{prefix}/one/challenge"}}
    providers = {name: settings[name] for name in names}
    with pytest.raises(PolicyError, match=r"providers\.two\.challenge_path: the path is taken by provider one"):
        policy_of({"name": "a", "match": "/a", "providers": "one"}, providers=providers, endpoints={"prefix": prefix})


def test_a_provider_may_name_its_own_path():
    providers = {"one": {**ALTCHA, "challenge_path": "/captcha-gate/one/challenge"}, "cn": GEETEST}
    policy_of({"name": "a", "match": "/a", "providers": "one"}, providers=providers)


def test_a_provider_without_challenges_has_no_path_to_take():
    providers = {"one": {**ALTCHA, "challenge_path": "/captcha-gate/cn/challenge"}, "cn": GEETEST}
    policy_of({"name": "a", "match": "/a", "providers": "one"}, providers=providers)


def test_many_rules_that_clients_can_leave_are_checked_in_little_work(monkeypatch):
    compared = []
    disjoint = lint._disjoint
    monkeypatch.setattr(lint, "_disjoint", lambda one, other: compared.append(1) or disjoint(one, other))
    rules = []
    for number in range(300):
        rules += [
            {"name": f"a{number}", "match": {"path": f"/{number}", "host": "a.example"}},
            {"name": f"b{number}", "match": f"/{number}"},
        ]
    policy_of(*rules)
    assert len(compared) <= 600


@pytest.mark.parametrize("allowed", ["true", "${ALLOWED}"])
def test_a_provider_for_tests_loads_with_a_warning_where_the_policy_allows_it(load, allowed):
    text = f"version: 1\nallow_test_keys: {allowed}\nproviders: {{robot: {{type: fake}}}}\nrules: []\n"
    [warning] = load(text, {"ALLOWED": "true"}).warnings
    assert warning.startswith("providers.robot.type: verifies anything")


@pytest.mark.parametrize("top", [{}, {"allow_test_keys": False}])
def test_a_provider_for_tests_does_not_load_elsewhere(top):
    with pytest.raises(PolicyError, match=r"^the policy does not load:\n  providers\.robot\.type: verifies anything"):
        policy_of(providers={"robot": {"type": "fake"}}, **top)


def test_a_policy_for_tests_without_a_provider_for_tests_warns_of_nothing():
    assert policy_of(allow_test_keys=True).warnings == ()
