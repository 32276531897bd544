"""VAPTCHA's device API as a handler behind the gate calls it, against a strict stand-in over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import socket
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from captcha_gate import load_policy
from captcha_gate.errors import DeviceError
from captcha_gate.testing.vendors import Vaptcha, faults
from captcha_gate.vaptcha import async_devices, devices

USER = "5f0c2a9e7b"


@pytest.fixture
def vendor():
    with Vaptcha() as server:
        yield server


def policy_of(vendor, **keys):
    return {
        "version": 1,
        "providers": {"va": vendor.account(**keys), "pow": {"type": "altcha", "hmac_key": "k" * 32}},
        "rules": [{"name": "login", "match": "/login", "providers": ["va"]}],
    }


@pytest.fixture(params=["sync", "async"])
def calls(request):
    """The same four calls of both kinds of client: `with calls(policy) as ask: ask("query", …)`."""

    @contextmanager
    def opened(policy, **options):
        if request.param == "sync":
            with devices(policy, "va", **options) as known:
                yield lambda name, *args, **kwargs: getattr(known, name)(*args, **kwargs)
            return

        def ask(name, *args, **kwargs):
            async def main():
                async with async_devices(policy, "va", **options) as known:
                    return await getattr(known, name)(*args, **kwargs)

            return asyncio.run(main())

        yield ask

    opened.kind = request.param
    return opened


def verified(vendor):
    """`server` and `token` as the handler received them, once the gate has had them verified."""
    fields = vendor.solve()
    server, token = fields["vaptcha_server"], fields["vaptcha_token"]
    body = {"id": vendor.vid, "secretkey": vendor.key, "scene": int(vendor.scene), "token": token, "ip": "192.0.2.7"}
    assert httpx.post(server, json=body).json()["success"] == 1
    return {"server": server, "token": token}


def test_a_device_is_registered_counted_listed_and_forgotten(vendor, calls):
    with calls(policy_of(vendor)) as ask:
        assert ask("query", USER, **verified(vendor)).count == 0
        ask("register", USER, **verified(vendor), always=True)
        use = ask("query", USER, **verified(vendor))
        assert use.count >= 1
        assert use.latest is not None
        assert use.latest.tzinfo is UTC
        [device] = ask("list", USER)
        assert device.system == "Windows"
        assert isinstance(device.latest, datetime)
        ask("exit", USER)
        assert ask("list", USER) == ()


def test_whether_to_register_is_left_to_the_vendor_unless_the_site_insists(vendor, calls):
    with calls(policy_of(vendor)) as ask:
        ask("register", USER, **verified(vendor))
        ask("register", USER, **verified(vendor), always=True)
    told = [request.query["regedit"] for request in vendor.received if request.method == "PUT"]
    assert told == [["0"], ["1"]]


def test_the_calls_are_those_of_the_document(vendor, calls):
    with calls(policy_of(vendor)) as ask:
        for name in ("query", "register"):
            ask(name, "a b&c=d/é", **verified(vendor))
        ask("list", "a b&c=d/é")
        ask("exit", "a b&c=d/é")
    sent = [(request.method, request.path, request.query["id"]) for request in vendor.received if request.query]
    assert sent == [
        ("GET", "/verify/device", ["a b&c=d/é"]),
        ("PUT", "/verify/device", ["a b&c=d/é"]),
        ("GET", "/api/v1/device", ["a b&c=d/é"]),
        ("DELETE", "/api/v1/device", ["a b&c=d/é"]),
    ]


@pytest.mark.parametrize(
    "server",
    [
        "https://evilvaptcha.net/verify",
        "https://a.vaptcha.net.evil.com/verify",
        "https://evil.com\\@a.vaptcha.net/verify",
        "http://127.0.0.1:1/verify",
        "https://a.vaptcha.net/verify/device",
        "https://a.vaptcha.net/verify\n",
        "",
    ],
)
def test_a_server_that_is_not_allowed_opens_no_socket(vendor, calls, server, monkeypatch):
    with calls(policy_of(vendor, allowed_servers=["*.vaptcha.com", "*.vaptcha.net"])) as ask:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
        for name in ("query", "register"):
            with pytest.raises(DeviceError) as refused:
                ask(name, USER, server=server, token="t")
            assert refused.value.reason == "malformed_token"
    assert vendor.accepted == 0


@pytest.mark.parametrize("server", [None, [], ["https://a.vaptcha.net/verify"], b"https://a.vaptcha.net/verify", 5, {}])
def test_a_server_that_is_no_text_is_one_that_is_not_allowed(vendor, calls, server):
    is_malformed(vendor, calls, server=server, token="2b0e8b1c5f7a4d6e")


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        " ",
        "a b",
        "a\nb",
        "<b>",
        5,
        b"2b0e8b1c5f7a4d6e",
        ["2b0e8b1c5f7a4d6e"],
        "x" * 4097,
        "\ud800",
        "offline-x",
    ],
    ids=repr,
)
def test_a_token_that_no_vendor_issues_is_refused_before_any_call(vendor, calls, token):
    is_malformed(vendor, calls, server=f"{vendor.url}/verify", token=token)


def is_malformed(vendor, calls, **fields):
    with calls(policy_of(vendor)) as ask:
        for name in ("query", "register"):
            with pytest.raises(DeviceError) as refused:
                ask(name, USER, **fields)
            assert refused.value.reason == "malformed_token"
    assert vendor.accepted == 0


@pytest.mark.parametrize(
    ("user", "error", "told"),
    [
        (5, TypeError, r"write str\("),
        (None, TypeError, r"write str\("),
        (b"5f0c2a9e7b", TypeError, r"write str\("),
        ("", ValueError, "everybody would share it"),
        (" \t", ValueError, "everybody would share it"),
    ],
)
def test_a_user_that_is_none_is_a_mistake_of_the_caller(vendor, calls, user, error, told):
    with calls(policy_of(vendor)) as ask:
        for name in ("query", "register"):
            with pytest.raises(error, match=told):
                ask(name, user, server=f"{vendor.url}/verify", token="2b0e8b1c5f7a4d6e")
        for name in ("list", "exit"):
            with pytest.raises(error, match=told):
                ask(name, user)
    assert vendor.accepted == 0


FAILURES = {
    "hang": (faults.hang, "timeout"),
    "reset": (faults.reset, "network"),
    "503": (faults.status(503), "provider_error"),
    "429": (faults.status(429), "throttled"),
    "404": (faults.status(404), "bad_reply"),
    "redirect": (faults.redirect("http://127.0.0.1:1/"), "bad_reply"),
    "no data": (faults.says({"code": 200, "msg": "success"}), "bad_reply"),
    "data: a list": (faults.says({"code": 200, "data": [1], "msg": "success"}), "bad_reply"),
    "count: text": (faults.says({"code": 200, "data": {"count": "1"}, "msg": "success"}), "bad_reply"),
    "count: true": (faults.says({"code": 200, "data": {"count": True}, "msg": "success"}), "bad_reply"),
    "code: text": (faults.says({"code": "200", "data": {"count": 1}, "msg": "success"}), "invalid_token"),
    "refused": (faults.says({"code": 400, "data": None, "msg": "token error"}), "invalid_token"),
    "throttled": (faults.says({"code": 429, "data": None, "msg": "too many"}), "throttled"),
    "a list": (faults.says([]), "bad_reply"),
}


@pytest.mark.parametrize(("answer", "reason"), FAILURES.values(), ids=FAILURES)
def test_every_failure_has_a_name(vendor, calls, answer, reason):
    fields = verified(vendor)
    # Long where the vendor answers: a machine that pauses must not look like one that does not.
    with calls(policy_of(vendor, timeout="300ms" if reason == "timeout" else "30s")) as ask:
        vendor.breaks(answer)
        with pytest.raises(DeviceError) as failed:
            ask("query", USER, **fields)
    assert failed.value.reason == reason


def test_no_failure_repeats_the_token_or_the_user(vendor, calls):
    fields = verified(vendor)
    for said in (fields["token"], f"unknown {fields['token']}", "the-user-id-of-somebody"):
        with calls(policy_of(vendor)) as ask:
            vendor.breaks(faults.says({"code": 400, "data": None, "msg": said}))
            with pytest.raises(DeviceError) as failed:
                ask("query", "the-user-id-of-somebody", **fields)
            assert said not in str(failed.value)


def test_a_time_that_is_none_is_none(vendor, calls):
    fields = verified(vendor)
    for latest in (None, 0, -1, "1620957149", 1e9, 10**30, True):
        with calls(policy_of(vendor)) as ask:
            vendor.breaks(faults.says({"code": 200, "data": {"count": 3, "latestTime": latest}, "msg": "success"}))
            assert ask("query", USER, **fields).latest is None


def test_the_account_must_be_one_of_vaptchas(vendor):
    for make in (devices, async_devices):
        for name in ("pow", "nobody"):
            with pytest.raises(LookupError, match="of type vaptcha"):
                make(policy_of(vendor), name)


def test_a_loaded_policy_and_a_client_of_the_users_serve_as_well(vendor):
    policy = load_policy(policy_of(vendor))
    with httpx.Client() as client, devices(policy, "va", http_client=client) as known:
        assert known.list(USER) == ()


def test_the_users_own_calls_with_that_client_are_logged_as_ever(vendor, caplog):
    caplog.set_level("INFO", "httpx")
    with httpx.Client() as client, devices(policy_of(vendor), "va", http_client=client) as known:
        known.list(USER)
        client.get(f"{vendor.url}/elsewhere")
    assert [record.args[1].path for record in caplog.records if record.name == "httpx"] == ["/elsewhere"]


def test_both_clients_have_the_same_methods():
    from captcha_gate.vaptcha import AsyncDevices, Devices

    for name in ("query", "register", "list", "exit"):
        assert inspect.signature(getattr(Devices, name)) == inspect.signature(getattr(AsyncDevices, name))


def test_list_and_exit_say_that_the_document_shows_no_credential():
    from captcha_gate.vaptcha import Devices

    assert "credential" in Devices.list.__doc__
    assert "credential" in Devices.exit.__doc__
