"""A vendor that fails in every way there is, over real sockets: what the client gets, how soon, and what is left."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.faults import FAULTS, FROM_A_BAD_STATUS, Fault, a_token, account_at, by_token, lot_number, passes_all
from support.live import TRIES, LiveWorld, paused
from support.world import LOGIN, policy_of

from captcha_gate.testing.vendors import GeetestV4
from captcha_gate.testing.vendors.loopback import Answer, LoopbackServer, replies

TIMEOUT = 0.4  # seconds
LONG = 30.0  # seconds: where the vendor answers, and it is no matter of time
SLACK = 5.0  # seconds that a busy machine may add; a deadline that does not hold takes twenty


def gate_asking(
    kind: str, server: LoopbackServer, on_unavailable: str = "reject", timeout: float = TIMEOUT
) -> LiveWorld:
    policy = policy_of(
        {**LOGIN, "on_unavailable": on_unavailable},
        providers={"cn": account_at(server.url, timeout=f"{timeout * 1000:.0f}ms")},
    )
    return LiveWorld(kind, policy)


def answer_to(world: LiveWorld, token: dict[str, str]) -> int:
    """The status that a token gets from a vendor that answers: asked again where the answer was late."""
    for _ in range(TRIES):
        status = world.post(data=token).status_code
        if status != 503:
            break
    return status


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
def timeout():
    return LONG


@pytest.fixture
def new_gate(kind, vendor, on_unavailable, timeout):
    """Build a gate that asks the vendor; all of them are closed when the test is over."""
    worlds: list[LiveWorld] = []

    def build() -> LiveWorld:
        worlds.append(gate_asking(kind, vendor, on_unavailable, timeout))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def ask(new_gate):
    return new_gate()


def with_their_timeouts(faults):
    return [pytest.param(fault, TIMEOUT if fault.slow else LONG, id=fault.name) for fault in faults]


@pytest.mark.parametrize(("fault", "timeout"), with_their_timeouts(FAULTS))
def test_every_fault_ends_in_time_in_the_one_documented_way(new_gate, vendor, on_unavailable, fault: Fault):
    vendor.answer = fault.answer
    opened = fault.opens and on_unavailable == "allow"
    for _ in range(TRIES):
        vendor.received.clear()
        ask, token = new_gate(), a_token()
        status, seconds = timed_post(ask, token)
        if not (fault.slow and paused(ask, opens=opened)):
            break

    [decision] = ask.decisions
    assert (decision.outcome, decision.reason) == (fault.outcome, fault.reason)
    assert status == (200 if opened else fault.status)
    assert len(ask.seen) == (status == 200)
    assert decision.verified == (fault.outcome == "passed")
    assert decision.opened == opened
    # A token that may be spent is never sent twice; the second question is the gate's own.
    probes = on_unavailable == "allow" and fault.opens
    assert [lot_number(request) == token["lot_number"] for request in vendor.received] == [True] + [False] * probes
    assert seconds <= TIMEOUT + SLACK + min(TIMEOUT, 1.0) * probes

    vendor.answer = passes_all
    assert answer_to(ask, a_token()) == 200
    released = fault.outcome == "unavailable" and not opened
    assert answer_to(ask, token) == (200 if released else 403)


LEAVES_NO_CONNECTION = ("hang", "reset", "hang up", "headers drip", "body drips", "200 MB", "body cut off", "no HTTP")


@pytest.mark.parametrize("on_unavailable", ["allow"])  # which asks the probe as well
@pytest.mark.parametrize(("fault", "timeout"), with_their_timeouts(FAULTS))
def test_no_call_leaves_a_file_task_or_thread_behind(ask, vendor, fault):
    assert answer_to(ask, a_token()) == 200
    vendor.drop_connections()
    before = open_files()  # with the end of one connection that the pool still has
    vendor.answer = fault.answer
    ask.together(a_token() for _ in range(10))
    ask.settle()
    if fault.name not in LEAVES_NO_CONNECTION:
        ask.give_up_pool()  # an answer leaves a connection for the next call
    vendor.wait_until_left(timeout=2)
    assert open_files() <= before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("captcha_gate")]
    assert ask.tasks() == set()


def test_a_reply_of_200_megabytes_is_not_read(ask, vendor):
    vendor.answer = next(fault.answer for fault in FAULTS if fault.name == "200 MB")
    ask.post(data=a_token())
    vendor.wait_until_left()
    assert vendor.sent < 30_000_000  # what the sockets' buffers took


@pytest.mark.parametrize("body", FROM_A_BAD_STATUS)
@pytest.mark.parametrize(("status", "outcome"), [(302, "unavailable"), (403, "misconfigured"), (429, "unavailable")])
def test_a_refusal_opens_nothing_however_its_body_fails(kind, vendor, status, outcome, body):
    vendor.answer = lambda connection, request: FROM_A_BAD_STATUS[body](connection, status)
    for _ in range(TRIES):
        with closing(gate_asking(kind, vendor, "allow")) as world:
            code, seconds = timed_post(world, a_token())
            assert (code, world.seen) == (503, [])
            if not paused(world, opens=False):
                break
    assert world.decisions[0].outcome == outcome
    assert seconds <= TIMEOUT + SLACK + TIMEOUT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_opens_nothing(ask, vendor, status):
    with GeetestV4(issued_only=False) as elsewhere:
        vendor.answer = replies(status, b"", f"Location: {elsewhere.url}/validate")
        assert ask.post(data=a_token()).status_code == 503
        assert (ask.decisions[0].reason, ask.seen, elsewhere.accepted) == ("bad_reply", [], 0)


def test_a_vendor_that_refuses_connections_is_an_outage_and_its_recovery_passes_the_same_token(kind, on_unavailable):
    opens = on_unavailable == "allow"
    with LoopbackServer(passes_all, listening=False) as vendor:
        world = gate_asking(kind, vendor, on_unavailable, LONG)
        token = a_token()
        status, seconds = timed_post(world, token)
        assert (status, world.decisions[0].reason) == (200 if opens else 503, "network")
        assert seconds <= SLACK
        vendor.listen()
        # Opened, it counts as used; refused, it may be tried again.
        assert world.post(data=token).status_code == (403 if opens else 200)
        assert world.post(data=a_token()).status_code == 200
        world.close()


def test_a_connection_that_the_vendor_closed_meanwhile_costs_no_request(kind, vendor, monkeypatch):
    monkeypatch.setattr("captcha_gate.egress.fast._HEARD_OF_ALL", 0.0)  # each time as if hours had passed
    world = gate_asking(kind, vendor, timeout=LONG)
    for _ in range(20):
        assert world.post(data=a_token()).status_code == 200
        vendor.drop_connections()
    assert len(vendor.received) == 20
    world.close()


def test_connections_are_used_again(kind, vendor):
    world = gate_asking(kind, vendor, timeout=LONG)
    assert [world.post(data=a_token()).status_code for _ in range(20)] == [200] * 20
    assert vendor.accepted == 1
    world.close()


def test_proxies_and_certificates_of_the_environment_are_not_used(kind, vendor, monkeypatch):
    with LoopbackServer(passes_all) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
        world = gate_asking(kind, vendor, timeout=LONG)
        assert world.post(data=a_token()).status_code == 200
        assert proxy.accepted == 0
        world.close()


def test_the_stand_in_passes_what_geetest_would_and_only_once(kind):
    with GeetestV4(issued_only=False) as geetest:
        world = gate_asking(kind, geetest, timeout=LONG)
        good = a_token()
        assert world.post(data=good).status_code == 200
        assert dict(world.seen[0].decision.detail["captcha_args"])["used_type"] == "slide"
        assert world.post(data=good).json()["code"] == "replayed"
        assert len(geetest.received) == 1
        world.close()


@pytest.mark.parametrize("timeout", [TIMEOUT])
def test_a_vendor_that_refuses_on_the_second_try_what_it_did_not_answer_on_the_first_refuses(
    ask, vendor, on_unavailable
):
    """The token was spent by the first: nothing can be told of it any more, and that opens nothing."""
    token = a_token()
    spent = replies(200, b'{"status": "success", "result": "fail", "reason": "pass_token expire"}')
    vendor.answer = by_token([token], lambda connection, request: connection.hold(), spent)
    assert ask.post(data=token).json()["code"] == "timeout"
    vendor.answer = spent
    second = ask.post(data=token)
    assert (second.status_code, second.json()["code"]) == (403, "expired")
    assert [decision.outcome for decision in ask.decisions] == ["unavailable", "failed"]
    assert ask.seen == []
    # Where the rule asked for a proof, the vendor's word on a token of ours was the answer that refused.
    asked = [lot_number(request) == token["lot_number"] for request in vendor.received]
    assert asked == ([True, True] if on_unavailable == "reject" else [True, False, True])


def test_a_vendor_that_speaks_of_its_own_error_is_up_and_opens_nothing(ask, vendor):
    """It answers: whoever can make it stumble over a token must not be let through for that."""
    token = a_token()
    vendor.answer = replies(200, b'{"status": "error", "code": "-50000", "msg": "system error"}')
    assert ask.post(data=token).json()["code"] == "provider_error"
    assert ask.seen == []
    vendor.answer = passes_all
    assert ask.post(data=token).status_code == 200


def endless(beginning: bytes, repeated: bytes) -> Answer:
    """A reply whose headers have no end, sent as fast as it is read."""

    def answer(connection, request):
        connection.send(beginning)
        while True:
            connection.send(repeated)

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n" * 500), "network"),
        (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 5000), "network"),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 200), "timeout"),
    ],
    ids=["headers", "one header", "100 Continue"],
)
def test_headers_without_end_are_an_outage_that_ends_in_time(kind, vendor, answer, reason):
    vendor.answer = answer
    world = gate_asking(kind, vendor)
    status, seconds = timed_post(world, a_token())
    assert (status, world.decisions[0].reason) == (503, reason)
    assert seconds <= TIMEOUT + SLACK
    vendor.answer = passes_all
    assert answer_to(world, a_token()) == 200
    world.close()


def test_a_vendor_that_closes_its_connections_between_two_hundred_requests_costs_none(kind, vendor):
    world = gate_asking(kind, vendor, timeout=LONG)
    statuses = []
    for _ in range(20):
        statuses += [response.status_code for response in world.together(a_token() for _ in range(10))]
        vendor.drop_connections()
    assert statuses == [200] * 200
    assert len(vendor.received) == 200
    assert vendor.accepted >= 20
    world.close()
