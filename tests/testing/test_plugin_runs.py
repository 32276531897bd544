"""The plugin in pytest runs of its own: what it costs who does not use it, and how it lives with other plugins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from captcha_gate import load_policy

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")

pytest_plugins = ["pytester"]

#: An application that makes its gate when it is imported, and how a test reaches it.
APPLICATION = """
import httpx
from captcha_gate.asgi import CaptchaGate

GEETEST = {"type": "geetest-v4", "captcha_id": "an-id", "captcha_key": "a-key"}
RULES = [{"name": "login", "match": "/login"}]

async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

app = CaptchaGate(answer, policy={"version": 1, "providers": {"cn": GEETEST}, "rules": RULES})

async def login():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
        return (await http.post("/login")).status_code
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run pytest on a test file, with the plugins that are installed and warnings as errors: `run(tests, *options)`."""
    pytester.makepyfile(application=APPLICATION)
    pytester.makeini("[pytest]\nfilterwarnings = error\npythonpath = .\n")

    def tests(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return tests


def test_a_run_that_does_not_use_it_loads_nothing_but_the_file(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("""
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("captcha_gate.testing.plugin")
            ours = {name for name in sys.modules if name.startswith("captcha_gate")}
            assert ours == {"captcha_gate", "captcha_gate.testing", "captcha_gate.testing.plugin"}
            assert {"httpx", "pydantic", "werkzeug", "yaml", "altcha"} & set(sys.modules) == set()
    """)
    result = pytester.runpytest_subprocess("-p", "captcha_gate.testing.plugin")
    result.assert_outcomes(passed=1)


def test_its_file_imports_the_standard_library_and_pytest_only():
    script = """
import sys
import pytest
before = set(sys.modules)
import captcha_gate.testing.plugin
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['captcha_gate']"


def test_it_is_there_where_the_package_is_installed_and_says_what_it_is_for(run):
    result = run("def test_it(captcha): ...", "--fixtures")
    result.stdout.fnmatch_lines(["captcha -- *", "    Every CAPTCHA passes without a token*"])


def test_it_rules_a_gate_that_was_made_at_import_for_one_test_only(run):
    result = run("""
        import asyncio
        import pytest
        from application import login

        def test_before():
            assert asyncio.run(login()) == 403

        def test_with_it(captcha):
            assert asyncio.run(login()) == 200
            captcha.fails()
            assert asyncio.run(login()) == 403

        def test_with_it_again(captcha):
            assert asyncio.run(login()) == 200
            assert len(captcha.decisions) == 1

        def test_afterwards():
            assert asyncio.run(login()) == 403
    """)
    result.assert_outcomes(passed=4)


def test_a_test_that_fails_leaves_nothing_behind_either(run):
    result = run("""
        import asyncio
        from application import login

        def test_that_fails(captcha):
            captcha.misconfigured()
            raise KeyError

        def test_afterwards():
            assert asyncio.run(login()) == 403
    """)
    result.assert_outcomes(passed=1, failed=1)


def test_async_tests_use_it_as_others_do(run):
    result = run(
        """
        import pytest
        from application import login

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_it(captcha):
            assert await login() == 200
            with captcha.unavailable():
                assert await login() == 503
        """,
        "-p",
        "anyio",
    )
    result.assert_outcomes(passed=1)


def test_it_works_in_parallel_runs(run):
    result = run(
        """
        import asyncio
        import pytest
        from application import login

        @pytest.mark.parametrize("word", ["passes", "fails", "unavailable", "missing"])
        def test_it(captcha, word):
            getattr(captcha, word)()
            assert asyncio.run(login()) == {"passes": 200, "unavailable": 503}.get(word, 403)
        """,
        "-n",
        "2",
    )
    result.assert_outcomes(passed=4)


def test_a_fixture_of_the_same_name_goes_before_it(run):
    result = run("""
        import pytest

        @pytest.fixture
        def captcha():
            return "mine"

        def test_it(captcha):
            assert captcha == "mine"
    """)
    result.assert_outcomes(passed=1)


def test_it_can_be_left_out(run):
    result = run("def test_it(captcha): ...", "-p", "no:captcha_gate")
    result.assert_outcomes(errors=1)


def test_the_production_code_has_no_word_for_it():
    """No switch that a test could leave on: nothing that serves requests knows the test kit."""
    script = "import sys, captcha_gate.asgi, captcha_gate.wsgi; print([n for n in sys.modules if 'testing' in n])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert "captcha_gate" not in found.stdout


def test_the_printed_test_passes(run, pytester, tmp_path):
    [printed] = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "captcha.fails" in block]
    [policy] = [block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "type: fake" in block]
    (tmp_path / "policy.yaml").write_text(policy)
    assert load_policy(tmp_path / "policy.yaml").warnings != ()
    pytester.makeconftest(f"""
        import httpx
        import pytest
        from captcha_gate.wsgi import CaptchaGate

        def answer(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]

        @pytest.fixture
        def client():
            transport = httpx.WSGITransport(CaptchaGate(answer, policy={str(tmp_path / "policy.yaml")!r}))
            with httpx.Client(transport=transport, base_url="http://testserver") as http:
                yield http
    """)
    run(printed).assert_outcomes(passed=1)
