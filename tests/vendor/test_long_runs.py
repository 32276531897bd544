"""A thousand requests into a vendor that fails: what is left of them when it is over. Mocks nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
import tracemalloc
from pathlib import Path

import pytest
from support.faults import a_token, account_at, passes_all
from support.flood import flood
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate.egress import slots
from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.loopback import LoopbackServer

GROWTH = 256 * 1024  # bytes that a thousand requests may leave behind: buffers, caches, what was freed too late


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def world(kind, vendor, breaker, timeout):
    keys = {"breaker": "off"} if breaker == "off" else {}
    policy = policy_of(LOGIN, providers={"cn": account_at(vendor.url, timeout=timeout, **keys)})
    made = LiveWorld(kind, policy, on_decision=None)
    yield made
    made.close()


def left_over(world: LiveWorld) -> tuple[int, int, int]:
    """Open files, threads of ours, and tasks once every call has come to its end."""
    world.settle()
    world.give_up_pool()  # which may keep some connections that the vendor has ended, until it needs one
    gc.collect()
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    threads = sum(thread.name.startswith(("captcha_gate", "asyncio")) for thread in threading.enumerate())
    tasks = len(asyncio.all_tasks(world._runner.get_loop())) if world.kind == "asgi" else 0
    return files, threads, tasks


def wait_until_served(vendor: LoopbackServer) -> None:
    """Wait until the stand-in is done with everybody: whom it accepted before its last guest, it knows of."""
    count = len(vendor.received)
    with socket.create_connection(("127.0.0.1", vendor.port)) as last:
        last.sendall(b"GET / HTTP/1.1\r\n\r\n")
        vendor.wait_for_requests(count + 1)
    vendor.wait_until_left()


def flooded(world: LiveWorld, vendor: LoopbackServer, count: int, at_once: int = 50) -> set[int]:
    statuses = set(flood(world, (a_token() for _ in range(count)), at_once=at_once))
    world.settle()
    wait_until_served(vendor)
    vendor.received.clear()
    world.seen.clear()
    return statuses


@pytest.fixture
def _unlogged():
    """pytest keeps every log record of a test, which is no leak of the gate's."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_unlogged")
@pytest.mark.parametrize("timeout", ["2s"])
@pytest.mark.parametrize(("fault", "breaker"), [("cut_off", "off"), ("hang_up", "on")])
def test_a_thousand_failed_calls_leave_nothing_behind(world, vendor, fault):
    def breaks(connection, request):
        getattr(faults, fault)(connection, request)
        connection.hang_up()  # so that no connection is kept, and all that is open is a leak

    vendor.answer = breaks
    tracemalloc.start()
    try:
        assert flooded(world, vendor, 200) == {503}  # whatever is made once is made
        before = left_over(world)
        begun, _ = tracemalloc.get_traced_memory()
        assert flooded(world, vendor, 1000) == {503}
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - begun
    finally:
        tracemalloc.stop()
    assert grown <= GROWTH
    assert left_over(world) == before


@pytest.mark.parametrize("timeout", ["700ms"])
@pytest.mark.parametrize("breaker", ["on", "off"])
def test_after_hundreds_of_requests_that_ran_out_of_time_all_are_served(world, vendor, breaker, monkeypatch):
    """Calls wait for each other, too: more are under way than may be."""
    monkeypatch.setattr(slots, "MAX_CALLS", 50)
    files, *_ = left_over(world)
    vendor.answer = faults.hang
    assert flooded(world, vendor, 400, at_once=100) == {503}
    assert left_over(world)[0] <= files
    vendor.answer = passes_all
    if breaker == "on":
        world.gate._mounted.gate.vendors._breakers.clear()  # it would let nobody ask for ten seconds
    world.give_up_pool()
    assert set(flood(world, (a_token() for _ in range(100)), at_once=20)) == {200}
