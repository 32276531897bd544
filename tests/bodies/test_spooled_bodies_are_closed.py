"""A body that went to disk is let go on every way out, not only where the application answered."""

from __future__ import annotations

import asyncio
from tempfile import TemporaryFile
from typing import Any

import pytest
from support.asgi_checker import Peer, http_scope, requests
from support.body_corpus import JSON
from support.world import PASSES, TOKEN, World, answering, policy_of

from captcha_gate import spool

LARGE = b'{"note": "' + b"x" * 100_000 + b'"}'


@pytest.fixture
def files(monkeypatch):
    """Every temporary file that is made."""
    made: list[Any] = []
    monkeypatch.setattr(spool, "TemporaryFile", lambda **how: made.append(TemporaryFile(**how)) or made[-1])  # noqa: SIM115
    yield made
    for file in made:
        file.close()


def gate_of(kind: str, **top: Any) -> World:
    return World(kind, policy_of(**top), answering(PASSES))


def test_after_a_refusal(kind, files):
    here = gate_of(kind)
    assert here.post(content=LARGE, headers={"content-type": JSON}).status_code == 403
    assert [file.closed for file in files] == [True]


def test_after_an_unreadable_body(kind, files):
    here = gate_of(kind)
    assert here.post(content=LARGE[:-1], headers={"content-type": JSON}).status_code == 400
    assert [file.closed for file in files] == [True]


def test_after_an_application_that_failed(kind, files):
    here = gate_of(kind)

    async def failing_asgi(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("the application's own")

    def failing_wsgi(environ: Any, start_response: Any) -> list[bytes]:
        raise RuntimeError("the application's own")

    here.gate.app = failing_asgi if kind == "asgi" else failing_wsgi
    with pytest.raises(RuntimeError):
        here.post(json={**TOKEN, "note": "x" * 100_000})
    assert [file.closed for file in files] == [True]


def test_after_a_client_that_went_away_under_asgi(files):
    here = gate_of("asgi")
    peer = Peer(*requests(LARGE, ended=False), {"type": "http.disconnect"})
    asyncio.run(here.gate(http_scope(("content-type", JSON)), peer.receive, peer.send))
    assert [file.closed for file in files] == [True]


def test_after_a_client_that_went_away_under_wsgi(files):
    here = gate_of("wsgi")

    class Gone:
        left = LARGE

        def read(self, size: int) -> bytes:
            chunk, self.left = self.left[:size], self.left[size:]
            if not chunk:
                raise ConnectionResetError
            return chunk

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "CONTENT_TYPE": JSON,
        "CONTENT_LENGTH": str(10**6),
        "wsgi.input": Gone(),
    }
    assert list(here.gate(environ, lambda status, headers: None))
    assert [file.closed for file in files] == [True]
