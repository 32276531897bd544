"""The body under WSGI: `wsgi.input` as PEP 3333 has it, byte for byte, and never past its end."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from io import BytesIO
from itertools import chain
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.body_corpus import CORPUS, JSON, JSON_BODY, MULTIPART, document, file_part, joined, token_parts
from support.world import LOGIN, PASSES, TOKEN, policy_of
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from captcha_gate import wsgi_body
from captcha_gate.spool import Spool
from captcha_gate.wsgi import CaptchaGate
from captcha_gate.wsgi_body import RecordedInput

NOISE = hashlib.shake_256(b"a photo with lines").digest(300_000)
BODIES = {
    "small": (JSON, JSON_BODY),
    "on disk": (JSON, document(note="x\n" * 100_000)),
    "an upload of which the gate reads a little": (MULTIPART, joined(*token_parts(), file_part(value=NOISE))),
    "an upload of which the gate reads all": (MULTIPART, joined(file_part(value=NOISE), *token_parts())),
}


class Socket:
    """A body as it comes from a socket: who asks for more than is left would wait for ever."""

    def __init__(self, body: bytes) -> None:
        self._body = BytesIO(body)
        self.left = len(body)

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= self.left, f"asked for {size} bytes where {self.left} are left"
        return self._taken(self._body.read(size))

    def readline(self, size: int = -1) -> bytes:
        assert 0 <= size <= self.left, f"asked for a line of {size} bytes where {self.left} are left"
        return self._taken(self._body.readline(size))

    def _taken(self, data: bytes) -> bytes:
        self.left -= len(data)
        return data


def environ_of(content_type: str, body: bytes, **more: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": Socket(body),
        **more,
    }


def terminated(content_type: str, body: bytes, stream: Any = None) -> dict[str, Any]:
    """A chunked body that the server ends by itself."""
    environ = environ_of(content_type, body, **{"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"})
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input"] = stream or BytesIO(body)
    return environ


def gate_before(app: Any, *rules: dict[str, Any], **top: Any) -> CaptchaGate:
    vendor = httpx.MockTransport(lambda request: httpx.Response(200, json=PASSES))
    return CaptchaGate(app, policy_of(*rules, **top), http_client=httpx.Client(transport=vendor))


def call(gate: Any, environ: dict[str, Any]) -> tuple[str, bytes]:
    """Serve one request as a server does; status and body."""
    statuses: list[str] = []
    answer = gate(environ, lambda status, headers, exc_info=None: statuses.append(status))
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return statuses[0], body


def seen_by(reader: Callable[[dict[str, Any]], bytes], environ: dict[str, Any], **top: Any) -> bytes:
    """What an application sees that reads its input in this way, behind a gate."""
    seen = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(reader(environ))
        start_response("200 OK", [])
        return []

    assert call(gate_before(app, **top), environ)[0] == "200 OK"
    return seen[0]


def _in_steps(environ: dict[str, Any]) -> bytes:
    left, data = int(environ["CONTENT_LENGTH"]), b""
    while left:
        chunk = environ["wsgi.input"].read(min(left, 10_007))
        left, data = left - len(chunk), data + chunk
    return data


def _mixed(environ: dict[str, Any]) -> bytes:
    stream, length = environ["wsgi.input"], int(environ["CONTENT_LENGTH"])
    data = stream.read(3) + stream.readline(5) + stream.readline() + next(iter(stream), b"")
    data += b"".join(stream.readlines(100))
    return data + stream.read(length - len(data))


READERS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "read()": lambda environ: environ["wsgi.input"].read(),
    "read(-1)": lambda environ: environ["wsgi.input"].read(-1),
    "read(None)": lambda environ: environ["wsgi.input"].read(None),
    "read(length)": lambda environ: environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
    "read(length + 1)": lambda environ: environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]) + 1),
    "read(n)": _in_steps,
    "read(n) to the end": lambda environ: b"".join(iter(lambda: environ["wsgi.input"].read(4096), b"")),
    "readline()": lambda environ: b"".join(iter(environ["wsgi.input"].readline, b"")),
    "readline(n)": lambda environ: b"".join(iter(lambda: environ["wsgi.input"].readline(7), b"")),
    "readlines()": lambda environ: b"".join(environ["wsgi.input"].readlines()),
    "readlines(n)": lambda environ: b"".join(chain(*iter(lambda: environ["wsgi.input"].readlines(1000), []))),
    "iteration": lambda environ: b"".join(environ["wsgi.input"]),
    "mixed": _mixed,
    "Werkzeug": lambda environ: Request(environ).get_data(),
    "buffered": lambda environ: io.BufferedReader(get_input_stream(environ)).read(),
    "buffered lines": lambda environ: b"".join(io.BufferedReader(get_input_stream(environ))),
}


@pytest.mark.parametrize("top", [{}, {"mode": "monitor"}], ids=["enforced", "monitored"])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BODIES)
def test_the_application_may_read_in_any_way_and_the_socket_is_never_asked_for_more_than_it_has(name, reader, top):
    content_type, body = BODIES[name]
    assert seen_by(READERS[reader], environ_of(content_type, body), **top) == body


@pytest.mark.parametrize("reader", [name for name in READERS if "buffered" not in name])
@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_body_that_the_server_ends_is_read_to_its_end(name, reader):
    content_type, body = BODIES[name]
    environ = {**terminated(content_type, body), "CONTENT_LENGTH": str(len(body))}  # for the readers that ask for it
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # a request with both is refused
    assert seen_by(READERS[reader], environ) == body


@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_body_needs_no_length(name):
    content_type, body = BODIES[name]
    assert seen_by(READERS["read()"], terminated(content_type, body)) == body


def test_a_body_of_which_nobody_knows_the_end_is_not_read():
    environ = environ_of(JSON, JSON_BODY)
    del environ["CONTENT_LENGTH"]
    assert call(gate_before(None_of_it), environ)[0] == "403 Forbidden"
    assert environ["wsgi.input"].left == len(JSON_BODY)


def None_of_it(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: N802 - reads as a sentence
    raise AssertionError("the application was called")


def test_an_end_that_the_server_does_not_promise_is_taken_from_the_length():
    environ = environ_of(JSON, JSON_BODY, **{"wsgi.input_terminated": False})
    assert seen_by(READERS["read()"], environ) == JSON_BODY


def test_the_servers_own_input_is_handed_on_where_the_body_was_not_read():
    headers = {"HTTP_X_CAPTCHA_" + name.upper(): value for name, value in TOKEN.items()}
    environ = environ_of(MULTIPART, b"junk", **headers)
    stream, seen = environ["wsgi.input"], []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return []

    call(gate_before(app), environ)
    assert (seen, stream.left) == ([stream], 4)


def test_of_an_upload_behind_the_token_only_a_chunk_is_read_before_the_application_starts():
    content_type, body = BODIES["an upload of which the gate reads a little"]
    environ = environ_of(content_type, body)
    stream = environ["wsgi.input"]
    assert seen_by(lambda _: str(len(body) - stream.left).encode(), environ) == str(wsgi_body.CHUNK).encode()


class Broken(Socket):
    """A socket whose client goes after so many bytes."""

    def __init__(self, body: bytes, error: Exception | None) -> None:
        super().__init__(body)
        self.left = 10**9
        self._error = error

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if not data and self._error:
            raise self._error
        return data


@pytest.mark.parametrize("error", [None, ConnectionResetError(), OSError("timed out")], ids=str)
@pytest.mark.parametrize("top", [{}, {"mode": "monitor"}], ids=["enforced", "monitored"])
def test_a_client_that_goes_while_uploading_reaches_neither_application_nor_vendor(error, top):
    asked: list[httpx.Request] = []
    vendor = httpx.Client(transport=httpx.MockTransport(asked.append))  # type: ignore[arg-type]
    gate = CaptchaGate(None_of_it, policy_of(**top), http_client=vendor)
    environ = {**environ_of(JSON, JSON_BODY), "wsgi.input": Broken(JSON_BODY[:40], error)}
    assert call(gate, environ)[0] == "400 Bad Request"
    assert asked == []


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["read", "readline", "readlines"]), st.one_of(st.integers(-1, 12), st.none())),
        st.tuples(st.sampled_from(["read", "readline", "readlines"])),
        st.just(("__next__",)),
    ),
    max_size=12,
)


@given(
    body=st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bcd", b"\xff"]), max_size=30).map(b"".join),
    chunk=st.integers(1, 9),
    read_ahead=st.integers(0, 12),
    in_memory=st.integers(0, 12),
    operations=OPERATIONS,
)
def test_the_recorded_input_is_a_file_whatever_was_read_of_it_before(body, chunk, read_ahead, in_memory, operations):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wsgi_body, "CHUNK", chunk)
        patch.setattr(wsgi_body, "Spool", lambda: Spool(in_memory))
        recorded, plain = RecordedInput(environ_of(JSON, body)), BytesIO(body)
        for _ in range(read_ahead):
            recorded.read_more()
        recorded.rewind()
        for name, *arguments in operations:
            expected = next(plain, None) if name == "__next__" else getattr(plain, name)(*arguments)
            found = next(iter(recorded), None) if name == "__next__" else getattr(recorded, name)(*arguments)
            assert found == expected
        recorded.close()


@pytest.mark.parametrize("method", ["read", "readline", "readlines"])
@pytest.mark.parametrize("kept", range(14))
def test_a_read_across_the_place_where_the_gate_stopped_is_as_long_as_asked_for(method, kept, monkeypatch):
    body = b"ab\ncdef\n\nghi"
    monkeypatch.setattr(wsgi_body, "CHUNK", kept or 5)
    for first in range(14):
        for second in (*range(14), -1):
            recorded, plain = RecordedInput(environ_of(JSON, body)), BytesIO(body)
            if kept:
                recorded.read_more()
            recorded.rewind()
            for size in (first, second):
                assert getattr(recorded, method)(size) == getattr(plain, method)(size)


def test_what_was_kept_on_disk_is_closed_with_the_response():
    content_type, body = BODIES["on disk"]
    kept = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", [])
        yield environ["wsgi.input"].read(10)  # an application may read while it answers
        yield environ["wsgi.input"].read()

    status, answered = call(gate_before(app), environ_of(content_type, body))
    assert (status, answered) == ("200 OK", body)
    with pytest.raises(ValueError, match="closed"):
        kept[0].read()


# Between two of Werkzeug's checkers of PEP 3333.


def linted(**top: Any) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    closed = {"name": "closed", "match": "/closed", "action": "deny"}
    return LintMiddleware(gate_before(LintMiddleware(app), LOGIN, closed, **top))


def lint(gate: Any, path: str, **options: Any) -> tuple[str, bytes]:
    builder = EnvironBuilder(path=path, **options)
    try:
        answer, status, _ = run_wsgi_app(gate, builder.get_environ(), buffered=True)
        return status, b"".join(answer)
    finally:
        builder.close()


@pytest.mark.parametrize("mode", ["enforce", "monitor"])
@pytest.mark.parametrize("name", [name for name, body in CORPUS.items() if len(body.data) < 3000])
def test_every_body_of_the_corpus_makes_a_call_to_the_letter(name, mode):
    body = CORPUS[name]
    sent = {"input_stream": BytesIO(body.data), "content_length": len(body.data), "content_type": body.content_type}
    status, answered = lint(linted(mode=mode), "/login", method="POST", **sent)
    assert mode == "enforce" or (status, answered) == ("200 OK", body.data)


@pytest.mark.parametrize("name", BODIES)
def test_large_bodies_make_a_call_to_the_letter(name):
    content_type, body = BODIES[name]
    assert lint(linted(), "/login", method="POST", content_type=content_type, data=body) == ("200 OK", body)


@pytest.mark.parametrize("accept", ["text/html", "application/json", ""])
@pytest.mark.parametrize(("path", "method"), [("/closed", "GET"), ("/login", "POST"), ("/login", "DELETE")])
def test_refusals_are_to_the_letter(path, method, accept):
    assert lint(linted(), path, method=method, headers={"Accept": accept})[0] == "403 FORBIDDEN".title()


def test_a_request_without_a_rule_is_to_the_letter():
    assert lint(linted(), "/open", method="POST", data=b"abc") == ("200 OK", b"abc")


def test_a_refused_head_request_has_no_body():
    environ = environ_of("", b"", REQUEST_METHOD="HEAD", PATH_INFO="/closed")
    gate = gate_before(None_of_it, {"name": "closed", "match": "/closed", "action": "deny"})
    assert call(gate, environ) == ("403 Forbidden", b"")
