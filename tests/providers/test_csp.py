"""What each vendor's widget needs of a Content-Security-Policy, and where its script is loaded from."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.siteverify import ACCOUNTS, account
from support.world import GEETEST, policy_of

from captcha_gate.providers.registry import known_types, provider_class

PAGES = Path(__file__).parent.parent.parent / "examples" / "vendors" / "pages"
SOURCE = re.compile(r"https://(\*\.)?[a-z0-9.-]+(/[a-z0-9@_/-]*)?|'wasm-unsafe-eval'|blob:")


@pytest.mark.parametrize("kind", known_types())
def test_every_source_is_one_and_they_differ(kind):
    found = provider_class(kind)
    assert all(SOURCE.fullmatch(source) for source in found.csp)
    assert len(set(found.csp)) == len(found.csp)
    has_widget = kind not in ("altcha", "fake", "siteverify")
    assert bool(found.csp) is has_widget


@pytest.mark.parametrize("page", ["geetest-v3", "geetest-v4", "yunpian", "vaptcha", "vaptcha-v4"])
def test_a_page_of_the_examples_names_the_same_hosts(page):
    comment = (PAGES / f"{page}.html").read_text(encoding="utf-8").partition("-->")[0].partition("scripts name:")[2]
    found = provider_class(page)
    assert set(re.findall(r"https://\S+", comment)) == set(found.csp)
    assert found.unsafe_styles


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_the_script_may_be_loaded_whoever_serves_it(kind):
    provider = account(kind)
    hosts = [urlsplit(source).hostname or "" for source in provider.csp_sources]
    if provider.script is not None:
        host = urlsplit(provider.script).hostname
        assert any(host == own or (own.startswith("*.") and host.endswith(own[1:])) for own in hosts)
    elsewhere = account(kind, script="https://static.example.com/widget.js?v=1")
    assert {*elsewhere.csp_sources} == {*provider.csp_sources, "https://static.example.com"}
    own = account(kind, script="/static/widget.js")
    assert {*own.csp_sources} == {*provider.csp_sources, "'self'"}


def test_a_server_of_ones_own_is_a_source():
    assert "https://cap.example.com" in account("cap").csp_sources
    assert "https://mcaptcha.example.com" in account("mcaptcha", base_url="https://mcaptcha.example.com/a").csp_sources


def test_every_provider_of_a_policy_has_them():
    [provider] = policy_of().providers.values()
    assert provider.type == GEETEST["type"]
    assert provider.csp_sources == type(provider).csp
    assert provider.unsafe_styles is True
