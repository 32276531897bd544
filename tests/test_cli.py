"""The command line as a person uses it: what it prints, how it exits, and that no mistake shows a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml
from support.world import PASSES, REFUSES, answering

from captcha_gate.cli.main import main

POLICY = """\
version: 1
networks:
  office: [198.51.100.0/24]
providers:
  cn:
    type: geetest-v4
    captcha_id: ${GEETEST_ID:-an-id}
    captcha_key: ${GEETEST_KEY}
  pow: {type: altcha, hmac_key: "an hmac key for tests"}
rules:
  - name: health
    match: {path: [/healthz, "/hooks/**"]}
    action: allow
  - name: login
    match: {path: /login, not: {client_ip: [office]}}
    providers: [cn, pow]
    on_unavailable: {allow: 60/m}
"""
SECRET = "canary-key-of-the-operator"


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.setenv("GEETEST_KEY", SECRET)
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return str(file)


def run(capsys, *arguments):
    """Exit code, stdout and stderr, in none of which a secret may stand."""
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out, err


def test_check_says_that_a_policy_loads(capsys, policy):
    code, out, err = run(capsys, "check", policy)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"{policy}: 2 rules, 2 providers, mode enforce: it loads"


def test_check_prints_every_problem_and_exits_with_one(capsys, policy, monkeypatch, tmp_path):
    monkeypatch.delenv("GEETEST_KEY")
    bad = tmp_path / "bad.yaml"
    bad.write_text(POLICY.replace("60/m", "often").replace("action: allow", "action: maybe"))
    code, out, err = run(capsys, "check", str(bad))
    assert (code, out) == (1, "")
    assert [line.split(": ")[0].rpartition("bad.yaml:")[2] for line in err.splitlines()] == ["8:18", "13:13", "17:5"]
    assert "the variable GEETEST_KEY is not set" in err


def test_check_can_do_without_the_variables(capsys, policy, monkeypatch):
    monkeypatch.delenv("GEETEST_KEY")
    assert run(capsys, "check", policy)[0] == 1
    assert run(capsys, "check", policy, "--allow-unset")[0] == 0


@pytest.mark.parametrize(("store", "warned"), [("memory://", True), ("redis://127.0.0.1:6379/0", False)])
def test_check_warns_of_a_memory_that_several_processes_would_not_share(capsys, tmp_path, store, warned):
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"version: 1\nstore: {store}\nproviders: {{pow: {{type: altcha, hmac_key: {'k' * 32}}}}}\n"
        "rules: [{name: login, match: /login}]\n"
    )
    assert main(["check", str(file)]) == 0
    assert ("write store: redis://" in capsys.readouterr().out) == warned


def test_check_exits_with_zero_where_there_are_only_warnings(capsys, tmp_path):
    file = tmp_path / "odd.yaml"
    file.write_text(
        "version: 1\nproviders: {pow: {type: altcha, hmac_key: abc}}\n"
        "rules:\n  - {name: all, match: '/**'}\n  - {name: login, match: /login}\n"
    )
    code, out, _ = run(capsys, "check", str(file))
    assert code == 0
    assert "warning: " in out
    assert "login" in out


@pytest.mark.parametrize("command", [["check"], ["explain", "POST", "/"], ["verify", "cn"]])
def test_a_file_that_is_not_there_is_one_line(capsys, command):
    name, *rest = command
    code, out, err = run(capsys, name, "/nowhere/policy.yaml", *rest)
    assert (code, out) == (1, "")
    assert err == "/nowhere/policy.yaml: cannot be read: No such file or directory\n"


def test_explain_says_what_an_earlier_pass_is_worth(capsys, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(
        """
version: 1
secret_key: a key for tests that has at least 32 bytes
providers: {pow: {type: altcha, hmac_key: a key that is long enough}}
rules:
  - name: search
    match: /search
    challenge: page
    clearance: {ttl: 10m, uses: 5, realm: auth, bind_network: true}
    forgive: {status: [422, 401], ttl: 2m}
"""
    )
    _, out, _ = run(capsys, "explain", str(file), "GET", "/search")
    assert "a clearance of realm auth: forwarded for 600 s, 5 times, in its network" in out
    assert "a pass that the application answered with 401, 422: forwarded once more within 120 s" in out
    assert "no token: refused with 403; a browser gets a page with the CAPTCHA" in out


def test_explain_walks_the_rules_and_says_what_each_failure_would_do(capsys, policy):
    code, out, _ = run(capsys, "explain", policy, "POST", "/login")
    assert code == 0
    assert "miss  health  path: /healthz or /hooks/**" in out
    assert "hit   login" in out
    assert "decides: login: verify, mode enforce" in out
    assert "header: X-Captcha-Lot-Number" in out
    assert "header: X-Captcha-Token" in out
    assert "no token: refused with 403" in out
    assert "at most 60 in 60 s" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["POST", "/login", "--ip", "198.51.100.7"], "no rule: default_action allow"),
        (["GET", "/login"], "miss  login  methods: unsafe"),
        (["GET", "/hooks/a/b"], "forwarded, the body unread"),
        (["POST", "//login"], "read as POST /login"),
        (["GET", "/login", "--header", "X-HTTP-Method-Override: POST"], "decides: login"),
        (["POST", "/login%0a"], "ambiguous_path"),
        (["PO ST", "/login"], "bad_method"),
        (["POST", "https://example.com/login?next=/"], "decides: login"),
        (["WEBSOCKET", "/login"], "decides: login"),
        (["GET", "/captcha-gate/pow/challenge"], "answered by the gate itself"),
    ],
)
def test_explain_knows_what_a_request_can_be_taken_for(capsys, policy, arguments, said):
    code, out, _ = run(capsys, "explain", policy, *arguments)
    assert code == 0
    assert said in out


def test_explain_wants_headers_with_a_colon(capsys, policy):
    assert run(capsys, "explain", policy, "GET", "/", "--header", "nonsense")[0] == 2


def test_the_schema_accepts_what_loads_and_refuses_what_does_not(capsys):
    code, out, _ = run(capsys, "schema")
    assert code == 0
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = yaml.safe_load(POLICY)
    assert list(validator.iter_errors(good)) == []
    for change in ({"modes": "enforce"}, {"mode": "strict"}, {"version": 2}, {"rules": [{"name": "x"}]}):
        assert list(validator.iter_errors({**good, **change}))


class TestVerify:
    @pytest.fixture
    def vendor(self, monkeypatch):
        """Answer the command's calls from here; it has no other way to be given a client."""
        import httpx

        from captcha_gate.egress.fetch import SyncFetcher

        def install(reply):
            client = httpx.Client(transport=httpx.MockTransport(answering(reply)))
            monkeypatch.setattr("captcha_gate.cli.verify.SyncFetcher", lambda: SyncFetcher(client))

        return install

    TOKEN = ("lot_number=lot", "captcha_output=out", "pass_token=pass-token-of-a-person", "gen_time=1")

    def test_a_good_token_exits_with_zero_and_is_not_printed(self, capsys, policy, vendor):
        vendor({**PASSES, "captcha_args": {"pass_token": "pass-token-of-a-person", "used_type": "slide"}})
        code, out, _ = run(capsys, "verify", policy, "cn", *self.TOKEN)
        assert code == 0
        assert "outcome: passed" in out
        assert "slide" in out
        assert "pass-token-of-a-person" not in out

    def test_without_a_token_a_refusal_is_what_is_wanted(self, capsys, policy, vendor):
        vendor(REFUSES)
        code, out, _ = run(capsys, "verify", policy, "cn")
        assert code == 0
        assert "the vendor answers" in out

    def test_a_wrong_key_of_ours_shows(self, capsys, policy, vendor):
        vendor({**REFUSES, "reason": "sign_token error"})
        code, out, _ = run(capsys, "verify", policy, "cn")
        assert code == 1
        assert "reason: bad_credentials" in out
        assert "provider says: sign_token error" in out

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nobody",),
            ("cn", "lot_number=x"),
            ("cn", *TOKEN, "more=x"),
            ("cn", "lot_number"),
            ("cn", *TOKEN[:3], "gen_time=soon"),
        ],
    )
    def test_wrong_usage_is_one_line_and_exits_with_two(self, capsys, policy, arguments):
        code, out, err = run(capsys, "verify", policy, *arguments)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1


def test_the_module_and_the_command_are_the_same():
    for command in ([sys.executable, "-m", "captcha_gate"],):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("captcha-gate ")
        assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 2
