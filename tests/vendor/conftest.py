"""Both ways to send on an event loop: by aiohttp, where the extra `fast` is installed, and by httpcore where not."""

from __future__ import annotations

import pytest

from captcha_gate.egress import fetch
from captcha_gate.egress.fast import FastPool
from captcha_gate.egress.pools import AsyncPool

KINDS = {"wsgi": ("wsgi", None), "asgi": ("asgi", FastPool), "asgi by httpcore": ("asgi", AsyncPool)}


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """The adapter, and how it sends."""
    adapter, pool = KINDS[request.param]
    if pool is not None:
        monkeypatch.setattr(fetch, "_best_pool", lambda: pool)
    return adapter


@pytest.fixture(params=[FastPool, AsyncPool])
def pool(request, monkeypatch):
    """How an event loop sends, for tests of one adapter."""
    monkeypatch.setattr(fetch, "_best_pool", lambda: request.param)
