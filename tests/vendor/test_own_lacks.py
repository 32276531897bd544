"""What this process or machine lacks is no vendor's outage: whoever can use it up must not open a gate with it."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpcore
import httpx
import pytest
from support.faults import a_token, account_at, passes_all
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate.egress.resolver import Resolver
from captcha_gate.egress.wire import failure
from captcha_gate.testing.vendors import GeetestV4
from captcha_gate.testing.vendors.loopback import LoopbackServer

TESTS = Path(__file__).parents[1]
HOST = "vendor.invalid"
LACKS = ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL", "EAGAIN")
FORBIDDEN = ("EACCES", "EPERM")
OUTAGES = ("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET")


@pytest.mark.parametrize("kind_and_pool", ["wsgi SyncPool", "asgi AsyncPool", "asgi FastPool"])
def test_a_process_without_file_descriptors_is_overloaded_and_opens_nothing(kind_and_pool):
    """The vendor is well, and would refuse the token."""
    with GeetestV4(issued_only=True) as geetest:
        run = subprocess.run(
            [sys.executable, "-m", "support.without_files", *kind_and_pool.split(), geetest.url],
            cwd=TESTS,
            env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
            capture_output=True,
            timeout=60,
            check=True,
        )
    assert json.loads(run.stdout) == {
        "status": 503,
        "reason": "overloaded",
        "opened": False,
        "after": "invalid_token",
    }


def failed_by(name: str) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number))


def directly(error: OSError) -> Exception:
    return chained(httpcore.ConnectError(str(error)), error)


def in_a_group(error: OSError) -> Exception:
    """As anyio tells of several addresses."""
    other = OSError(errno.ECONNREFUSED, "refused")
    return directly(chained(OSError("All connection attempts failed"), ExceptionGroup("several", [other, error])))


def while_sending(error: OSError) -> Exception:
    return chained(httpcore.WriteError(str(error)), error)


def of_httpx(error: OSError) -> Exception:
    return chained(httpx.ConnectError(str(error)), directly(error))


def chained(error, cause):
    error.__cause__ = cause
    return error


CHAINS = [directly, in_a_group, while_sending, of_httpx]


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", LACKS)
def test_a_lack_of_our_own_is_an_overload_wherever_it_stands_in_the_chain(chain, name):
    failed = failure(chain(failed_by(name)))
    assert (failed.reason, failed.proves_outage, failed.nothing_sent) == ("overloaded", False, False)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_firewall_of_this_machine_proves_nothing_of_the_vendor(name):
    failed = failure(directly(failed_by(name)))
    assert (failed.reason, failed.proves_outage) == ("network", False)


@pytest.mark.parametrize("name", OUTAGES)
def test_what_the_network_says_of_the_vendor_is_an_outage(name):
    failed = failure(directly(failed_by(name)))
    assert (failed.reason, failed.proves_outage) == ("network", True)


@pytest.fixture
def vendor():
    with LoopbackServer(passes_all) as server:
        yield server


@pytest.fixture
def opens(kind, vendor):
    """A gate in front of a vendor that is well, by a name; and the rule opens in outages."""
    account = account_at(f"http://{HOST}:{vendor.port}", breaker="off")
    world = LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account}))
    yield world
    world.close()


@pytest.fixture
def look_up(monkeypatch):
    """Replace what looking `HOST` up does: it may raise; then it is this machine."""
    real = socket.getaddrinfo
    behaviour = [lambda: None]

    def getaddrinfo(host, *args, **kwargs):
        if host in (HOST, HOST.encode()):
            behaviour[0]()
            host = "127.0.0.1"
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda behaves: behaviour.__setitem__(0, behaves)


def raises(error):
    def behaves():
        raise error

    return behaves


@pytest.mark.parametrize(
    "error",
    [
        failed_by("EMFILE"),
        socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"),
        socket.gaierror(socket.EAI_SYSTEM, "System error"),
        MemoryError(),
        RuntimeError("whatever there may be"),
    ],
    ids=repr,
)
def test_a_look_up_that_fails_for_a_lack_of_our_own_opens_nothing(opens, look_up, error):
    look_up(raises(error))
    assert opens.post(data=a_token()).status_code == 503
    assert (opens.decisions[-1].reason, opens.seen) == ("overloaded", [])
    look_up(lambda: None)
    assert opens.post(data=a_token()).status_code == 200


def test_a_look_up_that_says_try_again_while_no_socket_is_to_be_had_proves_nothing(look_up, monkeypatch):
    """What the C library makes of a lack of descriptors differs; so the resolver looks for itself."""

    def without_descriptors():
        monkeypatch.setattr(socket, "socket", raises(failed_by("EMFILE")))
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    look_up(without_descriptors)
    with pytest.raises(httpcore.ConnectError) as failed:
        Resolver().addresses(HOST, 60)
    assert failure(failed.value).reason == "overloaded"


def test_an_unknown_name_is_still_an_outage(opens, look_up):
    look_up(raises(socket.gaierror(socket.EAI_NONAME, "Name or service not known")))
    assert opens.post(data=a_token()).status_code == 200
    assert (opens.decisions[-1].reason, opens.decisions[-1].opened) == ("network", True)


@pytest.fixture
def threads(monkeypatch):
    """Let no look-up begin until told otherwise."""
    real = threading.Thread.start

    def start(self):
        if self.name == "captcha_gate-look-up":
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    return lambda: monkeypatch.setattr(threading.Thread, "start", real)


@pytest.mark.usefixtures("look_up")
def test_a_thread_that_cannot_be_started_opens_nothing_and_is_forgotten(opens, threads):
    assert opens.post(data=a_token()).status_code == 503
    assert (opens.decisions[-1].reason, opens.seen) == ("overloaded", [])
    threads()
    assert opens.post(data=a_token()).status_code == 200


@pytest.mark.usefixtures("threads")
def test_a_look_up_that_never_began_keeps_nobody_waiting():
    resolver = Resolver()
    for _ in range(3):
        with pytest.raises(httpcore.ConnectError):
            resolver.addresses(HOST, 60)
    assert resolver._under_way == {}
