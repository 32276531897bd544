"""An application that answers with 307 or 308: the client sends the token again, and means one try."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from support.world import GEETEST, LOGIN, PASSES, REFUSES, TOKEN, answering, policy_of
from werkzeug import Request, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from captcha_gate import Decision, Outcome, Reason, Verdict
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.decision import Basis
from captcha_gate.effects import Put
from captcha_gate.errors import StoreError
from captcha_gate.passes.redirects import redirected
from captcha_gate.stores.memory import MemoryStore
from captcha_gate.wsgi import CaptchaGate as WsgiGate


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Site:
    """`POST /old-login?status=…` redirects to `to`; every other path answers 200. Behind a gate of either kind."""

    def __init__(self, kind, reply=PASSES, to="/login", store=None, **rule):
        self.asked, self.decisions, self.bodies = [], [], []
        self._kind, self._reply, self._to = kind, reply, to
        rules = [{"name": name, "match": {"path": paths}, **rule} for name, paths in (
            ("login", ["/login", "/old-login"]), ("other", ["/other"]))]  # fmt: skip
        policy = policy_of(*rules, providers={"cn": GEETEST})
        transport = httpx.MockTransport(self._vendor)
        options = {"on_decision": self.decisions.append, "store": MemoryStore() if store is None else store}
        if kind == "wsgi":
            self._gate = WsgiGate(self._wsgi, policy, http_client=httpx.Client(transport=transport), **options)
        else:
            app = Starlette(routes=[Route("/{path:path}", self._asgi, methods=["POST"])])
            self._gate = AsgiGate(app, policy, http_client=httpx.AsyncClient(transport=transport), **options)

    def post(self, url, **kwargs):
        if self._kind == "wsgi":
            with httpx.Client(transport=httpx.WSGITransport(self._gate), base_url="http://testserver") as http:
                return http.post(url, **kwargs)

        async def main():
            transport = httpx.ASGITransport(self._gate)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
                return await http.post(url, **kwargs)

        return asyncio.run(main())

    @property
    def reasons(self):
        return [decision.reason.value for decision in self.decisions]

    def _vendor(self, request):
        self.asked.append(request)
        return answering(self._reply)(request)

    def _wsgi(self, environ, start_response):
        request = Request(environ)
        self.bodies.append(request.get_data())
        status = request.args.get("status")
        response = Response(status=int(status), headers={"Location": self._to}) if status else Response("hello")
        return response(environ, start_response)

    async def _asgi(self, request):
        self.bodies.append(await request.body())
        status = request.query_params.get("status")
        return RedirectResponse(self._to, int(status)) if status else PlainTextResponse("hello")


@pytest.mark.parametrize("status", [307, 308])
def test_a_token_passes_once_more_where_the_application_redirected_its_request(kind, status):
    site = Site(kind)
    followed = site.post(f"/old-login?status={status}", data=TOKEN, follow_redirects=True)
    assert (followed.status_code, followed.text) == (200, "hello")
    assert site.reasons == ["ok", "redirected"]
    assert [decision.outcome.value for decision in site.decisions] == ["passed", "cleared"]
    assert all(decision.verified and decision.allowed for decision in site.decisions)
    assert len(site.asked) == 1
    assert site.bodies[0] == site.bodies[1]
    assert b"lot_number" in site.bodies[1]


def test_it_passes_once_more_and_not_twice(kind):
    site = Site(kind)
    site.post("/old-login?status=307", data=TOKEN, follow_redirects=True)
    assert site.post("/login", data=TOKEN).status_code == 403
    assert site.post("/old-login?status=307", data=TOKEN).status_code == 403
    assert site.reasons == ["ok", "redirected", "replayed", "replayed"]


def test_a_redirection_of_what_was_redirected_is_not_followed_for_ever(kind):
    site = Site(kind, to="/old-login?status=307")
    assert site.post("/old-login?status=307", data=TOKEN, follow_redirects=True).status_code == 403
    assert site.reasons == ["ok", "redirected", "replayed"]


@pytest.mark.parametrize("status", [301, 302, 303, 200, 404])
def test_no_other_answer_gives_a_token_back(kind, status):
    site = Site(kind)
    site.post(f"/old-login?status={status}", data=TOKEN)
    assert site.post("/login", data=TOKEN).status_code == 403
    assert site.reasons == ["ok", "replayed"]


def test_it_counts_on_the_same_rule_only(kind):
    site = Site(kind, to="/other")
    assert site.post("/old-login?status=307", data=TOKEN, follow_redirects=True).status_code == 403
    assert site.reasons == ["ok", "replayed"]


def test_another_token_is_not_concerned(kind):
    site = Site(kind)
    site.post("/old-login?status=307", data=TOKEN)
    site.post("/login", data={**TOKEN, "lot_number": "another-one"})
    assert site.reasons == ["ok", "ok"]
    assert len(site.asked) == 2


def test_half_a_minute_later_it_is_a_second_use(kind):
    clock = Clock()
    site = Site(kind, store=MemoryStore(clock=clock))
    site.post("/old-login?status=307", data=TOKEN)
    clock.now += 31
    assert site.post("/login", data=TOKEN).status_code == 403


def test_what_did_not_pass_is_not_let_through_by_a_redirection(kind):
    site = Site(kind, reply=REFUSES, on_fail="annotate")
    site.post("/old-login?status=307", data=TOKEN, follow_redirects=True)
    assert site.reasons == ["invalid_token", "replayed"]
    assert not any(decision.verified for decision in site.decisions)


def test_what_the_vendor_told_stands_for_the_second_request_too(world):
    account = {"type": "vaptcha", "vid": "5b4d9c33a485e50410192331", "key": "a key for tests"}
    policy = policy_of({**LOGIN, "score": {"min": 0.5}}, providers={"va": account})
    built = world(policy, answering({"success": 1, "score": 70, "msg": ""}))
    fields = {"vaptcha_server": "https://n1.vaptcha.com/verify", "vaptcha_token": "a-token"}
    built.post(data=fields)
    [decision] = built.decisions
    from captcha_gate.passes.redirects import redirected

    [put] = list(redirected(decision, "/login/", "/login"))
    built.gate._mounted.store.perform(put)
    assert built.post(data=fields).status_code == 200
    assert (built.decisions[1].outcome, built.decisions[1].score, built.decisions[1].raw_score) == ("cleared", 0.7, 70)
    assert isinstance(put, Put)
    assert "a-token" not in str(put)


def test_a_store_that_fails_then_costs_the_second_try_and_not_the_answer(kind, caplog):
    class Failing(MemoryStore):
        def perform(self, operation):
            if isinstance(operation, Put):
                raise StoreError("down")
            return super().perform(operation)

    site = Site(kind, store=Failing())
    assert site.post("/old-login?status=307", data=TOKEN).status_code == 307
    assert site.post("/login", data=TOKEN).status_code == 403
    assert "nothing was remembered of a pass: rule=login" in caplog.text


def test_it_counts_where_the_answer_sent_the_client_and_nowhere_else(kind):
    """A handler that acts and then redirects does not act twice for one token."""
    site = Site(kind, to="/welcome")
    site.post("/old-login?status=307", data=TOKEN)
    assert site.post("/old-login?status=307", data=TOKEN).status_code == 403
    assert site.post("/login", data=TOKEN).status_code == 403
    assert site.reasons == ["ok", "replayed", "replayed"]


@pytest.mark.parametrize("location", ["http://testserver/login", "login", "./login", "/%6cogin", "/login?next=/x"])
def test_the_address_may_be_written_in_any_way(kind, location):
    site = Site(kind, to=location)
    site.post("/old-login?status=307", data=TOKEN)
    assert site.post("/login", data=TOKEN).status_code == 200


def test_what_was_told_is_judged_by_the_rule_that_decides_then(world):
    """Another site on the same store, with a rule of the same name, may ask for more."""
    account = {"type": "vaptcha", "vid": "5b4d9c33a485e50410192331", "key": "a key for tests"}
    store = MemoryStore()
    lax, strict = (
        world(
            policy_of({**LOGIN, "score": {"min": minimum}}, providers={"va": account}),
            answering({"success": 1, "score": 10, "msg": ""}),
            store=store,
        )
        for minimum in (0.05, 0.9)
    )
    fields = {"vaptcha_server": "https://n1.vaptcha.com/verify", "vaptcha_token": "a-token"}
    assert lax.post(data=fields).status_code == 200
    from captcha_gate.passes.redirects import redirected

    for put in redirected(lax.decisions[0], "/login/", "/login"):
        store.perform(put)
    assert strict.post(data=fields).status_code == 403
    assert strict.decisions[0].reason == "low_score"


@pytest.mark.parametrize("location", ["//[x", "http://[::1/x", "http://[bad]/x", "http://\u2100/"])
def test_a_location_that_is_no_address_is_the_applications_affair(location):
    decision = Decision(
        allowed=True, outcome=Outcome.PASSED, reason=Reason.OK, rule="login", basis=Basis("a claim", Verdict.passed())
    )
    assert list(redirected(decision, "/login", location)) == []


def test_below_a_mount_point_of_wsgi_the_whole_address_counts():
    site = Site("wsgi", to="/shop/login")
    mounted = DispatcherMiddleware(Response("none"), {"/shop": site._gate})
    client = Client(mounted)
    assert client.post("/shop/old-login?status=308", data=TOKEN).status_code == 308
    assert client.post("/shop/login", data=TOKEN).status_code == 200
    assert site.reasons == ["ok", "redirected"]
