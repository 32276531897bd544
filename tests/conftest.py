"""Fixtures for every test: `kind` runs a test through both adapters, `world` builds a gate of that kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any

import pytest
from support.world import KINDS, PASSES, World, answering, policy_of

from captcha_gate import Policy


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The adapter: each test that asks for it runs once with either."""
    return str(request.param)


@pytest.fixture
def world(kind: str) -> Callable[..., World]:
    """Build a gate: `world(policy, vendor, **options of CaptchaGate)`. By default the vendor passes every token."""

    def build(policy: Policy | None = None, vendor: Any = None, **options: Any) -> World:
        return World(kind, policy or policy_of(), vendor or answering(PASSES), options)

    return build


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything must be installed, a test that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped although CI=true: {report.longrepr}"
    return report
