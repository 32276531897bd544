"""Applications of today's frameworks with the same three routes that a policy protects. They tell which handler ran.

Each is reached as its users reach it: POST only, with the well-known recipe that lets a client name another method,
and with `shop` as an application of its own below `/shop` where the framework can mount one.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

__all__ = ["ASGI", "RAN", "ROUTES", "WSGI"]

#: The handlers that ran, in order.
RAN: list[str] = []
ROUTES = {"/login": "login", "/posts/7/comments": "comments", "/shop/login": "shop"}

_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    def running(name: str) -> Any:
        async def handler(request: Any) -> PlainTextResponse:
            RAN.append(name)
            return PlainTextResponse(name)

        return handler

    shop = Starlette(routes=[Route("/login", running("shop"), methods=["POST"])])
    return Starlette(
        routes=[
            Route("/login", running("login"), methods=["POST"]),
            Route("/posts/{id}/comments", running("comments"), methods=["POST"]),
            Mount("/shop", shop),
        ]
    )


def fastapi() -> Any:
    from fastapi import FastAPI

    app, shop = FastAPI(), FastAPI()

    @app.post("/login")
    def login() -> str:
        RAN.append("login")
        return "login"

    @app.post("/posts/{number}/comments")
    def comments(number: str) -> str:
        RAN.append("comments")
        return "comments"

    @shop.post("/login")
    def shop_login() -> str:
        RAN.append("shop")
        return "shop"

    app.mount("/shop", shop)
    return app


def flask() -> Any:
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    app, shop = Flask("site"), Flask("shop")
    _with_routes(app)
    shop.add_url_rule("/login", "shop", lambda: _ran("shop"), methods=["POST"])
    return DispatcherMiddleware(app, {"/shop": shop})


def quart() -> Any:
    from quart import Quart

    app = Quart("site")

    @app.post("/login")
    async def login() -> str:
        return _ran("login")

    @app.post("/posts/<number>/comments")
    async def comments(number: str) -> str:
        return _ran("comments")

    @app.post("/shop/login")
    async def shop() -> str:
        return _ran("shop")

    return app


class _DjangoView:
    """Says itself which methods it takes, for Django asks no view of its own accord."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, request: Any, **_: str) -> Any:
        from django.http import HttpResponse

        return HttpResponse(_ran(self.name) if request.method == "POST" else "", status=200)


def _django_urls() -> list[Any]:
    from django.urls import include, path, re_path

    return [
        path("login", _DjangoView("login")),
        re_path(r"^posts/(?P<number>[^/]+)/comments$", _DjangoView("comments")),
        path("shop/", include([path("login", _DjangoView("shop"))])),
    ]


def django_in_wsgi() -> Any:
    from fuzz.django_site import django_wsgi

    return django_wsgi(_django_urls())


def django_in_asgi() -> Any:
    from fuzz.django_site import django_asgi

    return django_asgi(_django_urls())


class _FalconRoute:
    def __init__(self, name: str) -> None:
        self.name = name

    def on_post(self, request: Any, response: Any, **_: str) -> None:
        response.text = _ran(self.name)


class _FalconAsyncRoute(_FalconRoute):
    async def on_post(self, request: Any, response: Any, **_: str) -> None:  # type: ignore[override]
        response.text = _ran(self.name)


def falcon_wsgi() -> Any:
    import falcon

    return _falcon(falcon.App(), _FalconRoute)


def falcon_asgi() -> Any:
    import falcon.asgi

    return _falcon(falcon.asgi.App(), _FalconAsyncRoute)


def _falcon(app: Any, route: Callable[[str], Any]) -> Any:
    app.add_route("/login", route("login"))
    app.add_route("/posts/{number}/comments", route("comments"))
    app.add_route("/shop/login", route("shop"))
    return app


def bottle() -> Any:
    from bottle import Bottle

    app, shop = Bottle(), Bottle()
    app.post("/login", callback=lambda: _ran("login"))
    app.post("/posts/<number>/comments", callback=lambda number: _ran("comments"))
    shop.post("/login", callback=lambda: _ran("shop"))
    app.mount("/shop/", shop)
    return app


def litestar() -> Any:
    from litestar import Litestar, post
    from litestar.params import FromPath

    @post("/login", sync_to_thread=False)
    def login() -> str:
        return _ran("login")

    @post("/posts/{number:str}/comments", sync_to_thread=False)
    def comments(number: FromPath[str]) -> str:
        return _ran("comments")

    @post("/shop/login", sync_to_thread=False)
    def shop() -> str:
        return _ran("shop")

    return Litestar([login, comments, shop], openapi_config=None)


def pyramid() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # WebOb imports a module that Python has given up
        from pyramid.config import Configurator
        from pyramid.response import Response

    with Configurator() as config:
        for name, pattern in (("login", "/login"), ("comments", "/posts/{id}/comments"), ("shop", "/shop/login")):
            config.add_route(name, pattern)
            config.add_view(lambda request, name=name: Response(_ran(name)), route_name=name, request_method="POST")
    return config.make_wsgi_app()


def _with_routes(app: Any) -> None:
    app.add_url_rule("/login", "login", lambda: _ran("login"), methods=["POST"])
    app.add_url_rule("/posts/<number>/comments", "comments", lambda number: _ran("comments"), methods=["POST"])


def _ran(name: str) -> str:
    RAN.append(name)
    return name


class AsgiOverride:
    """Lets a client name another method, as recipes for forms and old proxies do.

    What an application makes of an odd request is its own matter, even if it fails.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        named = [value for name, value in headers if name.lower().replace("_", "-") in _OVERRIDES]
        query = scope["query_string"].decode("latin-1")
        with contextlib.suppress(Exception):
            await self.app({**scope, "method": _overridden(scope["method"], named, query)}, receive, send)


class WsgiOverride:
    """The same for WSGI: Flask's documents have this recipe."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        keys = ["HTTP_" + name.upper().replace("-", "_") for name in _OVERRIDES]
        named = [environ[key] for key in keys if key in environ]
        method = _overridden(environ["REQUEST_METHOD"], named, environ["QUERY_STRING"])
        try:
            return self.app({**environ, "REQUEST_METHOD": method}, start_response)
        except Exception:  # noqa: BLE001
            start_response("500 Failed", [])
            return []


def _overridden(method: str, named: list[str], query: str) -> str:
    """The last method that a header names, else the query's, else the one that was sent."""
    asked = [item.strip(" \t").upper() for value in named for item in value.split(",")]
    asked = asked or [value.strip(" \t").upper() for value in parse_qs(query).get("_method", [])]
    found = [item for item in asked if re.fullmatch("[A-Z]+", item)]
    return found[-1] if found else method


ASGI = {
    "starlette": starlette,
    "fastapi": fastapi,
    "quart": quart,
    "django-asgi": django_in_asgi,
    "falcon-asgi": falcon_asgi,
    "litestar": litestar,
}
WSGI = {
    "flask": flask,
    "django-wsgi": django_in_wsgi,
    "falcon-wsgi": falcon_wsgi,
    "bottle": bottle,
    "pyramid": pyramid,
}
