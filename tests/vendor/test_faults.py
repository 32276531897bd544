"""A vendor that fails in every way there is, over real sockets: what the client gets, how soon, and what is left."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from support.faults import FAULTS, FROM_A_BAD_STATUS, Fault, passes_all, replies
from support.live import LiveWorld
from support.loopback import LoopbackServer
from support.vendor import GeetestServer, a_token, account_at
from support.world import LOGIN, policy_of

TIMEOUT = 0.4  # seconds
SLACK = 0.2  # seconds that a busy machine may add


def gate_asking(kind: str, server: LoopbackServer, on_unavailable: str = "reject", url: str = "") -> LiveWorld:
    policy = policy_of(
        {**LOGIN, "on_unavailable": on_unavailable},
        providers={"cn": account_at(url or server.url, timeout=f"{TIMEOUT * 1000:.0f}ms")},
    )
    return LiveWorld(kind, policy)


def timed_post(world: LiveWorld, token: dict[str, str]) -> tuple[int, float]:
    begun = time.monotonic()
    status = world.post(data=token).status_code
    return status, time.monotonic() - begun


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(params=["reject", "allow"])
def on_unavailable(request):
    return request.param


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def ask(kind, vendor, on_unavailable):
    world = gate_asking(kind, vendor, on_unavailable)
    yield world
    world.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_ends_in_time_in_the_one_documented_way(ask, vendor, on_unavailable, fault: Fault):
    vendor.answer = fault.answer
    token = a_token()
    opened = fault.opens and on_unavailable == "allow"
    status, seconds = timed_post(ask, token)

    [decision] = ask.decisions
    assert (decision.outcome, decision.reason) == (fault.outcome, fault.reason)
    assert status == (200 if opened else fault.status)
    assert len(ask.seen) == (status == 200)
    assert decision.verified == (fault.outcome == "passed")
    assert decision.opened == opened
    # A token that may be spent is never sent twice; the second question is the gate's own.
    probes = on_unavailable == "allow" and fault.opens
    assert [request.lot_number == token["lot_number"] for request in vendor.received] == [True] + [False] * probes
    assert seconds <= TIMEOUT + SLACK + min(TIMEOUT, 1.0) * probes

    vendor.answer = passes_all
    assert ask.post(data=a_token()).status_code == 200
    again = ask.post(data=token)
    released = fault.outcome == "unavailable" and not opened
    assert again.status_code == (200 if released else 403)


LEAVES_NO_CONNECTION = ("hang", "reset", "hang up", "headers drip", "body drips", "200 MB", "body cut off", "no HTTP")


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in LEAVES_NO_CONNECTION], ids=lambda fault: fault.name)
def test_a_failed_call_leaves_no_connection_task_or_thread_behind(ask, vendor, fault):
    assert ask.post(data=a_token()).status_code == 200
    vendor.drop_connections()
    before = open_files()  # with the end of one connection that the pool still has
    vendor.answer = fault.answer
    ask.together(a_token() for _ in range(10))
    ask.settle()
    vendor.wait_until_left(timeout=2)
    assert open_files() <= before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("captcha_gate")]


def test_a_reply_of_200_megabytes_is_not_read(ask, vendor):
    vendor.answer = next(fault.answer for fault in FAULTS if fault.name == "200 MB")
    ask.post(data=a_token())
    vendor.wait_until_left()
    assert vendor.sent < 30_000_000  # what the sockets' buffers took


@pytest.mark.parametrize("body", FROM_A_BAD_STATUS)
@pytest.mark.parametrize(("status", "outcome"), [(302, "unavailable"), (403, "misconfigured"), (429, "unavailable")])
def test_a_refusal_opens_nothing_however_its_body_fails(kind, vendor, status, outcome, body):
    vendor.answer = lambda connection, request: FROM_A_BAD_STATUS[body](connection, status)
    world = gate_asking(kind, vendor, "allow")
    code, seconds = timed_post(world, a_token())
    assert (code, world.decisions[0].outcome, world.seen) == (503, outcome, [])
    assert seconds <= TIMEOUT + SLACK + TIMEOUT
    world.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_opens_nothing(ask, vendor, status):
    with GeetestServer() as elsewhere:
        vendor.answer = replies(status, b"", f"Location: {elsewhere.url}/validate")
        assert ask.post(data=a_token()).status_code == 503
        assert (ask.decisions[0].reason, ask.seen, elsewhere.accepted) == ("bad_reply", [], 0)


def test_a_vendor_that_refuses_connections_is_an_outage_and_its_recovery_passes_the_same_token(kind, on_unavailable):
    opens = on_unavailable == "allow"
    with LoopbackServer(passes_all, listening=False) as vendor:
        world = gate_asking(kind, vendor, on_unavailable)
        token = a_token()
        status, seconds = timed_post(world, token)
        assert (status, world.decisions[0].reason) == (200 if opens else 503, "network")
        assert seconds <= SLACK
        vendor.listen()
        # Opened, it counts as used; refused, it may be tried again.
        assert world.post(data=token).status_code == (403 if opens else 200)
        assert world.post(data=a_token()).status_code == 200
        world.close()


def test_a_connection_that_the_vendor_closed_meanwhile_costs_no_request(kind, vendor):
    world = gate_asking(kind, vendor)
    for _ in range(20):
        assert world.post(data=a_token()).status_code == 200
        vendor.drop_connections()
    assert len(vendor.received) == 20
    world.close()


def test_connections_are_used_again(kind, vendor):
    world = gate_asking(kind, vendor)
    assert [world.post(data=a_token()).status_code for _ in range(20)] == [200] * 20
    assert vendor.accepted == 1
    world.close()


def test_proxies_and_certificates_of_the_environment_are_not_used(kind, vendor, monkeypatch):
    with LoopbackServer(passes_all) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
        world = gate_asking(kind, vendor)
        assert world.post(data=a_token()).status_code == 200
        assert proxy.accepted == 0
        world.close()


def test_the_stand_in_passes_what_geetest_would_and_only_once(kind):
    with GeetestServer() as geetest:
        world = gate_asking(kind, geetest)
        good = a_token()
        assert world.post(data=good).status_code == 200
        assert dict(world.seen[0].decision.detail["captcha_args"])["used_type"] == "slide"
        assert world.post(data=good).json()["code"] == "replayed"
        assert len(geetest.received) == 1
        world.close()
