"""In front of real frameworks: where the decision is found, and what their own manners do to a gated request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from django.http import JsonResponse as DjangoJson
from django.urls import path
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from fuzz.django_site import django_asgi, django_wsgi
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from support.world import PASSES, TOKEN, answering, policy_of
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from captcha_gate import decision_of
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate


def told(request: Any) -> dict[str, Any]:
    decision = decision_of(request)
    return {"rule": decision and decision.rule}


def flask_app():
    app = Flask("behind")
    app.add_url_rule("/<path:where>", view_func=lambda where: told(flask_request), methods=["GET", "POST"])
    return app


def werkzeug_app():
    @WerkzeugRequest.application
    def app(request: WerkzeugRequest) -> WerkzeugResponse:
        return WerkzeugResponse(json.dumps(told(request)))

    # The decorator hides how many parameters there are; the gate must cope.
    return app


def starlette_app():
    async def view(request):
        return JSONResponse(told(request))

    return Starlette(routes=[Route("/{where}", view, methods=["GET", "POST"])])


def fastapi_app():
    app = FastAPI()

    @app.api_route("/{where}", methods=["GET", "POST"])
    async def view(where: str, request: Request) -> dict[str, Any]:
        return told(request)

    return app


def _django_view(request, where):
    return DjangoJson(told(request))


URLS = [path("<str:where>", _django_view)]


def client_of(kind):
    return kind(transport=httpx.MockTransport(answering(PASSES)))


@pytest.mark.parametrize("app", [flask_app, werkzeug_app, lambda: django_wsgi(URLS)])
def test_in_wsgi_frameworks(app):
    gate = WsgiGate(app(), policy_of(), http_client=client_of(httpx.Client))
    with httpx.Client(transport=httpx.WSGITransport(gate), base_url="http://testserver") as http:
        assert http.post("/login").status_code == 403
        assert http.post("/login", data=TOKEN).json() == {"rule": "login"}
        assert http.get("/about").json() == {"rule": None}


@pytest.mark.parametrize("app", [starlette_app, fastapi_app, lambda: django_asgi(URLS)])
def test_in_asgi_frameworks(app):
    async def visit():
        gate = AsgiGate(app(), policy_of(), http_client=client_of(httpx.AsyncClient))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            assert (await http.post("/login")).status_code == 403
            assert (await http.post("/login", data=TOKEN)).json() == {"rule": "login"}
            assert (await http.get("/about")).json() == {"rule": None}

    asyncio.run(visit())


# Manners of frameworks


def slashless():
    """Answers `/login/` with 307 to `/login`, as Starlette does by itself."""

    async def view(request):
        return JSONResponse({**told(request), "body": (await request.body()).decode()})

    return Starlette(routes=[Route("/login", view, methods=["POST"])])


def test_a_redirect_to_the_path_without_slash_does_not_lead_past_the_gate():
    async def visit():
        decisions = []
        gate = AsgiGate(
            slashless(), policy_of(), http_client=client_of(httpx.AsyncClient), on_decision=decisions.append
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            assert (await http.post("/login/")).status_code == 403
            first = await http.post("/login/", data=TOKEN)
            assert (first.status_code, first.headers["location"]) == (307, "http://testserver/login")
            assert (await http.post("/login")).status_code == 403
        return [decision.reason.value for decision in decisions]

    assert asyncio.run(visit()) == ["missing_token", "ok", "missing_token"]


def test_a_site_that_is_mounted_twice_is_gated_at_both_places():
    """T24: the gate stands outermost, and a rule for both places meets both."""

    async def view(request):
        return JSONResponse({})

    inner = Starlette(routes=[Route("/login", view, methods=["POST"])])
    site = Starlette(routes=[Mount("/new", inner), Mount("/old", inner), Mount("/x/y", inner)])

    async def visit():
        gate = AsgiGate(
            site, policy_of({"name": "all", "match": "/**/login"}), http_client=client_of(httpx.AsyncClient)
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            return [(await http.post(f"{place}/login")).status_code for place in ("/new", "/old", "/x/y", "/x//y", "")]

    assert asyncio.run(visit()) == [403] * 5


def test_a_preflight_reaches_starlettes_cors_and_a_bare_options_is_gated():
    """T27, with the gate outside of CORS, which is the less usual place."""

    async def view(request):
        return JSONResponse({})

    routes = [Route("/login", view, methods=["POST", "OPTIONS"])]
    site = Starlette(
        routes=routes,
        middleware=[Middleware(CORSMiddleware, allow_origins=["https://a.example"], allow_methods=["POST"])],
    )
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    policy = policy_of({"name": "login", "match": {"path": "/login", "methods": "any"}})

    async def visit():
        gate = AsgiGate(site, policy, http_client=client_of(httpx.AsyncClient))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            preflight = await http.options("/login", headers=asks)
            assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (
                200,
                "https://a.example",
            )
            for odd in (
                {},
                {"Origin": "x"},
                {**asks, "X-HTTP-Method-Override": "POST"},
                {**asks, "Content-Length": "1"},
            ):
                assert (await http.options("/login", headers=odd)).status_code == 403

    asyncio.run(visit())


def test_a_refusal_inside_of_cors_can_be_read_by_the_page_that_asked():
    async def view(request):
        return JSONResponse({})

    site = Starlette(
        routes=[Route("/login", view, methods=["POST"])],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["https://a.example"]),
            Middleware(AsgiGate, policy=policy_of()),
        ],
    )

    async def visit():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://testserver") as http:
            return await http.post("/login", headers={"Origin": "https://a.example"})

    refused = asyncio.run(visit())
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, "https://a.example")


def test_flasks_recipe_for_overriding_methods_leads_nowhere():
    """T29: a GET that Flask runs as the POST that it says it is."""
    ran = []
    app = Flask("behind")
    app.add_url_rule("/login", view_func=lambda: ran.append(1) or "", endpoint="login", methods=["POST"])

    class MethodOverride:
        def __init__(self, app):
            self.app = app

        def __call__(self, environ, start_response):
            method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
            if method in {"POST", "PUT", "PATCH", "DELETE"}:
                environ["REQUEST_METHOD"] = method
            return self.app(environ, start_response)

    app.wsgi_app = MethodOverride(app.wsgi_app)
    only_post = policy_of({"name": "login", "match": {"path": "/login", "methods": ["POST"]}})
    gate = WsgiGate(app, only_post, http_client=client_of(httpx.Client))
    override = {"X-HTTP-Method-Override": "post"}
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://testserver") as http:
        assert http.get("/login", headers=override).status_code == 200
        assert ran.pop()
    with httpx.Client(transport=httpx.WSGITransport(gate), base_url="http://testserver") as http:
        assert http.get("/login", headers=override).status_code == 403
        assert http.get("/login").status_code == 405
    assert ran == []


def test_a_websocket_route_of_starlette_is_gated_like_the_rest():
    """T31: its handler does not run."""
    ran = []

    async def socket(websocket):
        ran.append(1)
        await websocket.accept()
        await websocket.close()

    site = Starlette(routes=[WebSocketRoute("/login", socket)])
    gate = AsgiGate(site, policy_of(), http_client=client_of(httpx.AsyncClient))
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "//login", "raw_path": b"//login", "query_string": b"", "headers": []}
    asyncio.run(gate({**scope, "root_path": "", "subprotocols": []}, receive, send))
    assert (ran, sent) == ([], ["websocket.close"])


@pytest.mark.parametrize(
    ("content_type", "outcome"),
    [
        # T36: three fixes in a row of one framework's parser (CVE-2025-32442, CVE-2026-25223, CVE-2026-33806).
        ("application/json ; charset=utf-8", 200),
        ("application/json;charset=utf-8", 200),
        (" application/json", 200),
        ("APPLICATION/Json", 200),
        ("application/json\t; charset=utf-8", 200),
        ("application/json\ta", 403),
        ("application/json a; charset=utf-8", 403),
        ("application/json, application/json", 403),
        (";application/json", 403),
        ("application/json; charset=utf-16", 403),
        ("application/json; charset=utf-8; charset=utf-16", 403),
    ],
)
def test_a_content_type_is_read_in_one_way_and_what_is_not_json_has_no_token(world, content_type, outcome):
    here = world()
    response = here.post(headers={"Content-Type": content_type}, content=json.dumps(TOKEN).encode())
    assert response.status_code == outcome
    assert len(here.asked) == len(here.seen) == (outcome == 200)


@pytest.mark.parametrize(
    "name",
    ["X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Script-Name"],
)
def test_no_header_moves_a_request_to_another_path(world, name):
    """T22: neither away from a rule nor below one."""
    here = world()
    assert here.post("/login", headers={name: "/about"}).status_code == 403
    assert here.post("/about", headers={name: "/login"}).status_code == 200


@pytest.mark.parametrize("host", ["x/about?", "example.com/about#", "example.com:80/about", "@example.com", "about"])
def test_the_host_header_takes_no_part_in_finding_the_path(world, host):
    """T16."""
    assert world().post("/login", headers={"Host": host}).status_code == 403
