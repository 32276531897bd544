"""Finding the vendor's address: a resolver that stalls or knows nothing. Resolves nothing outside this machine."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from support.faults import a_token, account_at, passes_all
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate.testing.vendors.loopback import LoopbackServer

HOST = "vendor.invalid"


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def asking(kind, vendor):
    """A gate whose vendor has this name. Its time is long unless it is said to be short."""
    made = []

    def build(timeout="30s"):
        account = account_at(f"http://{HOST}:{vendor.port}", timeout=timeout)
        made.append(LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "reject"}, providers={"cn": account})))
        return made[-1]

    yield build
    for world in made:
        world.close()


@pytest.fixture
def resolver(monkeypatch):
    """Replace what resolving `HOST` does: a function of no arguments that may raise; then it is this machine."""

    def set_to(behaves) -> None:
        real = socket.getaddrinfo

        def getaddrinfo(host, *args, **kwargs):
            if host in (HOST, HOST.encode()):
                behaves()
                host = "127.0.0.1"
            return real(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return set_to


def test_a_name_is_resolved_and_connected_to(asking, resolver):
    resolver(lambda: None)
    assert asking().post(data=a_token()).status_code == 200


def test_an_unknown_name_is_an_outage(asking, resolver):
    def unknown() -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver(unknown)
    world = asking()
    assert world.post(data=a_token()).status_code == 503
    assert world.decisions[0].reason == "network"


def test_a_resolver_that_stalls_ends_in_time_and_leaves_no_connection(asking, vendor, resolver):
    answered = threading.Event()
    resolver(lambda: answered.wait(60))
    world = asking(timeout="300ms")
    begun = time.monotonic()
    assert world.post(data=a_token()).status_code == 503
    assert time.monotonic() - begun <= 20
    assert world.decisions[0].reason == "timeout"
    answered.set()
    for thread in threading.enumerate():
        if thread.name.startswith("captcha_gate"):
            thread.join(5)
    world.settle()
    vendor.wait_until_left()
    assert vendor.received == []
