"""A vendor to which no connection can be made, for nobody answers or no name is found: what it costs. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from statistics import median

import pytest
from support.faults import a_token, account_at
from support.live import TRIES, LiveWorld, paused
from support.world import LOGIN, policy_of

TIMEOUT = 0.4  # seconds
SLACK = 5.0  # seconds that a busy machine may add; without a deadline it takes minutes
LAG = 0.2  # seconds that most turns of a busy machine's loop are not late; a look-up on the loop itself takes thirty


@pytest.fixture
def black_hole():
    """The URL of a port that answers no SYN: it listens, accepts nothing, and its queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        probe = held.enter_context(socket.socket())
        probe.settimeout(0.2)
        with pytest.raises(TimeoutError):
            probe.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def gate_asking():
    """Build a gate that asks a URL; it is closed when the test is over."""
    worlds: list[LiveWorld] = []

    def build(kind: str, url: str, on_unavailable: str = "reject", **keys: str) -> LiveWorld:
        account = account_at(url, timeout=f"{TIMEOUT * 1000:.0f}ms", **keys)
        worlds.append(
            LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": on_unavailable}, providers={"cn": account}))
        )
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.mark.parametrize(("on_unavailable", "status"), [("reject", 503), ("allow", 200)])
def test_a_vendor_that_answers_no_syn_is_an_outage_and_ends_in_time(
    kind, black_hole, gate_asking, on_unavailable, status
):
    for _ in range(TRIES):
        world = gate_asking(kind, black_hole, on_unavailable)
        begun = time.monotonic()
        answered = world.post(data=a_token()).status_code
        seconds = time.monotonic() - begun
        if not paused(world, opens=status == 200):
            break
    assert answered == status
    assert seconds <= TIMEOUT * (2 if status == 200 else 1) + SLACK
    [decision] = world.decisions
    assert (decision.reason, decision.opened) == ("timeout", status == 200)


def test_once_it_is_known_that_nobody_answers_nobody_waits(kind, black_hole, gate_asking):
    for _ in range(TRIES):
        world = gate_asking(kind, black_hole)
        world.together(a_token() for _ in range(10))
        if world.post(data=a_token()).json()["code"] == "breaker_open":
            break  # having waited for the proof, which a machine that pauses does not get
    begun = time.monotonic()
    assert {world.post(data=a_token()).json()["code"] for _ in range(40)} == {"breaker_open"}
    assert time.monotonic() - begun <= SLACK  # each that waited would have taken its own timeout


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("breaker", ["on", "off"])
def test_a_resolver_that_hangs_makes_no_event_loop_late(gate_asking, monkeypatch, breaker):
    answered = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host not in ("vendor.invalid", b"vendor.invalid"):
            return real(host, *args, **kwargs)
        answered.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    world = gate_asking("asgi", "http://vendor.invalid", **({"breaker": "off"} if breaker == "off" else {}))

    async def lateness() -> tuple[float, float, set[str]]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        posts = asyncio.gather(*(world.apost(a_token()) for _ in range(20)))
        late: list[float] = []
        while not posts.done():
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            late.append(loop.time() - due)
        return median(late), loop.time() - begun, {response.json()["code"] for response in posts.result()}

    usual, seconds, codes = world.run(lateness())
    look_ups = [thread for thread in threading.enumerate() if thread.name == "captcha_gate-look-up"]
    assert (codes, len(look_ups)) == ({"timeout"}, 1)
    assert usual < LAG
    assert seconds <= TIMEOUT + SLACK
    answered.set()
    for thread in look_ups:
        thread.join(5)
