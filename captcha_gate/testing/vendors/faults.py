"""Ways in which a vendor's server fails, by name: `vendor.breaks(faults.hang)`. Says nothing of what becomes of it.

Every reply that is broken in its form has a *yes* in it that each vendor's documents would let pass, so that whoever
overlooks what is wrong with it lets the request through, and is seen.
"""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

from captcha_gate.testing.vendors.loopback import Answer, Connection, Received, replies

__all__ = [
    "bad_json",
    "cut_off",
    "deep_json",
    "drip_body",
    "drip_headers",
    "empty",
    "gzip_bomb",
    "gzipped",
    "hang",
    "hang_up",
    "html",
    "huge",
    "huge_chunked",
    "many_headers",
    "not_http",
    "redirect",
    "reset",
    "says",
    "stall_in_body",
    "status",
    "truncated_json",
]

_JSON: Final = "Content-Type: application/json;charset=UTF-8"
_HTML: Final = b"<!doctype html><title>Attention required</title>" + b"<p>Checking your browser</p>" * 40
_YES: Final = json.dumps(
    {"status": "success", "result": "success", "reason": "", "success": 1, "code": 0, "msg": "ok"}
    | {"score": 100, "seccode": "0" * 32, "challenge": "0" * 32, "data": {"code": 0, "result": True}}
).encode()
#: The body that was promised is longer than the one that comes.
_PROMISED: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
_CHUNK: Final = 65536
_HUGE: Final = 200_000_000


def says(document: Any, status: int = 200) -> Answer:
    """Well-formed JSON: what the vendor never says, or says of another token."""
    return replies(status, json.dumps(document).encode(), _JSON)


def status(number: int, *headers: str) -> Answer:
    """An HTML page with this status, as what stands in front of the vendor sends it: 403, 404, 429, 502, 503."""
    return replies(number, _HTML, "Content-Type: text/html", *headers)


def redirect(to: str, status: int = 302) -> Answer:
    """To another URL, which must not be asked: the request has a secret in it, or a signature."""
    return replies(status, b"", f"Location: {to}")


html: Final = status(200)
empty: Final = replies(200, b"", _JSON)
bad_json: Final = replies(200, b"{bad", _JSON)
truncated_json: Final = replies(200, _YES[:-9], _JSON)
deep_json: Final = replies(200, b"[" * 30_000 + b"]" * 30_000, _JSON)
gzipped: Final = replies(200, gzip.compress(_YES), _JSON, "Content-Encoding: gzip")
gzip_bomb: Final = replies(200, gzip.compress(bytes(10**7)), _JSON, "Content-Encoding: gzip")


def hang(connection: Connection, _: Received) -> None:
    """No answer, and the connection stays open."""
    connection.hold()


def reset(connection: Connection, _: Received) -> None:
    """No answer, and a RST."""
    connection.reset()


def hang_up(connection: Connection, _: Received) -> None:
    """No answer, and an orderly end."""
    connection.hang_up()


def drip_headers(connection: Connection, _: Received) -> None:
    """Headers that come a byte at a time, for minutes."""
    connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000)


def drip_body(connection: Connection, _: Received) -> None:
    """A body that comes a byte at a time, for minutes."""
    connection.send(_PROMISED)
    connection.drip(_YES.ljust(5000))


def stall_in_body(connection: Connection, _: Received) -> None:
    """A whole document, then nothing more of the body that was promised."""
    connection.send(_PROMISED + _YES)
    connection.hold()


def cut_off(connection: Connection, _: Received) -> None:
    """A whole document, then the end instead of the rest that was promised."""
    connection.send(_PROMISED + _YES)
    connection.hang_up()


def huge(connection: Connection, _: Received) -> None:
    """A document and 200 MB of spaces."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _HUGE + _YES)
    for _sent in range(_HUGE // _CHUNK):
        connection.send(b" " * _CHUNK)


def huge_chunked(connection: Connection, _: Received) -> None:
    """200 MB of spaces in chunks, without a length."""
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _sent in range(_HUGE // _CHUNK):
        connection.send(b"%x\r\n" % _CHUNK + b" " * _CHUNK + b"\r\n")


def many_headers(connection: Connection, _: Received) -> None:
    """20000 headers."""
    headers = b"".join(b"X-%d: 1\r\n" % number for number in range(20_000))
    connection.send(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + _YES)
    connection.hang_up()


def not_http(connection: Connection, _: Received) -> None:
    """Another protocol."""
    connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.hang_up()
