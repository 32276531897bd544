"""The gate under real servers: what arrives at the application, what a client reads, and what the server prints."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from support.faults import a_token

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xYzZY"
FILE = bytes(range(256)) * 1200  # 300 KB of everything


def multipart(token: dict[str, str], file: bytes = b"") -> bytes:
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in token.items()]
    if file:
        parts.append(b'Content-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n' + file)
    return b"".join(b"--xYzZY\r\n" + part + b"\r\n" for part in parts) + b"--xYzZY--\r\n"


def headers_of(token: dict[str, str]) -> Iterator[str]:
    return (f"X-Captcha-{name.replace('_', '-').title()}: {value}" for name, value in token.items())


def bodies(token: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    """Every kind of body that carries a token, small and large."""
    large = {**token, "text": "é\n" * 60_000}
    return {
        "form": (FORM, urlencode(token).encode()),
        "multipart": (MULTIPART, multipart(token)),
        "json": ("application/json", json.dumps(token).encode()),
        "large form": (FORM, urlencode(large).encode()),
        "large multipart": (MULTIPART, multipart(token, FILE)),
        "large json": ("application/json", json.dumps(large).encode()),
    }


KINDS_OF_BODY = tuple(bodies(a_token()))


def saw_all_of(response, body: bytes) -> bool:
    seen = json.loads(response.body)
    return (response.status, seen["outcome"], seen["length"], seen["sha256"]) == (
        200,
        "passed",
        len(body),
        hashlib.sha256(body).hexdigest(),
    )


@pytest.mark.parametrize("kind_of_body", KINDS_OF_BODY)
def test_a_token_in_a_body_passes_and_the_application_gets_every_byte(connection, kind_of_body):
    content_type, body = bodies(a_token())[kind_of_body]
    assert saw_all_of(connection.post("/upload", body, content_type), body)


@pytest.mark.parametrize("size", [100, 70_000])
@pytest.mark.parametrize("kind_of_body", KINDS_OF_BODY)
def test_a_chunked_body_is_as_good(server, connection, kind_of_body, size):
    content_type, body = bodies(a_token())[kind_of_body]
    if not server.kind.chunked:  # then there is no body to the gate, and no token
        with contextlib.suppress(OSError):
            assert connection.post_chunked("/upload", body, content_type, size).status in (400, 403)
        return
    assert saw_all_of(connection.post_chunked("/upload", body, content_type, size), body)


@pytest.mark.parametrize("body", [b"", b"x", FILE], ids=len)
def test_a_token_in_the_headers_passes_with_any_body(connection, body):
    response = connection.post("/login", body, "application/octet-stream", *headers_of(a_token()))
    assert saw_all_of(response, body)


def test_a_token_in_the_query_passes_where_the_rule_reads_it(server):
    with server.connect() as connection:
        assert saw_all_of(connection.post(f"/anywhere?{urlencode(a_token())}", FILE), FILE)
    with server.connect() as connection:
        assert connection.post(f"/login?{urlencode(a_token())}", b"").status == 403


def test_a_token_in_the_cookies_passes_where_the_rule_reads_them(connection):
    cookies = "; ".join(f"{name}={value}" for name, value in a_token().items())
    assert saw_all_of(connection.post("/anywhere", b"hello", "", f"Cookie: {cookies}"), b"hello")


def test_a_token_passes_once(server):
    body = urlencode(a_token()).encode()
    statuses = []
    for _ in range(3):
        with server.connect() as connection:
            statuses.append(connection.post("/login", body, FORM).status)
    assert statuses == [200, 403, 403]


def test_a_request_without_token_is_told_so_in_the_form_it_prefers(server, geetest):
    asked = len(geetest.received)
    with server.connect() as connection:
        problem = connection.post("/login", b"name=x", FORM, "Accept: application/json")
    assert (problem.status, problem.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(problem.body)["code"] == "missing_token"
    with server.connect() as connection:
        page = connection.post("/login", b"name=x", FORM, "Accept: text/html,*/*;q=0.8")
    assert (page.status, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert b"missing_token" in page.body
    assert page.headers["cache-control"] == "no-store"
    assert len(geetest.received) == asked


def test_a_refused_head_has_no_body_and_its_connection_stays_in_step(connection):
    connection.send(b"HEAD /read HTTP/1.1\r\nHost: testserver\r\n\r\n")
    refused = connection.response(bodyless=True)
    assert refused.status == 403
    connection.send(b"GET /ready HTTP/1.1\r\nHost: testserver\r\n\r\n")
    with contextlib.suppress(OSError):  # or it was closed
        assert json.loads(connection.response().body)["outcome"] == "exempt"


@pytest.mark.parametrize("length", [10, 300_000])
def test_what_follows_a_refused_request_with_a_body_is_answered_right_or_not_at_all(connection, length):
    # The body looks like a request that must not be answered as one.
    smuggled = b"GET /read HTTP/1.1\r\nHost: testserver\r\n\r\n"
    body = (smuggled * (length // len(smuggled) + 1))[:length]
    head = f"POST /anywhere HTTP/1.1\r\nHost: testserver\r\nContent-Length: {length}\r\n\r\n".encode()
    next_one = b"GET /ready HTTP/1.1\r\nHost: testserver\r\n\r\n"
    try:
        connection.send(head + body + next_one)
        assert connection.response().status == 403
        second = connection.response()
    except OSError:
        return
    assert (second.status, json.loads(second.body)["outcome"]) == (200, "exempt")


@pytest.mark.parametrize(
    "line",
    [
        "POST /login%0a",
        "POST /login%0d%0a",
        "POST /login%00",
        "POST //login",
        "POST ///login//",
        "POST /login/",
        "POST /%6cogin",
        "POST /x/..//login",
        "POST /x/%2e%2e/login",
        "POST /x/../login",
        "POST /./login",
        "POST /%2flogin",
        "POST /ready%2f..%2flogin",
        "POST /%256cogin",
        "POST /%u006cogin",
        "POST /lo%gin",
        "POST /%l%o%g%i%n",
        "POST /lo%ffgin",
        "POST /l%c1%afgin",
        "POST /login;a=b",
        "POST *",
        "POST http://testserver/login",
        "POST http://other/login",
        "POST /login?x=/ready",
        "POST /login#/ready",
        "POST login",
        "post /login",
        "pOsT /login",
    ],
)
def test_no_spelling_of_a_request_reaches_the_handler_without_token(server, geetest, line):
    asked = len(geetest.received)
    with server.connect() as connection:
        connection.send(
            f"{line} HTTP/1.1\r\nHost: testserver\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            response = connection.response()
        except OSError:
            return  # the server itself would not have it
    if response.status == 200:
        assert json.loads(response.body)["handler"] not in ("/login", "/login/", "login")
    else:
        assert response.status in (400, 403, 404, 501)
    assert len(geetest.received) == asked


@pytest.mark.parametrize(
    "path", ["/caf%C3%A9/1", "/caf%c3%a9/1/", "/caf%C3%A9//%E4%B8%AD%E6%96%87", "/x/../caf%C3%A9/1"]
)
def test_a_rule_whose_path_is_not_ascii_holds_on_every_server(server, path):
    with server.connect() as connection:
        assert connection.post(path, b"").status == 403
    with server.connect() as connection:
        assert saw_all_of(connection.post(path, b"", "", *headers_of(a_token())), b"")
    with server.connect() as connection:
        assert connection.post("/cafe/1", b"").status == 200


def test_a_client_that_leaves_during_its_upload_costs_no_call_and_no_traceback(server, geetest):
    token = urlencode(a_token()).encode()
    asked = len(geetest.received)
    for leave in ("reset", "close"):
        for sent in (b"", b"lot_", token):
            connection = server.connect()
            connection.send(
                f"POST /upload HTTP/1.1\r\nHost: testserver\r\nContent-Type: {FORM}\r\n"
                f"Content-Length: {len(token) + 100_000}\r\n\r\n".encode()
                + sent
            )
            getattr(connection, leave)()
    with server.connect() as connection:
        connection.send(
            f"POST /upload HTTP/1.1\r\nHost: testserver\r\nContent-Type: {FORM}\r\n"
            "Transfer-Encoding: chunked\r\n\r\nff\r\nlot_number=x".encode()
        )
    # The server is done with them when it has served others after them.
    for _ in range(4 * server.kind.workers):
        with server.connect() as connection:
            assert connection.post("/login", urlencode(a_token()).encode(), FORM).status == 200
    assert len(geetest.received) == asked + 4 * server.kind.workers


def test_many_clients_at_once_each_get_their_own_answer(server):
    def login(_: int) -> bool:
        token = a_token()
        with server.connect() as connection:
            return saw_all_of(connection.post("/login", body := urlencode(token).encode(), FORM), body)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(login, range(100)))


HANDSHAKE = (
    "GET {} HTTP/1.1\r\nHost: testserver\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_websocket_without_token_is_refused_before_it_is_accepted(server):
    with server.connect() as connection:
        connection.send(HANDSHAKE.format("/socket").encode())
        if not server.kind.websockets:  # to which it is a GET like any other, and upgrades nothing
            assert connection.response(bodyless=True).status != 101
            return
        assert connection.response(bodyless=True).status == 403
    with server.connect() as connection:
        connection.send(HANDSHAKE.format(f"/socket?{urlencode(a_token())}").encode())
        assert connection.response(bodyless=True).status == 101


@pytest.fixture(autouse=True)
def _nothing_to_complain_about(server):
    """No test may make the server print a traceback, or that its application did not answer."""
    yield
    assert not {word for word in ("Traceback", "callable returned") if word in server.log}, server.log
