"""Each server is started once, with a stand-in of GeeTest's as its vendor, and all tests of it run against that."""

from __future__ import annotations

import json

import pytest
from support.servers import SERVERS, RunningServer

from captcha_gate.testing.vendors import GeetestV4

RULES = [
    {"name": "login", "match": "/login"},
    {"name": "anywhere", "match": "/anywhere", "token": {"from": ["query", "cookie"]}},
    {"name": "upload", "match": "/upload", "token": {"max_body": "4MiB"}},
    {"name": "read", "match": {"path": "/read", "methods": "any"}},
    {"name": "socket", "match": "/socket", "token": {"from": ["query"]}},
    {"name": "cafe", "match": "/café/{id}"},
    {"name": "ready", "match": "/ready", "action": "allow"},
]


@pytest.fixture(scope="session")
def geetest():
    with GeetestV4(issued_only=False) as server:
        yield server


@pytest.fixture(scope="session", params=SERVERS, ids=lambda kind: kind.name)
def server(request, geetest, tmp_path_factory):
    kind = request.param
    if kind.missing:
        pytest.skip(f"not installed: {', '.join(kind.missing)}")
    folder = tmp_path_factory.mktemp(kind.name)
    policy = folder / "policy.yaml"
    # JSON is YAML.
    policy.write_text(json.dumps({"version": 1, "providers": {"cn": geetest.account()}, "rules": RULES}))
    with RunningServer(kind, policy, folder / "log") as running:
        yield running


@pytest.fixture
def connection(server):
    with server.connect() as connected:
        yield connected
