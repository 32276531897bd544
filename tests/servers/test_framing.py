"""What only a raw socket can send: requests whose end could be seen in two places, and targets that are no path."""

from __future__ import annotations

import contextlib
import json
from urllib.parse import urlencode

import pytest
from support.faults import a_token
from support.servers import RunningServer, ServerKind

#: Who sees to a request with both a Content-Length and a Transfer-Encoding: the gate and the server itself refuse it;
#: `chunks` is a server that hides the Content-Length from everybody and goes by the chunks, as RFC 9112 §6.3 allows.
SEES_TO_IT = {
    "uvicorn-h11": "gate",
    "uvicorn-httptools": "server",
    "hypercorn": "gate",
    "granian-asgi": "chunks",
    "granian-wsgi": "chunks",
    "gunicorn-sync": "server",
    "gunicorn-gthread": "server",
    "gunicorn-preload": "server",
    "waitress": "chunks",
    "daphne": "server",
    "cheroot": "gate",
    "uwsgi": "gate",
    "werkzeug": "gate",
    "wsgiref": "gate",
}
TWO_LENGTHS = "Content-Length: {}\r\nContent-Length: 0\r\n"
#: Servers that hand on one of them only, so that nothing behind them can tell.
SHOW_ONE_OF_TWO_LENGTHS = ("cheroot", "werkzeug", "wsgiref")
BOTH = ["Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n"]


def request(framing: str, body: bytes, *headers: str) -> bytes:
    lines = ["POST /login HTTP/1.1", "Host: testserver", "Content-Type: application/x-www-form-urlencoded", *headers]
    return "\r\n".join([*lines, framing.format(len(body))]).encode() + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("framing", BOTH, ids=["length first", "encoding first"])
@pytest.mark.parametrize("place", ["body", "headers"])
def test_a_request_with_two_ways_to_find_its_end_is_refused_where_the_server_lets_both_through(
    server, geetest, place, framing
):
    asked = len(geetest.received)
    token = a_token()
    form = urlencode(token).encode()
    headers = [f"X-Captcha-{name.replace('_', '-')}: {value}" for name, value in token.items()]
    with server.connect() as connection:
        if place == "body":
            connection.send(request(framing, chunked(form)))
        else:
            connection.send(request(framing, chunked(b"x"), *headers))
        response = connection.response()
    who = SEES_TO_IT[server.kind.name]
    if who == "chunks":
        assert response.status == 200
        assert json.loads(response.body)["length"] == (len(form) if place == "body" else 1)
        return
    assert response.status == 400
    assert len(geetest.received) == asked
    if who == "gate":
        assert json.loads(response.body)["code"] == "body_malformed"


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: +{}\r\n",
        "Content-Length: -{}\r\n",
        TWO_LENGTHS,
        "Content-Length: {}\r\nTransfer-Encoding: xchunked\r\n",
        "Content-Length: {}\r\nTransfer-Encoding: identity\r\n",
    ],
)
def test_a_length_that_is_none_is_refused_by_everybody(server, geetest, framing):
    asked = len(geetest.received)
    with server.connect() as connection:
        connection.send(request(framing, urlencode(a_token()).encode()))
        with contextlib.suppress(OSError):  # or the server hung up
            status = connection.response().status
            if framing == TWO_LENGTHS and server.kind.name in SHOW_ONE_OF_TWO_LENGTHS:
                assert status in (200, 403)
                return
            assert status in (400, 501)
    assert len(geetest.received) == asked


# What a header's value can hold


@pytest.mark.parametrize("damage", ["\r\n ", "\r\n\t", "\0", "\x7f", "\xe9", "\x01"], ids=repr)
def test_a_token_that_is_damaged_on_its_way_reaches_no_vendor(server, geetest, damage):
    if server.kind.name == "cheroot" and damage.startswith("\r\n"):
        return  # it takes the last line of a folded value for all of it, and tells nobody of the others
    asked = len(geetest.received)
    headers = [f"X-Captcha-{name.replace('_', '-')}: {value}" for name, value in a_token().items()]
    headers[0] = headers[0][:30] + damage + headers[0][30:]
    head = "\r\n".join(["POST /login HTTP/1.1", "Host: testserver", "Content-Length: 0", *headers])
    with server.connect() as connection:
        connection.send(head.encode("latin-1") + b"\r\n\r\n")
        with contextlib.suppress(OSError):  # or the server hung up
            assert connection.response().status in (400, 403)
    assert len(geetest.received) == asked


def test_a_line_feed_in_a_header_makes_no_two_requests_of_one(server):
    with server.connect() as connection:
        connection.send(
            b"POST /login HTTP/1.1\r\nHost: testserver\r\nX-Note: a\nX-More: b\n\nPOST /ready HTTP/1.1\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            assert connection.response().status in (400, 403)


@pytest.mark.parametrize("padded", [" {}", "\t{}", "{} ", "{}\t", "  {}\t "], ids=repr)
def test_blanks_around_a_value_do_not_count(server, padded):
    headers = [f"X-Captcha-{name.replace('_', '-')}:{padded.format(value)}" for name, value in a_token().items()]
    with server.connect() as connection:
        assert connection.post("/login", b"", "", *headers).status == 200


# Targets

HYPERCORN = "-m hypercorn -b 127.0.0.1:{port} servers.sites:"
WAITRESS = "-m waitress --listen=127.0.0.1:{port} servers.sites:"
#: The server hands these on as they are, and the framework runs `/login`.
REACHING = {
    "quart": (HYPERCORN, "asgi", ["POST http://evil/login", "POST login", "POST //login", "post /login"]),
    "flask": (WAITRESS, "wsgi", ["POST x/login", "POST *%2flogin"]),
}


def statuses(site: str, policy, folder, lines: list[str]) -> list[int]:
    command, interface, _ = REACHING[site.removeprefix("bare_")]
    kind = ServerKind(site, interface, command + site, ("quart", "hypercorn", "waitress"))
    if kind.missing:
        pytest.skip(f"not installed: {', '.join(kind.missing)}")
    found = []
    with RunningServer(kind, policy, folder / site) as running:
        for line in lines:
            with running.connect() as connection:
                connection.send(
                    f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                try:
                    found.append(connection.response().status)
                except OSError:
                    found.append(0)  # the server would not have it
    return found


@pytest.fixture
def policy(geetest, tmp_path):
    file = tmp_path / "policy.yaml"
    rules = [{"name": "login", "match": "/login"}]
    file.write_text(json.dumps({"version": 1, "providers": {"cn": geetest.account()}, "rules": rules}))
    return file


@pytest.mark.parametrize("site", REACHING)
def test_targets_that_reach_the_handler_by_themselves_do_not_with_a_gate(site, policy, tmp_path):
    lines = REACHING[site][2]
    assert statuses(f"bare_{site}", policy, tmp_path, lines) == [200] * len(lines)
    assert set(statuses(site, policy, tmp_path, lines)) <= {400, 403}


def test_no_other_odd_target_reaches_quart(policy, tmp_path):
    lines = ["POST /login#x", "POST /x#/../login", "POST *", "POST ", "POST ?/login", "POST /login%0a"]
    assert 200 not in statuses("quart", policy, tmp_path, lines)
