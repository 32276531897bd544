"""Hosts that clients name, as VAPTCHA's are: whatever they name, nobody else's calls are held up. Stays on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx
import pytest
from support.faults import a_token, account_at, passes_all
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate.effects import Fetch
from captcha_gate.egress.deadline import AsyncDeadlineBackend
from captcha_gate.egress.fetch import AsyncFetcher, SyncFetcher
from captcha_gate.egress.resolver import MAX_LOOK_UPS, Resolver
from captcha_gate.egress.slots import AsyncSlots, SyncSlots
from captcha_gate.errors import FetchError
from captcha_gate.testing.vendors.loopback import LoopbackServer

VAPTCHA = {"type": "vaptcha", "vid": "5b4d9c33a485e50410192331", "key": "a key for tests", "timeout": "10s"}


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def names(monkeypatch):
    """What names are asked for, and an event that lets those of VAPTCHA be answered; other names are this machine."""
    asked, release, real = [], threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host.endswith(".invalid"):
            host = "127.0.0.1"
        if host.endswith("vaptcha.com"):
            asked.append(host)
            assert release.wait(30)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked, release
    release.set()
    for thread in threading.enumerate():
        if thread.name == "captcha_gate-look-up":
            thread.join(5)


def test_silent_names_of_one_domain_hold_up_no_other_vendor(kind, names):
    asked, release = names

    def passes_and_releases(connection, request) -> None:
        passes_all(connection, request)
        release.set()  # only now are the silent names answered: whoever waited for them would have waited in vain

    flood = [
        {"vaptcha_server": f"https://n{number}.vaptcha.com/verify", "vaptcha_token": f"t{number}"}
        for number in range(50)
    ]
    with LoopbackServer(passes_and_releases) as vendor:
        accounts = {"va": VAPTCHA, "cn": account_at(f"http://vendor.invalid:{vendor.port}", timeout="5s")}
        world = LiveWorld(kind, policy_of({**LOGIN, "providers": ["va", "cn"]}, providers=accounts))
        try:
            *flooded, honest = world.together([*flood, a_token()])
        finally:
            world.close()
    assert honest.status_code == 200
    # A name that nobody has is a bad token; names that were too many at a time are refused as our own overload.
    assert {reply.status_code for reply in flooded} <= {403, 503}
    assert {decision.reason for decision in world.decisions} <= {"ok", "invalid_token", "overloaded"}
    assert asked


def test_few_names_of_a_domain_are_looked_up_at_a_time_and_one_name_once(names):
    asked, release = names
    resolver = Resolver()
    with ThreadPoolExecutor(32) as pool:
        same = [pool.submit(resolver.addresses, "n0.vaptcha.com", 20) for _ in range(10)]
        others = [pool.submit(resolver.addresses, f"n{n}.vaptcha.com", 20) for n in range(1, MAX_LOOK_UPS)]
        while len(asked) < MAX_LOOK_UPS:  # ends: each of these has a thread of its own
            threading.Event().wait(0.001)
        with pytest.raises(httpcore.PoolTimeout):
            resolver.addresses("one-more.vaptcha.com", 20)
        assert resolver.addresses("another.invalid", 20) == ["127.0.0.1"]
        release.set()
        for each in [*same, *others]:
            with pytest.raises(httpcore.ConnectError):
                each.result()
    assert len(asked) == len(set(asked)) == MAX_LOOK_UPS
    release.set()
    with pytest.raises(httpcore.ConnectError):
        resolver.addresses("one-more.vaptcha.com", 20)


def test_looking_up_takes_no_thread_that_the_event_loop_shares(names):
    _, release = names

    async def main() -> int:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        fetcher = AsyncFetcher()
        fetch = Fetch(httpx.Request("GET", "http://silent.vaptcha.com/"), 10.0)
        call = asyncio.create_task(fetcher.perform(fetch))
        await asyncio.sleep(0)
        answer = await asyncio.to_thread(lambda: 42)
        release.set()
        with pytest.raises(FetchError):
            await call
        await fetcher.aclose()
        return answer

    assert asyncio.run(main()) == 42


def test_the_next_address_of_a_name_is_tried_where_one_refuses(kind, vendor, monkeypatch):
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host == "vendor.invalid":
            return [*real("127.0.0.2", *args, **kwargs), *real("127.0.0.1", *args, **kwargs)]
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    account = account_at(f"http://vendor.invalid:{vendor.port}")
    world = LiveWorld(kind, policy_of(providers={"cn": account}))
    try:
        assert world.post(data=a_token()).status_code == 200
    finally:
        world.close()


def test_an_address_that_is_silent_leaves_the_others_their_time(monkeypatch):
    tried = []

    class Silent:
        async def connect_tcp(self, host, port, timeout, *_):
            tried.append((host, round(timeout, 1)))
            raise httpcore.ConnectTimeout("silent")

    async def main() -> None:
        from captcha_gate.egress.deadline import DEADLINE

        loop = asyncio.get_running_loop()
        DEADLINE.set(loop.time() + 4.0)
        backend = AsyncDeadlineBackend()
        backend._backend = Silent()

        async def addresses(host, timeout):
            return ["192.0.2.1", "192.0.2.2"]

        backend._resolver.aaddresses = addresses
        with pytest.raises(httpcore.ConnectTimeout):
            await backend.connect_tcp("vendor.invalid", 443)

    asyncio.run(main())
    assert tried == [("192.0.2.1", 2.0), ("192.0.2.2", 4.0)]


def asking(name, **more):
    return Fetch(httpx.Request("GET", f"https://{name}.vaptcha.com/"), 1.0, **more)


def test_a_queue_is_forgotten_once_nobody_is_in_it():
    sync_slots = SyncSlots()
    for number in range(100):
        with sync_slots.taken(asking(f"n{number}")), sync_slots.taken(asking("same")):
            assert len(sync_slots) == 2
    assert len(sync_slots) == 0

    async def main() -> int:
        slots = AsyncSlots()
        for number in range(100):
            async with slots.taken(asking(f"n{number}")):
                assert len(slots) == 1
        return len(slots)

    assert asyncio.run(main()) == 0


def test_what_is_urgent_does_not_queue_behind_what_is_not():
    slots = SyncSlots(at_most=1)
    with slots.taken(asking("same")), slots.taken(asking("same", urgent=True)):
        assert len(slots) == 2


def test_a_thread_asks_with_the_fetcher_of_threads_too(names):
    _, release = names
    release.set()
    fetcher = SyncFetcher()
    with pytest.raises(FetchError) as refused:
        fetcher.perform(Fetch(httpx.Request("GET", "http://nobody.vaptcha.com/"), 5.0))
    assert refused.value.reason == "network"
    fetcher.close()
