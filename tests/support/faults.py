"""Everything that can go wrong with one vendor, as data: how it answers, and what a gate must make of it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

from support.loopback import Answer, Connection, Received

__all__ = ["FAULTS", "FROM_A_BAD_STATUS", "Fault", "by_token", "passes_all", "replies"]

_PASS = {"status": "success", "result": "success", "reason": "", "captcha_args": {"used_type": "slide"}}
_GOOD = json.dumps(_PASS).encode()
_HTML = b"<!doctype html><title>Attention required</title>" + b"<p>Checking your browser</p>" * 40
_JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class Fault:
    """A way to answer, and what becomes of a request whose token is asked about then.

    Attributes:
        opens: whether `on_unavailable: allow` lets the request through: a probe gets no well-formed answer either.
        slow: it lasts until the gate gives up.

    """

    name: str
    answer: Answer
    outcome: str
    reason: str
    status: int = 503
    opens: bool = False
    slow: bool = False


def replies(status: int, body: bytes | str, *headers: str) -> Answer:
    """Always the same whole response."""
    content = body.encode() if isinstance(body, str) else body
    return lambda connection, request: connection.reply(status, content, *headers)


def passes_all(connection: Connection, request: Received) -> None:
    """Pass every token, any number of times, and name its beginning, so that mixed up answers are seen."""
    args = {"used_type": request.lot_number[:8]}
    connection.reply(200, json.dumps({**_PASS, "captcha_args": args}).encode(), _JSON)


def by_token(tokens: list[dict[str, str]], for_tokens: Answer, for_probes: Answer) -> Answer:
    """Answer differently to the clients' tokens and to what the gate asks by itself."""
    lot_numbers = {token["lot_number"] for token in tokens}

    def answer(connection: Connection, request: Received) -> None:
        (for_tokens if request.lot_number in lot_numbers else for_probes)(connection, request)

    return answer


def _hang(connection: Connection, request: Received) -> None:
    connection.hold()


def _reset(connection: Connection, request: Received) -> None:
    connection.reset()


def _hang_up(connection: Connection, request: Received) -> None:
    connection.hang_up()


def _drip_headers(connection: Connection, request: Received) -> None:
    connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000)


def _drip_body(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    connection.drip(_GOOD.ljust(5000))


def _stall_in_body(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + _GOOD)
    connection.hold()


def _huge(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n" + _GOOD)
    for _ in range(200_000_000 // 65536):
        connection.send(b" " * 65536)


def _huge_chunked(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(200_000_000 // 65536):
        connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


def _cut_off(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + _GOOD)
    connection.hang_up()


def _many_headers(connection: Connection, request: Received) -> None:
    headers = b"".join(b"X-%d: 1\r\n" % number for number in range(20_000))
    connection.send(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + _GOOD)
    connection.hang_up()


def _many_continues(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000)
    connection.reply(200, _GOOD, _JSON)


def _no_http(connection: Connection, request: Received) -> None:
    connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.hang_up()


def _unavailable(name: str, answer: Answer, reason: str, *, opens: bool = False, slow: bool = False) -> Fault:
    return Fault(name, answer, "unavailable", reason, opens=opens, slow=slow)


def _json(name: str, document: Any, *, outcome: str = "unavailable", reason: str = "bad_reply") -> Fault:
    """Well-formed JSON that is no pass: an answer of the vendor, which opens nothing."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Fault(name, replies(200, text, _JSON), outcome, reason, status=403 if outcome == "failed" else 503)


_NO_ANSWER = [
    _unavailable("hang", _hang, "timeout", opens=True, slow=True),
    _unavailable("reset", _reset, "network", opens=True),
    _unavailable("hang up", _hang_up, "network", opens=True),
    _unavailable("headers drip", _drip_headers, "timeout", opens=True, slow=True),
    _unavailable("body drips", _drip_body, "timeout", opens=True, slow=True),
    _unavailable("body stalls after a whole document", _stall_in_body, "timeout", opens=True, slow=True),
    _unavailable("200 MB", _huge, "bad_reply", opens=True),
    _unavailable("200 MB in chunks", _huge_chunked, "bad_reply", opens=True),
    _unavailable("body cut off", _cut_off, "network", opens=True),
    _unavailable("20000 headers", _many_headers, "network", opens=True),
    _unavailable("no HTTP", _no_http, "network", opens=True),
    _unavailable("gzip", replies(200, gzip.compress(_GOOD), "Content-Encoding: gzip"), "bad_reply", opens=True),
    _unavailable(
        "gzip bomb", replies(200, gzip.compress(bytes(10**7)), "Content-Encoding: gzip"), "bad_reply", opens=True
    ),
    _unavailable("HTML with 200", replies(200, _HTML, "Content-Type: text/html"), "bad_reply", opens=True),
    _unavailable("truncated JSON", replies(200, _GOOD[:-9], _JSON), "bad_reply", opens=True),
    _unavailable("empty body", replies(200, b"", _JSON), "bad_reply", opens=True),
    _unavailable("bad JSON", replies(200, b"{bad", _JSON), "bad_reply", opens=True),
    _unavailable("JSON nested 30000 deep", replies(200, b"[" * 30_000 + b"]" * 30_000, _JSON), "bad_reply", opens=True),
    *(
        _unavailable(f"HTTP {status}", replies(status, _HTML), "provider_error", opens=True)
        for status in (500, 502, 503, 504)
    ),
    _unavailable("HTTP 500 with a pass in it", replies(500, _GOOD, _JSON), "provider_error", opens=True),
]
_ANSWERS = [
    *(
        Fault(f"HTTP {status}", replies(status, _HTML), "misconfigured", "bad_credentials")
        for status in (400, 401, 403, 404)
    ),
    _unavailable("HTTP 429", replies(429, _HTML, "Retry-After: 1"), "throttled"),
    _unavailable("HTTP 201 with a pass in it", replies(201, _GOOD, _JSON), "bad_reply"),
    _unavailable("HTTP 404 with a pass in it", replies(404, _GOOD, _JSON), "bad_reply"),
    _json("true", True),
    _json("a list", []),
    _json("a string", "ok"),
    _json("null", None),
    _json("an empty object", {}),
    _json("NaN", b"NaN"),
    _json("another vendor's success", {"success": True}),
    _json("result: true", {"status": "success", "result": True}),
    _json("result: 1", {"status": "success", "result": 1}),
    _json("result: a list", {"status": "success", "result": ["success"]}),
    _json("result: SUCCESS", {"status": "success", "result": "SUCCESS"}),
    _json("status: true", {"status": True, "result": "success"}),
    _json("status: unknown", {"status": "partial", "result": "success"}),
    _json("UTF-16", json.dumps(_PASS).encode("utf-16")),
    _json("UTF-16 without mark", json.dumps(_PASS).encode("utf-16-le")),
    _json("UTF-8 with mark", b"\xef\xbb\xbf" + _GOOD),
    _json("a name twice", b'{"status": "success", "result": "fail", "result": "success"}'),
    _json(
        "status error beside a success",
        {"status": "error", "result": "success"},
        outcome="failed",
        reason="invalid_token",
    ),
    _json("illegal gen_time", {"status": "error", "code": "-50005"}, outcome="failed", reason="invalid_token"),
    _json("refused", {"status": "success", "result": "fail", "reason": "x"}, outcome="failed", reason="invalid_token"),
    Fault("2000 times 100 Continue", _many_continues, "passed", "ok", status=200),
]

#: Each by itself; what happens before a request is sent (refused, TLS, redirects to elsewhere) has tests of its own.
FAULTS = [*_NO_ANSWER, *_ANSWERS]

#: What a status says stands, whatever becomes of the body after it.
FROM_A_BAD_STATUS = {
    "longer than we read": lambda connection, status: connection.reply(status, b" " * 300_000),
    "compressed": lambda connection, status: connection.reply(status, gzip.compress(_HTML), "Content-Encoding: gzip"),
    "cut off": lambda connection, status: (
        connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n...".encode()),
        connection.hang_up(),
    ),
    "never coming": lambda connection, status: (
        connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n...".encode()),
        connection.hold(),
    ),
}
