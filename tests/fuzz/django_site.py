"""Django applications with URLs of their own, several in one process: Django itself has one setting for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django
import django.conf

__all__ = ["django_asgi", "django_wsgi", "urlpatterns"]

#: What Django falls back on before it has asked an application for its own.
urlpatterns: list[Any] = []


def django_wsgi(urls: Sequence[Any]) -> Any:
    """A WSGI application with these URL patterns."""
    from django.core.handlers.wsgi import WSGIHandler

    return _made(WSGIHandler, urls)


def django_asgi(urls: Sequence[Any]) -> Any:
    """An ASGI application with these URL patterns."""
    from django.core.handlers.asgi import ASGIHandler

    return _made(ASGIHandler, urls)


def _made(handler: Any, urls: Sequence[Any]) -> Any:
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, SECRET_KEY="for tests", ALLOWED_HOSTS=["*"], USE_TZ=True, MIDDLEWARE=[]
        )
        django.setup()

    class Handler(handler):
        def resolve_request(self, request: Any) -> Any:
            request.urlconf = tuple(urls)  # hashable, for Django keeps a resolver for each
            return super().resolve_request(request)

    return Handler()
