"""TLS to the vendor: what cannot be trusted is refused for good, what does not answer is an outage."""

from __future__ import annotations

import ssl
import time

import pytest
import trustme
from support.faults import a_token, account_at, passes_all
from support.live import TRIES, LiveWorld, paused
from support.world import LOGIN, policy_of

from captcha_gate.testing.vendors.loopback import LoopbackServer

TIMEOUT = 0.4  # seconds
SLACK = 5.0  # seconds that a busy machine may add; without a deadline it takes for ever
BRIEF = {"timeout": f"{TIMEOUT * 1000:.0f}ms"}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, monkeypatch):
    """Let gates trust the tests' own authority, as they trust the public ones."""

    def certificates() -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    monkeypatch.setattr("captcha_gate.egress.fetch._certificates", certificates)


def serving(authority, *identities: str, **options) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*identities, **options).configure_cert(context)
    return context


def gate_asking(kind: str, server: LoopbackServer, **keys: str) -> LiveWorld:
    account = account_at(server.url, **keys)
    return LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account}))


def is_refused_for_good(world: LiveWorld, server: LoopbackServer) -> bool:
    status = world.post(data=a_token()).status_code
    [decision] = world.decisions
    world.close()
    seen = (status, decision.outcome, decision.reason, world.seen, server.received)
    return seen == (503, "unavailable", "network", [], [])


def test_a_trusted_certificate_of_the_right_host_passes(kind, authority, trusted):
    with LoopbackServer(passes_all, tls=serving(authority, "127.0.0.1")) as vendor:
        world = gate_asking(kind, vendor)
        assert world.post(data=a_token()).status_code == 200
        assert world.seen[0].decision.verified
        world.close()


def test_a_certificate_of_an_unknown_authority_opens_nothing(kind, authority):
    with LoopbackServer(passes_all, tls=serving(authority, "127.0.0.1")) as vendor:
        assert is_refused_for_good(gate_asking(kind, vendor), vendor)


def test_a_trusted_certificate_of_another_host_opens_nothing(kind, authority, trusted):
    with LoopbackServer(passes_all, tls=serving(authority, "gcaptcha4.geetest.com")) as vendor:
        assert is_refused_for_good(gate_asking(kind, vendor), vendor)


def test_an_expired_certificate_opens_nothing(kind, authority, trusted):
    import datetime

    end = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    begin = datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)
    tls = serving(authority, "127.0.0.1", not_before=begin, not_after=end)
    with LoopbackServer(passes_all, tls=tls) as vendor:
        assert is_refused_for_good(gate_asking(kind, vendor), vendor)


def test_a_handshake_that_stalls_is_an_outage_and_ends_in_time(kind, authority, trusted):
    with LoopbackServer(passes_all, tls=serving(authority, "127.0.0.1")) as vendor:
        vendor.stalls = True
        for _ in range(TRIES):
            world = gate_asking(kind, vendor, **BRIEF)
            begun = time.monotonic()
            world.post(data=a_token())
            seconds = time.monotonic() - begun
            if not paused(world, opens=True):
                break
            world.close()
        assert seconds <= 2 * TIMEOUT + SLACK
        [decision] = world.decisions
        assert (decision.opened, decision.reason) == (True, "timeout")
        vendor.stalls = False
        assert any(world.post(data=a_token()).status_code == 200 for _ in range(TRIES))
        assert world.decisions[-1].verified
        world.settle()
        world.close()


def test_a_server_that_speaks_no_tls_is_an_outage(kind, authority):
    with LoopbackServer(passes_all) as plain:
        account = account_at(plain.url.replace("http:", "https:"), **BRIEF)
        world = LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "reject"}, providers={"cn": account}))
        assert world.post(data=a_token()).status_code == 503
        assert world.decisions[0].reason in ("network", "timeout")
        world.close()
