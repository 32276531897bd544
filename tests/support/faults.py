"""Everything that can go wrong with one vendor, as data: how it answers, and what a gate must make of it."""

from __future__ import annotations

import gzip
import json
import secrets
from dataclasses import dataclass
from typing import Any

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.geetest_v4 import CAPTCHA_ID, CAPTCHA_KEY
from captcha_gate.testing.vendors.loopback import Answer, Connection, Received, replies

__all__ = ["FAULTS", "FROM_A_BAD_STATUS", "Fault", "a_token", "account_at", "by_token", "lot_number", "passes_all"]

_PASS = {"status": "success", "result": "success", "reason": "", "captcha_args": {"used_type": "slide"}}
_GOOD = json.dumps(_PASS).encode()
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


def account_at(url: str, **keys: Any) -> dict[str, Any]:
    """The policy's entry of a GeeTest v4 account whose server is any at `url`.

    Its time is long unless `keys` have another: a machine that pauses for seconds must not look like a vendor's outage.
    """
    account = {"type": "geetest-v4", "captcha_id": CAPTCHA_ID, "captcha_key": CAPTCHA_KEY, "base_url": url}
    return {**account, "timeout": "30s", **keys}


def a_token() -> dict[str, str]:
    """The four fields as the page would submit them, a new token each time, which nobody issued."""
    return {
        "lot_number": secrets.token_hex(16),
        "captcha_output": "ymBMOwkj3wrWAAfm-DEqWa4y7bc3_iVz0A==",
        "pass_token": secrets.token_hex(32),
        "gen_time": "1653302332",
    }


def lot_number(request: Received) -> str:
    """Which token a request asks about."""
    return request.form.get("lot_number", [""])[0]


def passes_all(connection: Connection, request: Received) -> None:
    """Pass every token, any number of times, and name its beginning, so that mixed up answers are seen."""
    args = {"used_type": lot_number(request)[:8]}
    connection.reply(200, json.dumps({**_PASS, "captcha_args": args}).encode(), _JSON)


def by_token(tokens: list[dict[str, str]], for_tokens: Answer, for_probes: Answer) -> Answer:
    """Answer differently to the clients' tokens and to what the gate asks by itself."""
    lot_numbers = {token["lot_number"] for token in tokens}

    def answer(connection: Connection, request: Received) -> None:
        (for_tokens if lot_number(request) in lot_numbers else for_probes)(connection, request)

    return answer


def _many_continues(connection: Connection, request: Received) -> None:
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000)
    connection.reply(200, _GOOD, _JSON)


def _unavailable(name: str, answer: Answer, reason: str, *, opens: bool = False, slow: bool = False) -> Fault:
    return Fault(name, answer, "unavailable", reason, opens=opens, slow=slow)


def _json(name: str, document: Any, *, outcome: str = "unavailable", reason: str = "bad_reply") -> Fault:
    """Well-formed JSON that is no pass: an answer of the vendor, which opens nothing."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Fault(name, replies(200, text, _JSON), outcome, reason, status=403 if outcome == "failed" else 503)


_NO_ANSWER = [
    _unavailable("hang", faults.hang, "timeout", opens=True, slow=True),
    _unavailable("reset", faults.reset, "network", opens=True),
    _unavailable("hang up", faults.hang_up, "network", opens=True),
    _unavailable("headers drip", faults.drip_headers, "timeout", opens=True, slow=True),
    _unavailable("body drips", faults.drip_body, "timeout", opens=True, slow=True),
    _unavailable("body stalls after a whole document", faults.stall_in_body, "timeout", opens=True, slow=True),
    _unavailable("200 MB", faults.huge, "bad_reply", opens=True),
    _unavailable("200 MB in chunks", faults.huge_chunked, "bad_reply", opens=True),
    _unavailable("body cut off", faults.cut_off, "network", opens=True),
    _unavailable("20000 headers", faults.many_headers, "network", opens=True),
    _unavailable("no HTTP", faults.not_http, "network", opens=True),
    _unavailable("gzip", faults.gzipped, "bad_reply", opens=True),
    _unavailable("gzip bomb", faults.gzip_bomb, "bad_reply", opens=True),
    _unavailable("HTML with 200", faults.html, "bad_reply", opens=True),
    _unavailable("truncated JSON", faults.truncated_json, "bad_reply", opens=True),
    _unavailable("empty body", faults.empty, "bad_reply", opens=True),
    _unavailable("bad JSON", faults.bad_json, "bad_reply", opens=True),
    _unavailable("JSON nested 30000 deep", faults.deep_json, "bad_reply", opens=True),
    *(
        _unavailable(f"HTTP {status}", faults.status(status), "provider_error", opens=True)
        for status in (500, 502, 503, 504)
    ),
    _unavailable("HTTP 500 with a pass in it", faults.says(_PASS, 500), "provider_error", opens=True),
]
_ANSWERS = [
    *(
        Fault(f"HTTP {status}", faults.status(status), "misconfigured", "bad_credentials")
        for status in (400, 401, 403, 404)
    ),
    _unavailable("HTTP 429", faults.status(429, "Retry-After: 0"), "throttled"),
    _unavailable("HTTP 201 with a pass in it", faults.says(_PASS, 201), "bad_reply"),
    _unavailable("HTTP 404 with a pass in it", faults.says(_PASS, 404), "bad_reply"),
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
    "compressed": lambda connection, status: connection.reply(
        status, gzip.compress(b"<p>no</p>" * 100), "Content-Encoding: gzip"
    ),
    "cut off": lambda connection, status: (
        connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n...".encode()),
        connection.hang_up(),
    ),
    "never coming": lambda connection, status: (
        connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n...".encode()),
        connection.hold(),
    ),
}
