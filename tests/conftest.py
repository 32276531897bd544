"""Fixtures for every test: `kind` runs a test through both adapters, `world` builds a gate of that kind."""

from __future__ import annotations

from collections.abc import Callable
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
