"""The URL of a store: what it may say, and that nobody reads its password."""

from __future__ import annotations

import sys

import pytest
from support.live import LiveWorld
from support.world import TOKEN, policy_of

from captcha_gate import PolicyError, load_policy
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.stores.base import check_store_url, open_store
from captcha_gate.wsgi import CaptchaGate as WsgiGate

RIGHT = [
    "memory://",
    "redis://localhost",
    "redis://localhost/",
    "redis://localhost:6379/0",
    "redis://[::1]:6379/15",
    "redis://user:p%40ss@host:6379/0?prefix=shop%3A",
    "redis://:pass@host?prefix=",
    "rediss://host/0",
    "unix:///run/redis.sock",
    "unix:///run/redis.sock?db=2&prefix=shop:",
    "unix://user:pass@/run/redis.sock",
]
WRONG = [
    "",
    "memory",
    "memory://x",
    "redis",
    "redis:",
    "redis://",
    "redis:///0",
    "redis://host/zero",
    "redis://host/0/1",
    "redis://host/-1",
    "redis://host:port/0",
    "redis://host:70000/0",
    "redis://user:canary/word@host/0",
    "redis://:can#ary@host/0",
    "redis://host/0#canary",
    "redis://[::1/0",
    "redis://host/0?prefix",
    "redis://host/0?prefix=a&prefix=b",
    "redis://host/0?db=1",
    "redis://host/0?password=canary",
    "redis://host/0?ssl_cert_reqs=none",
    "rediss://host/0?ssl_check_hostname=false",
    "redis://host/0?socket_timeout=1000",
    "REDIS+TLS://host",
    "http://host",
    "unix://run/redis.sock",
    "unix:///",
    "unix:///run/redis.sock?db=two",
    "unix:///run/redis.sock?password=canary",
]


@pytest.mark.parametrize("url", RIGHT)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_store_that_exists_is_opened_without_being_asked(url, asynchronous):
    assert check_store_url(url) is None
    assert open_store(url, asynchronous=asynchronous).shared is (url != "memory://")


@pytest.mark.parametrize("url", WRONG)
def test_any_other_url_is_a_problem_that_does_not_quote_it(url):
    wrong = check_store_url(url)
    assert wrong
    assert "canary" not in wrong
    with pytest.raises(ValueError, match=r"^store: ") as caught:
        open_store(url, asynchronous=False)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("url", WRONG)
def test_loading_and_mounting_say_so_too(kind, url):
    gate = WsgiGate if kind == "wsgi" else AsgiGate
    with pytest.raises(PolicyError, match="store: ") as loading:
        policy_of(store=url)
    with pytest.raises(PolicyError, match="store: ") as mounting:
        gate(lambda *anything: None, policy_of(), store=url)
    assert "canary" not in f"{loading.value} {mounting.value}"


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "captcha_gate.stores.redis", None)
    monkeypatch.delitem(sys.modules, "captcha_gate.stores.redis")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ValueError, match=r"pip install 'captcha_gate\[redis\]'"):
        open_store("redis://localhost", asynchronous=False)


def test_the_password_stands_in_no_repr_log_or_decision(kind, redis_server, caplog):
    url = redis_server.url.replace("//", "//canary-user:canary-word@")
    world = LiveWorld(kind, policy_of(store=url))
    try:
        assert world.post(headers={"X-Captcha-Lot-Number": "a"}).status_code == 403
        assert world.post(data=TOKEN).status_code == 503
    finally:
        world.close()
    store = world.gate._mounted.store
    told = [repr(world.policy), repr(store), repr(world.gate), repr(world.gate._mounted), repr(vars(store))]
    told += [str(decision.as_dict()) + repr(decision) for decision in world.decisions]
    told += [str(vars(record)) for record in caplog.records]
    assert world.decisions[-1].reason == "store_error"
    assert caplog.records
    assert "canary" not in " ".join(told)


def test_the_url_of_a_policy_may_come_from_a_file(tmp_path):
    (tmp_path / "url").write_text("redis://:secret@host/1?prefix=shop:\n")
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\nstore: ${{file:{tmp_path}/url}}\nrules: []\n")
    assert load_policy(file).store == "redis://:secret@host/1?prefix=shop:"
