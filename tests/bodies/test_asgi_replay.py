"""The body under ASGI: message by message as it came, then the server's own `receive`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from support.asgi_checker import Peer, http_scope, requests
from support.body_corpus import FORM, FORM_BODY, JSON, JSON_BODY, MULTIPART, document, file_part, joined, token_parts
from support.token_flow import cut
from support.world import LOGIN, PASSES, TOKEN, policy_of

from captcha_gate.asgi import CaptchaGate

HEADERS = [("x-captcha-" + name.replace("_", "-"), value) for name, value in TOKEN.items()]
REPLY = [{"type": "http.response.start", "status": 204, "headers": []}, {"type": "http.response.body", "body": b""}]


class Application:
    """Takes messages until the body ends, and so many more; then answers."""

    def __init__(self, beyond: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.receives: list[Any] = []
        self._beyond = beyond

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.receives.append(receive)
        more = True
        while more:
            self.taken.append(await receive())
            more = self.taken[-1].get("more_body", False)
        for _ in range(self._beyond):
            self.taken.append(await receive())
        for message in REPLY:
            await send(message)


def gate_before(app: Any, *rules: dict[str, Any], asked: list[httpx.Request] | None = None, **top: Any) -> CaptchaGate:
    def vendor(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return httpx.Response(200, json=PASSES)

    return CaptchaGate(
        app, policy_of(*rules, **top), http_client=httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    )


def run(gate: CaptchaGate, scope: dict[str, Any], peer: Any) -> None:
    asyncio.run(gate(scope, peer.receive, peer.send))


def typed(content_type: str, *headers: tuple[str, str]) -> dict[str, Any]:
    return http_scope(("content-type", content_type), *headers)


BIG = document(note="x" * 300_000)
FLOWS = {
    "one message": requests(JSON_BODY),
    "bytes": requests(*cut(JSON_BODY, 1)),
    "with empty ones": requests(b"", JSON_BODY[:9], b"", b"", JSON_BODY[9:], b""),
    "without keys": [{"type": "http.request", "more_body": True}, {"type": "http.request", "body": JSON_BODY}],
    "the end apart": [*requests(JSON_BODY, ended=False), {"type": "http.request"}],
    "on disk": requests(*cut(BIG, 10_000)),
    "on disk, of all sizes": requests(BIG[:1], b"", BIG[1:70_000], b"", BIG[70_000:70_001], BIG[70_001:], b""),
    "on disk at once": requests(BIG),
    "on disk, the end apart": [*requests(BIG, ended=False), {"type": "http.request", "more_body": False}],
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_application_gets_the_servers_messages_one_by_one(name):
    app, peer = Application(), Peer(*[dict(message) for message in FLOWS[name]])
    run(gate_before(app), typed(JSON), peer)
    assert app.taken == FLOWS[name]
    assert peer.asked == len(FLOWS[name])


def test_behind_the_body_stands_the_servers_own_receive():
    app, peer = Application(beyond=2), Peer(*requests(JSON_BODY), {"type": "http.disconnect"})
    run(gate_before(app), typed(JSON), peer)
    assert app.taken[1:] == [{"type": "http.disconnect"}] * 2


def test_an_application_that_waits_for_the_end_of_the_connection_really_waits():
    async def scenario() -> list[str]:
        told, gone = [], asyncio.Event()
        messages = requests(JSON_BODY)

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            waiting = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            told.append("done" if waiting.done() else "waits")
            gone.set()
            told.append((await waiting)["type"])

        await gate_before(app)(typed(JSON), receive, Peer().send)
        return told

    assert asyncio.run(scenario()) == ["waits", "http.disconnect"]


@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART, "application/octet-stream"])
def test_the_servers_own_receive_is_handed_on_where_the_body_was_not_read(content_type):
    app, peer = Application(), Peer(*requests(b"junk"))
    receive = peer.receive
    asyncio.run(gate_before(app)(typed(content_type, *HEADERS), receive, peer.send))
    assert app.receives == [receive]


def test_an_upload_with_its_token_in_headers_reaches_the_application_before_it_is_sent():
    first, rest = requests(b"first half", ended=False), requests(b"second half")
    told: list[Any] = []

    class Server(Peer):
        async def receive(self) -> Any:
            told.append("server hands out")
            return await super().receive()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append("application starts")
        told.append((await receive())["body"])
        told.append((await receive())["body"])

    run(gate_before(app), typed(MULTIPART, *HEADERS), Server(*first, *rest))
    assert told == ["application starts", "server hands out", b"first half", "server hands out", b"second half"]


def test_an_upload_with_its_token_in_front_reaches_the_application_when_the_file_begins():
    whole = joined(*token_parts(), file_part(value=b"\xff" * 500_000))
    pieces = list(cut(whole, 2000))
    peer, told = Peer(*requests(*pieces)), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(peer.asked)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        told.append(body == whole)

    run(gate_before(app), typed(MULTIPART), peer)
    assert told == [1, True]
    assert peer.asked == len(pieces)


@pytest.mark.parametrize("top", [{}, {"mode": "monitor"}], ids=["enforced", "monitored"])
@pytest.mark.parametrize("sent", [b"", JSON_BODY[:20]], ids=["nothing", "a little"])
def test_a_client_that_goes_while_uploading_is_answered_nothing_and_bothers_nobody(top, sent):
    app, asked = Application(), []
    peer = Peer(*requests(*([sent] if sent else []), ended=False), {"type": "http.disconnect"})
    run(gate_before(app, asked=asked, **top), typed(JSON), peer)
    assert (peer.sent, app.taken, asked) == ([], [], [])


class SlowPeer(Peer):
    """Hands out what it has; then the rest never comes."""

    async def receive(self) -> Any:
        if not self._messages:
            await asyncio.Event().wait()
        return await super().receive()


HASTY = {**LOGIN, "token": {"body_timeout": "20ms"}}


@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART])
def test_a_body_that_does_not_come_is_refused_in_time(content_type):
    app, asked = Application(), []
    peer = SlowPeer(*requests(b"--XX\r\n", ended=False))
    run(gate_before(app, HASTY, asked=asked), typed(content_type), peer)
    assert (peer.status, app.taken, asked) == (408, [], [])
    assert b'"body_too_slow"' in peer.sent[1]["body"]


def test_a_body_that_drips_is_refused_in_time():
    class Dripping(Peer):
        async def receive(self) -> Any:
            await asyncio.sleep(0.005)
            self.asked += 1
            return {"type": "http.request", "body": b"a", "more_body": True}

    peer = Dripping()
    run(gate_before(Application(), HASTY), typed(FORM), peer)
    assert (peer.status, peer.asked < 5) == (408, True)


def test_only_the_time_in_which_the_gate_reads_is_counted():
    app = Application()

    class Slow(Peer):
        async def receive(self) -> Any:
            if self.asked:
                await asyncio.sleep(0.03)
            return await super().receive()

    body = joined(*token_parts(), file_part(), end=b"\r\n")
    run(gate_before(app, HASTY), typed(MULTIPART), Slow(*requests(body, b"--XX--\r\n")))
    assert len(app.taken) == 2


def test_a_monitored_application_gets_the_slow_body_from_where_reading_ended():
    async def scenario() -> list[Any]:
        rest: asyncio.Queue[Any] = asyncio.Queue()
        begun = requests(JSON_BODY[:10], ended=False)
        taken: list[Any] = []

        async def receive() -> Any:
            return begun.pop() if begun else await rest.get()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            taken.append(await receive())
            rest.put_nowait(requests(JSON_BODY[10:])[0])
            taken.append(await receive())
            taken.append(scope["captcha_gate"].reason)

        await gate_before(app, {**HASTY, "mode": "monitor"})(typed(JSON), receive, Peer().send)
        return taken

    assert asyncio.run(scenario()) == [
        *requests(JSON_BODY[:10], ended=False),
        *requests(JSON_BODY[10:]),
        "body_too_slow",
    ]


def test_a_form_that_is_refused_at_once_for_its_length_is_not_read():
    peer = Peer(*requests(FORM_BODY))
    run(gate_before(Application()), typed(FORM, ("content-length", "9999999")), peer)
    assert (peer.status, peer.asked) == (413, 0)
