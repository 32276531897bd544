"""`decision_of` finds the decision in every framework's own request object."""

from __future__ import annotations

import asyncio
from typing import Any

import django
import django.conf
import httpx
import pytest
from django.http import JsonResponse as DjangoJson
from django.urls import path
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
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
        import json

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


urlpatterns = [path("<str:where>", _django_view)]


def _django():
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, SECRET_KEY="for tests", ALLOWED_HOSTS=["*"], USE_TZ=True, MIDDLEWARE=[]
        )
        django.setup()


def django_wsgi():
    from django.core.handlers.wsgi import WSGIHandler

    _django()
    return WSGIHandler()


def django_asgi():
    from django.core.handlers.asgi import ASGIHandler

    _django()
    return ASGIHandler()


def client_of(kind):
    return kind(transport=httpx.MockTransport(answering(PASSES)))


@pytest.mark.parametrize("app", [flask_app, werkzeug_app, django_wsgi])
def test_in_wsgi_frameworks(app):
    gate = WsgiGate(app(), policy_of(), http_client=client_of(httpx.Client))
    with httpx.Client(transport=httpx.WSGITransport(gate), base_url="http://testserver") as http:
        assert http.post("/login").status_code == 403
        assert http.post("/login", data=TOKEN).json() == {"rule": "login"}
        assert http.get("/about").json() == {"rule": None}


@pytest.mark.parametrize("app", [starlette_app, fastapi_app, django_asgi])
def test_in_asgi_frameworks(app):
    async def visit():
        gate = AsgiGate(app(), policy_of(), http_client=client_of(httpx.AsyncClient))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            assert (await http.post("/login")).status_code == 403
            assert (await http.post("/login", data=TOKEN)).json() == {"rule": "login"}
            assert (await http.get("/about")).json() == {"rule": None}

    asyncio.run(visit())
