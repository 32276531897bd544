"""What the README shows is what is there: the decision, the policies, the outcomes, the commands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from captcha_gate import Outcome, Reason, load_policy
from captcha_gate.outcome import REASONS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_printed_decision_is_the_code():
    source = (ROOT / "captcha_gate" / "gate.py").read_text(encoding="utf-8")
    parts = re.findall(r" *# README: the decision\n(.*?)\n *# README: end", source, re.DOTALL)
    printed = "\n\n\n".join(textwrap.dedent(part).strip() for part in parts)
    assert printed in [block.strip() for block in blocks("python")]


@pytest.mark.parametrize("number", range(2))
def test_the_printed_policies_load(number, tmp_path):
    text = [block for block in blocks("yaml") if block.startswith("version: 1\n")][number]
    if "include:" in text:
        (tmp_path / "rules.d").mkdir()
        (tmp_path / "rules.d" / "more.yaml").write_text("- {name: signup, match: /signup}\n")
        secret = tmp_path / "altcha"
        secret.write_text("a key for this test\n")
        text = text.replace("/run/secrets/altcha", str(secret))
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    policy = load_policy(file, environment={"GEETEST_ID": "id", "GEETEST_KEY": "key"})
    assert policy.rules


def test_the_table_of_outcomes_is_complete():
    for outcome, reasons in REASONS.items():
        if reasons:
            [row] = [line for line in README.splitlines() if line.startswith(f"| `{outcome}` |")]
            assert set(re.findall(r"`([a-z_]+)`", row.split("|")[2])) == {reason.value for reason in reasons}
    assert {reason for reasons in REASONS.values() for reason in reasons} == set(Reason)
    assert set(REASONS) == set(Outcome)


def test_the_changelog_names_the_version():
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
