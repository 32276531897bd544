"""How much work a request causes, counted: a regression fails without a stopwatch. `make bench` has the times."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.world import LOGIN, PASSES, REFUSES, TOKEN, answering, policy_of

import captcha_gate
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.conditions import Matcher
from captcha_gate.mounting import Mounted
from captcha_gate.patterns import PathIndex, PathPattern
from captcha_gate.request import Proxies, RequestView
from captcha_gate.stores.memory import MemoryStore

PACKAGE = str(Path(captcha_gate.__file__).parent)
IN_HEADERS = {"X-Captcha-" + name.replace("_", "-"): value for name, value in TOKEN.items()}
#: A path that a rule has, some near one, some far from all.
PATHS = (
    "/area5/item5/edit",
    "/area5/x5/anything",
    "/area5/item5/view",
    "/area5",
    "/static/app.js",
    "/",
    "/area5//item5/edit",
)
#: Objects that the garbage collector knows and that a request holds while its vendor is asked, and a tenth more.
MOST_OBJECTS = 43
SCOPE = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "client": ("127.0.0.1", 1)}
#: Calls of functions in the package for one verified request, as measured, and a tenth more.
MOST_CALLS = {"wsgi": 329, "asgi": 345}


def many_rules(number):
    rules = [
        {"name": f"r{n}", "match": {"path": [f"/area{n % 97}/item{n}/edit", f"/area{n % 97}/x{n}/*"], "methods": "any"}}
        for n in range(number)
    ]
    return policy_of(*rules, mode="monitor")


@pytest.fixture(scope="module")
def few():
    return many_rules(10)


@pytest.fixture(scope="module")
def many():
    return many_rules(10_000)


class CountingStore(MemoryStore):
    """A store in memory that knows what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def perform(self, operation: Any) -> Any:
        self.asked.append(type(operation).__name__)
        return super().perform(operation)


class Untouchable:
    """A body that nobody may read."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the body was touched: {name}")

    async def __aiter__(self) -> Any:
        raise AssertionError("the body was touched")
        yield b""


def calls_of(act):
    """How often each function of the package is entered or resumed."""
    counts: Counter[str] = Counter()

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            counts[f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}"] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return counts


def unasked(policy):
    """The policy, as if nobody had come before."""
    policy._settled.clear()
    return policy


def tried(monkeypatch, world, policy, path):
    """How many rules and how many patterns are tried for a path."""
    counts: Counter[str] = Counter()

    def counting(cls, name):
        real = getattr(cls, name)

        def counted(*args):
            counts[name] += 1
            return real(*args)

        monkeypatch.setattr(cls, name, counted)

    here = world(unasked(policy))
    with monkeypatch.context() as monkeypatch:
        counting(Matcher, "holds")
        counting(PathPattern, "matches")
        here.request("GET", path)
    return counts


@pytest.mark.parametrize("path", PATHS)
def test_ten_thousand_rules_are_no_more_to_try_than_ten(monkeypatch, world, few, many, path):
    counts = tried(monkeypatch, world, many, path)
    assert counts == tried(monkeypatch, world, few, path)
    assert counts["holds"] <= 2
    assert counts["matches"] <= 4


def test_the_path_of_a_rule_is_tried_at_all(monkeypatch, world, many):
    assert tried(monkeypatch, world, many, PATHS[0])["matches"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_ten_thousand_rules_cause_no_more_calls_than_ten(world, few, many, path):
    with_few, with_many = world(unasked(few)), world(unasked(many))
    counts = calls_of(lambda: with_many.request("GET", path))
    assert counts == calls_of(lambda: with_few.request("GET", path))
    assert counts


def views_made(monkeypatch, kind):
    """The requests that are looked at, as they come."""
    made: list[dict[str, Any]] = []
    module = sys.modules[f"captcha_gate.{kind}"]
    real = module.RequestView
    monkeypatch.setattr(module, "RequestView", lambda **given: made.append(given) or real(**given))
    return made


def test_a_request_that_nothing_concerns_is_not_looked_at(monkeypatch, world, kind):
    made = views_made(monkeypatch, kind)
    here = world()
    for path in ("/", "/static/app.js", "/login/not", "/static/app.js"):
        assert here.request("GET", path).status_code == 200
        assert here.post(path).status_code == 200
    assert made == []
    here.post("/login")
    assert len(made) == 1


#: How a visit asks to be taken for what is sent to the form.
OVERRIDING = {
    "a header": ({"X-HTTP-Method-Override": "POST"}, ""),
    "another header": ({"x-method-override": "POST"}, ""),
    "a header with underscores": ({"X_HTTP_Method": "POST"}, ""),
    "a handshake": ({"Upgrade": "websocket"}, ""),
    "a parameter": ({}, "?a=b&_method=POST"),
    "an escaped parameter": ({}, "?%5Fmethod=POST"),
}


def test_visits_to_a_form_are_not_looked_at(monkeypatch, world, kind):
    made = views_made(monkeypatch, kind)
    here = world()
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert here.request(method, "/login?next=1", headers={"X-Upgrade": "websocket"}).status_code == 200
        assert here.seen[-1].decision is None
    assert made == []


@pytest.mark.parametrize(("headers", "query"), OVERRIDING.values(), ids=OVERRIDING)
def test_a_visit_that_asks_to_be_taken_for_more_is_refused(world, headers, query):
    here = world()
    assert here.request("GET", "/login").status_code == 200
    assert here.request("GET", f"/login{query}", headers=headers).status_code == 403
    assert here.request("GET", "/login").status_code == 200


SPARED = {
    "method": ("GET", "HEAD", "OPTIONS", "POST", "get", "PROPFIND"),
    "url": ("/login", "/login/", "/visited", "/put/1", "//login", "/lo%67in", "/put", "/wiki/a"),
    "query": (
        "",
        "?a=b",
        "?_method=put",
        "?a;_METHOD=PUT",
        "?%5fmethod=PUT",
        "?x=%ff&_method=POST",
        "?+_method=POST",
    ),
    "headers": (
        {},
        {"X-HTTP-Method-Override": "put"},
        {"x_http_method": "POST"},
        {"X-Method-Override": "GET"},
        {"Upgrade": "h2c, WebSocket"},
        {"X-HTTP-Method-Overrid": "POST"},
    ),
}


def test_what_is_not_looked_at_is_what_no_rule_would_have_matched(monkeypatch, world, kind):
    policy = policy_of(
        LOGIN,
        {"name": "visited", "match": {"path": "/visited", "methods": "GET"}},
        {"name": "put", "match": {"path": "/put/*", "methods": "PUT"}},
        {"name": "wiki", "match": {"path_regex": "/wiki/.+", "methods": "POST"}},
    )
    requests = list(product(*SPARED.values()))

    def answers(here):
        return [here.request(method, url + query, headers=more).status_code for method, url, query, more in requests]

    quick = answers(world(policy))
    for look in ("ignores", "spares"):
        monkeypatch.setattr(Mounted, look, lambda *_: False)
    monkeypatch.setattr(RequestView, "is_plain", False)
    assert quick == answers(world(policy))
    assert set(quick) == {200, 403}


def test_which_rule_a_form_has_is_found_out_once(monkeypatch, world):
    looked_up = []
    real = PathIndex.candidates
    here = world()
    monkeypatch.setattr(PathIndex, "candidates", lambda *given: looked_up.append(given[1:]) or real(*given))
    for _ in range(3):
        here.post("/login", data={})
    assert looked_up == [("/login",)]
    assert [decision.rule for decision in here.decisions] == ["login"] * 3


@pytest.mark.parametrize("length", [3, 300])
def test_what_is_remembered_of_paths_has_an_end(world, length):
    policy = policy_of({"name": "any", "match": "/any/**"})
    here = world(policy)
    for number in range(2000):
        here.post("/any/" + f"{number:0{length}}", data={})
    assert len(policy._settled) <= 1024
    assert {decision.rule for decision in here.decisions} == {"any"}


def test_a_clients_address_is_found_out_once(monkeypatch, world):
    found = []
    real = Proxies.client_of
    monkeypatch.setattr(Proxies, "client_of", lambda *given: found.append(given) or real(*given))
    rules = [{"name": f"r{n}", "match": {"path": "/**", "client_ip": f"192.0.2.{n}"}} for n in range(5)]
    world(policy_of(*rules)).post("/a%252fb;c//d?_method=PUT&_method=PATCH")
    assert len(found) == 1


def test_a_regular_expression_is_tried_and_other_requests_are_still_not_looked_at(monkeypatch, world, kind):
    made = views_made(monkeypatch, kind)
    here = world(policy_of(LOGIN, {"name": "odd", "match": {"path_regex": ["/[a-z]+-login", "/[a-z]+-out/"]}}))
    for path in ("/", "/static/app.js", "/9-login", "/x-login/y", "/x-login/", "/x-out", "/login"):
        here.post(path)
    assert [given["path"] for given in made] == ["/x-login/", "/x-out", "/login"]


@pytest.mark.parametrize(("headers", "outcome"), [(IN_HEADERS, "passed"), ({}, "missing")])
def test_a_rule_that_reads_headers_never_touches_the_body(world, kind, headers, outcome):
    here = world(policy_of({**LOGIN, "token": {"from": ["header"]}}))
    here.gate.app = idle_wsgi if kind == "wsgi" else idle_asgi
    here.environ = {"wsgi.input": Untouchable()}
    content = b"" if kind == "wsgi" else Untouchable()
    here.post(headers={**headers, "Content-Type": "application/json", "Content-Length": "1000000"}, content=content)
    assert [decision.outcome for decision in here.decisions] == [outcome]


def idle_wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b""]


async def idle_asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


LIMITED = {**LOGIN, "limits": {"failed": "20/m"}}
MALFORMED = {**TOKEN, "gen_time": "not digits"}


@pytest.mark.parametrize(
    ("rule", "reply", "token", "operations", "calls"),
    [
        pytest.param(LOGIN, PASSES, TOKEN, ["Claim"], 1, id="verified"),
        pytest.param(LOGIN, REFUSES, TOKEN, ["Claim"], 1, id="refused"),
        pytest.param(LOGIN, PASSES, {}, [], 0, id="no token"),
        pytest.param(LOGIN, PASSES, MALFORMED, [], 0, id="malformed"),
        pytest.param(LIMITED, PASSES, TOKEN, ["Increment", "Claim", "Decrement"], 1, id="verified, under a limit"),
        pytest.param(LIMITED, REFUSES, TOKEN, ["Increment", "Claim"], 1, id="refused, under a limit"),
        pytest.param(LIMITED, PASSES, {}, [], 0, id="no token, under a limit"),
    ],
)
def test_a_request_asks_store_and_vendor_no_more_than_it_must(world, rule, reply, token, operations, calls):
    store = CountingStore()
    here = world(policy_of(rule), answering(reply), store=store)
    here.post(data=token)
    assert store.asked == operations
    assert len(here.asked) == calls


def test_a_replay_costs_two_look_ups_and_no_call(world):
    store = CountingStore()
    here = world(store=store)
    here.post(data=TOKEN)
    store.asked.clear()
    assert here.post(data=TOKEN).json()["code"] == "replayed"
    assert store.asked == ["Claim", "Get"]
    assert len(here.asked) == 1


def test_whoever_fails_too_often_is_counted_and_costs_no_call(world):
    store = CountingStore()
    here = world(policy_of({**LOGIN, "limits": {"failed": "1/m"}}), answering(REFUSES), store=store)
    here.post(data=TOKEN)
    store.asked.clear()
    assert here.post(data={**TOKEN, "lot_number": "0" * 32}).status_code == 429
    assert store.asked == ["Increment", "Decrement"]
    assert len(here.asked) == 1


def test_a_request_that_nothing_concerns_asks_neither_store_nor_vendor(world):
    store = CountingStore()
    here = world(store=store)
    for method in ("GET", "POST"):
        here.request(method, "/static/app.js")
    here.request("GET", "/login")
    assert (store.asked, here.asked) == ([], [])


def test_a_verified_request_calls_few_functions(world, kind):
    here = world()
    here.post(data={**TOKEN, "lot_number": "0" * 32})  # what is made once is made now
    counts = calls_of(lambda: here.post(data=TOKEN))
    assert here.decisions[-1].verified
    assert 0 < counts.total() <= MOST_CALLS[kind], counts.most_common()


def test_a_reply_is_parsed_once(world):
    here = world()
    counts = calls_of(lambda: here.post(data=TOKEN))
    assert counts["reading.py:_without_repetition"] == str(PASSES).count("{")


class Waiting:
    """Calls that nobody answers until it is time."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def perform(self, _: Any) -> httpx.Response:
        await self.answered.wait()
        return httpx.Response(200, json={"status": "success", "result": "success"})


def test_a_request_that_waits_for_its_vendor_holds_few_objects():
    """The garbage collector looks at each of them again and again, and they are no garbage."""
    gate = AsgiGate(idle_asgi, policy_of())
    gate._fetcher = waiting = Waiting()

    async def send(_: Any) -> None:
        pass

    def ask(number: int) -> asyncio.Task[None]:
        headers = {**IN_HEADERS, "X-Captcha-lot-number": f"{number:032}"}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        return asyncio.create_task(gate({**SCOPE, "headers": raw}, Untouchable(), send))

    async def held() -> float:
        tasks = [ask(number) for number in range(50)]  # what is made once is made now
        await asyncio.sleep(0)
        gc.collect()
        before = len(gc.get_objects())
        tasks += [ask(number) for number in range(50, 150)]
        await asyncio.sleep(0)
        gc.collect()
        more = len(gc.get_objects()) - before
        waiting.answered.set()
        await asyncio.gather(*tasks)
        return more / 100

    assert 30 < asyncio.run(held()) <= MOST_OBJECTS
