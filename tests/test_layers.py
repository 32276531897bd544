"""The order of the modules, and the zone in which nothing does I/O: what keeps the gate one story."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "captcha_gate"

#: From the top of a request's way to its end. A module imports only from layers above its own.
LAYERS = [
    ["outcome"],
    ["errors"],
    ["effects"],
    ["decision"],
    ["echo", "passes.remembered", "passes.signing", "report"],
    ["passes.redirects"],
    ["paths", "patterns"],
    ["request"],
    ["scalars"],
    ["tokens.fields"],
    ["tokens.extractor"],
    ["tokens.urlencoded", "tokens.json_body", "tokens.multipart_body"],
    ["tokens.find"],
    ["providers.context"],
    ["providers.asking", "providers.reading"],
    ["providers.base"],
    [
        "providers.offline",
        "providers.altcha_payload",
        "providers.published_keys",
        "providers.signatures",
        "providers.siteverify_reply",
        "providers.user",
        "providers.vaptcha_servers",
    ],
    ["providers.siteverify"],
    [
        "providers.aliyun",
        "providers.altcha",
        "providers.altcha_sentinel",
        "providers.fake",
        "providers.friendly",
        "providers.geetest_v3",
        "providers.geetest_v4",
        "providers.recaptcha",
        "providers.self_hosted",
        "providers.siteverify_described",
        "providers.siteverify_vendors",
        "providers.tencent",
        "providers.vaptcha",
        "providers.vaptcha_v4",
        "providers.yidun",
        "providers.yunpian",
    ],
    ["providers.vaptcha_devices"],
    ["providers.registry"],
    ["stores.memory", "stores.redis"],
    ["stores.base"],
    ["conditions"],
    ["rules"],
    ["breaker"],
    ["judge", "vendors"],
    ["passes.cookies"],
    ["failures", "passes.clearance", "passes.single_use"],
    ["passes.forgiveness", "passes.openings"],
    ["passes.afterwards"],
    ["conclusions"],
    ["gate"],
    ["drive", "egress.base", "egress.lateness", "egress.own_lacks", "time_limits"],
    ["egress.resolver"],
    ["egress.deadline"],
    ["egress.wire"],
    ["egress.shield", "egress.slots"],
    ["egress.fast", "egress.pools"],
    ["egress.fetch"],
    ["vaptcha"],
    ["markup", "replies.words"],
    ["replies.reply"],
    ["replies.page"],
    ["replies.refusal"],
    ["endpoints.base"],
    ["endpoints.challenge", "endpoints.config", "endpoints.script", "endpoints.verify"],
    ["endpoints.table"],
    ["mounting"],
    ["spool"],
    ["asgi_body", "wsgi_body"],
    ["asgi", "wsgi"],
    ["policy.regexes", "policy.templates"],
    ["policy.document", "policy.interpolation", "policy.lists"],
    ["policy.yaml_reader"],
    ["policy.models"],
    ["policy.messages"],
    ["policy.matching"],
    ["policy.accounts"],
    ["policy.rulebook"],
    ["policy.compile", "policy.lint", "policy.schema"],
    ["policy.load"],
]
#: These say what to do and do nothing: no sockets, files, processes, clocks or randomness of their own.
PURE = [
    "outcome", "errors", "effects", "decision", "paths", "patterns", "request", "scalars", "tokens.fields",
    "tokens.extractor", "tokens.urlencoded", "tokens.json_body", "tokens.multipart_body", "tokens.find",
    "providers.context", "providers.asking", "providers.reading",
    "providers.base", "providers.aliyun", "providers.altcha", "providers.altcha_sentinel",
    "providers.altcha_payload", "providers.fake", "providers.friendly", "providers.signatures", "providers.tencent",
    "providers.yidun",
    "providers.geetest_v3", "providers.geetest_v4", "providers.offline", "providers.published_keys",
    "providers.recaptcha", "providers.self_hosted", "providers.siteverify", "providers.siteverify_described",
    "providers.siteverify_reply", "providers.siteverify_vendors", "providers.vaptcha", "providers.vaptcha_servers",
    "providers.vaptcha_v4", "providers.user", "providers.yunpian", "conditions", "rules", "breaker", "judge",
    "echo", "passes.remembered", "passes.redirects", "passes.signing", "passes.cookies", "passes.clearance", "failures",
    "passes.single_use", "passes.forgiveness", "passes.openings", "passes.afterwards", "vendors", "conclusions", "gate",
    "endpoints.base", "endpoints.challenge", "endpoints.config", "endpoints.verify", "endpoints.table",
    "policy.document", "policy.yaml_reader",
    "policy.regexes", "policy.lists", "policy.models", "policy.messages", "policy.matching",
    "policy.accounts", "policy.rulebook", "policy.compile", "policy.lint",
]  # fmt: skip
FORBIDDEN = {"asyncio", "os", "pathlib", "random", "requests", "secrets", "socket", "subprocess", "threading", "time"}
#: The gate takes its clocks and its randomness as arguments; these are their defaults, and a pure path's last part.
ALLOWED = {"gate": {"time", "secrets"}, "conclusions": {"pathlib"}}

RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def imports_of(module):
    """Every module that a module imports, `TYPE_CHECKING` blocks left out, and where."""
    tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    guarded = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in guarded:
            yield node.module, id(node) in top
        elif isinstance(node, ast.Import) and id(node) not in guarded:
            for alias in node.names:
                yield alias.name, id(node) in top


def modules():
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        if not name.endswith("__init__") and name.split(".")[0] not in ("cli", "demo", "testing", "__main__"):
            yield name


def test_every_module_has_its_place():
    assert sorted(modules()) == sorted(RANK)


@pytest.mark.parametrize("module", RANK)
def test_a_module_imports_only_what_stands_above_it(module):
    below = [
        name
        for name, at_top in imports_of(module)
        if name.startswith("captcha_gate.") and at_top and RANK[name.removeprefix("captcha_gate.")] >= RANK[module]
    ]
    assert below == []


@pytest.mark.parametrize("module", PURE)
def test_the_decision_does_no_io(module):
    found = {name.split(".")[0] for name, _ in imports_of(module)}
    assert found & FORBIDDEN <= ALLOWED.get(module, set())


def test_the_adapters_never_import_each_other_and_load_no_policy_before_they_are_made():
    asgi, wsgi = ({name for name, _ in imports_of(module)} for module in ("asgi", "wsgi"))
    assert "captcha_gate.wsgi" not in asgi
    assert "captcha_gate.asgi" not in wsgi
    for module in ("asgi", "wsgi", "mounting", "endpoints.table", "endpoints.config"):
        for name, at_top in imports_of(module):
            assert not (at_top and name.startswith(("captcha_gate.policy", "captcha_gate.providers.base", "pydantic")))


def test_each_file_says_what_it_is_in_its_first_line():
    for file in PACKAGE.rglob("*.py"):
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        assert docstring, file
