"""What every stand-in of a vendor does: it listens, records, answers 404 elsewhere, breaks down and recovers."""

from __future__ import annotations

import ast
import contextlib
import gzip
import json
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest

from captcha_gate import load_policy
from captcha_gate.testing import vendors
from captcha_gate.testing.vendors import GeetestV3, GeetestV4, Vaptcha, VaptchaV4, Yunpian, faults
from captcha_gate.testing.vendors.loopback import LoopbackServer, replies

VENDORS = (GeetestV3, GeetestV4, Yunpian, Vaptcha, VaptchaV4)
TIMEOUT = 0.3  # seconds


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.__name__)
def vendor(request):
    with request.param() as server:
        yield server


@pytest.fixture
def http():
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield client


def test_it_listens_on_loopback_and_speaks_http(vendor):
    assert vendor.url == f"http://127.0.0.1:{vendor.port}"


def test_any_other_path_is_a_page_that_says_404(vendor, http):
    response = http.get(f"{vendor.url}/elsewhere")
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html")


def test_any_other_method_is_a_page_that_says_405(vendor, http):
    for call in vendor._calls:
        assert http.patch(vendor.url + call.path).status_code == 405


def test_every_request_is_recorded_as_it_came(vendor, http):
    http.post(f"{vendor.url}/elsewhere?a=1&a=2", data={"b": "3"}, headers={"X-Some": "thing"})
    [request] = vendor.received
    assert (request.method, request.target, request.path) == ("POST", "/elsewhere?a=1&a=2", "/elsewhere")
    assert (request.query, request.form, request.body) == ({"a": ["1", "2"]}, {"b": ["3"]}, b"b=3")
    assert (request.headers["x-some"], request.media_type) == ("thing", "application/x-www-form-urlencoded")
    assert request.document is None


def test_it_breaks_for_every_request_and_recovers(vendor, http):
    vendor.breaks(faults.status(503))
    assert [http.get(vendor.url + path).status_code for path in ("/", vendor._calls[0].path)] == [503, 503]
    vendor.recovers()
    assert http.get(f"{vendor.url}/").status_code == 404


def test_one_call_can_break_alone(vendor, http):
    broken, *others = vendor._calls
    vendor.breaks(faults.status(502), only=broken.name)
    assert http.request(broken.methods[0], vendor.url + broken.path).status_code == 502
    assert {http.request(call.methods[0], vendor.url + call.path).status_code for call in others} <= {200, 403}
    vendor.recovers()
    assert http.request(broken.methods[0], vendor.url + broken.path).status_code != 502


def test_a_call_that_it_does_not_have_cannot_break(vendor):
    with pytest.raises(ValueError, match="is no call of this vendor"):
        vendor.breaks(faults.hang, only="regsiter")


def test_its_account_points_at_it_and_keys_can_be_replaced(vendor):
    account = vendor.account(timeout="2s", base_url="http://127.0.0.1:9")
    assert (account["timeout"], account["base_url"]) == ("2s", "http://127.0.0.1:9")
    assert vendor.account()["base_url"] == vendor.url


def test_its_account_is_one_that_a_policy_takes(vendor):
    rules = [{"name": "login", "match": "/login"}]
    assert load_policy({"version": 1, "providers": {"it": vendor.account()}, "rules": rules})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.hang, httpx.ReadTimeout),
        (faults.reset, httpx.ReadError),
        (faults.hang_up, httpx.RemoteProtocolError),
        (faults.stall_in_body, httpx.ReadTimeout),
        (faults.cut_off, httpx.RemoteProtocolError),
        (faults.not_http, httpx.RemoteProtocolError),
        (faults.many_headers, httpx.RemoteProtocolError),
    ],
    ids=lambda value: value.__name__,
)
def test_a_fault_that_ends_no_reply(fault, error, http):
    with GeetestV4() as vendor:
        vendor.breaks(fault)
        with pytest.raises(error):
            http.get(vendor.url, timeout=TIMEOUT)


@pytest.mark.parametrize("fault", [faults.drip_headers, faults.drip_body], ids=lambda fault: fault.__name__)
def test_a_fault_that_drips_sends_a_byte_at_a_time(fault):
    with GeetestV4() as vendor, socket.create_connection(("127.0.0.1", vendor.port), timeout=5) as client:
        vendor.breaks(fault)
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        pieces = [client.recv(65536) for _ in range(6)]
    assert all(len(piece) < 5 for piece in pieces[1:])


@pytest.mark.parametrize("fault", [faults.huge, faults.huge_chunked], ids=lambda fault: fault.__name__)
def test_a_fault_that_never_ends_sends_more_than_anybody_wants(fault, http):
    with GeetestV4() as vendor:
        vendor.breaks(fault)
        with http.stream("GET", vendor.url) as response:
            read = 0
            for chunk in response.iter_raw():
                read += len(chunk)
                if read > 5_000_000:
                    break
        assert read > 5_000_000
        vendor.wait_until_left()


WHOLE_REPLIES = {
    "HTML": (faults.html, 200, False),
    "empty": (faults.empty, 200, False),
    "bad JSON": (faults.bad_json, 200, False),
    "truncated JSON": (faults.truncated_json, 200, False),
    "deep JSON": (faults.deep_json, 200, False),
    "429": (faults.status(429, "Retry-After: 7"), 429, False),
    "JSON with 201": (faults.says([True], 201), 201, True),
    "gzip": (faults.gzipped, 200, True),
}


@pytest.mark.parametrize("name", WHOLE_REPLIES)
def test_a_fault_that_is_a_whole_reply(name, http):
    fault, status, is_json = WHOLE_REPLIES[name]
    with GeetestV4() as vendor:
        vendor.breaks(fault)
        response = http.get(vendor.url)
    assert response.status_code == status
    try:
        json.loads(response.content)
    except (ValueError, RecursionError):
        assert not is_json
    else:
        assert is_json


def test_a_gzip_bomb_is_small_until_it_is_opened(http):
    with GeetestV4() as vendor:
        vendor.breaks(faults.gzip_bomb)
        with http.stream("GET", vendor.url) as response:
            raw = b"".join(response.iter_raw())
    assert len(raw) < 65536 < len(gzip.decompress(raw))


def test_a_redirect_names_where_to_and_its_status(http):
    with GeetestV4() as vendor:
        vendor.breaks(faults.redirect("https://elsewhere.invalid/", 307))
        response = http.get(vendor.url)
    assert (response.status_code, response.headers["location"]) == (307, "https://elsewhere.invalid/")


def test_a_request_whose_length_is_unknown_is_refused(http):
    with GeetestV4() as vendor:
        assert http.post(vendor.url, content=iter([b"a", b"b"])).status_code == 411
        with socket.create_connection(("127.0.0.1", vendor.port), timeout=5) as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 411 ")
        assert vendor.received == []


def test_waiting_in_vain_says_what_was_waited_for(http):
    with LoopbackServer(replies(200, "yes")) as server:
        http.get(server.url)
        server.wait_for_requests(1)
        with pytest.raises(TimeoutError, match="1 of 2 requests"):
            server.wait_for_requests(2, timeout=0.05)
        with pytest.raises(TimeoutError, match="1 connections"):
            server.wait_until_left(timeout=0.05)
        server.drop_connections()
        server.wait_until_left()


def test_an_answer_that_does_not_end_is_told_when_the_server_closes(monkeypatch):
    monkeypatch.setattr("captcha_gate.testing.vendors.loopback._PATIENCE", 0.05)
    over = threading.Event()
    server = LoopbackServer(lambda connection, request: over.wait(10))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.wait_for_requests(1)
        with pytest.raises(TimeoutError, match="does not come to its end"):
            server.close()
    over.set()
    server.wait_until_left()


def test_a_closed_server_refuses_connections_and_leaves_no_thread():
    before = threading.active_count()
    with GeetestV4() as vendor, httpx.Client() as client:
        client.get(vendor.url)
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", vendor.port), timeout=1)


def test_a_server_that_runs_for_long_collects_no_threads(http):
    with LoopbackServer(replies(200, "yes")) as server:
        for _ in range(50):
            http.get(server.url, headers={"Connection": "close"})
            server.drop_connections()
        assert server.accepted == 50
        assert len(server._threads) < 25


def test_a_server_that_does_not_listen_yet_refuses_connections_until_it_does(http):
    with LoopbackServer(replies(200, "yes"), listening=False) as server:
        with pytest.raises(httpx.ConnectError):
            http.get(server.url)
        server.listen()
        assert http.get(server.url).text == "yes"


def test_a_client_that_speaks_tls_to_it_is_left_at_once(http):
    with LoopbackServer(replies(200, "yes")) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"\x16\x03\x01 and no end of line")
            with contextlib.suppress(ConnectionResetError):  # an end, or a reset for what was not read
                assert client.recv(100) == b""
        assert http.get(server.url).text == "yes"


@pytest.mark.parametrize("file", sorted(Path(vendors.__file__).parent.glob("*.py")), ids=lambda file: file.stem)
def test_a_stand_in_shares_no_code_with_what_it_tests(file):
    imported = {
        name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    others = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("captcha_gate.testing.vendors") for name in others)
