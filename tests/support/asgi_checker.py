"""A strict reading of the ASGI specification, to stand on both sides of a middleware. Sees to nothing but form.

    server -> StrictAsgi(gate of StrictAsgi(app)) -> app

Every break is an `AsgiViolation`, raised where it happens and kept in `violations`, for what is between the two might
swallow it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Message = dict[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

#: Keys and types of each message; a key that ends in `?` may be absent.
_SENT: dict[str, dict[str, type | tuple[type, ...]]] = {
    "http.response.start": {"status": int, "headers?": (list, tuple), "trailers?": bool},
    "http.response.body": {"body?": bytes, "more_body?": bool},
    "websocket.accept": {"subprotocol?": (str, type(None)), "headers?": (list, tuple)},
    "websocket.send": {"bytes?": (bytes, type(None)), "text?": (str, type(None))},
    "websocket.close": {"code?": int, "reason?": (str, type(None))},
    "lifespan.startup.complete": {},
    "lifespan.startup.failed": {"message?": str},
    "lifespan.shutdown.complete": {},
    "lifespan.shutdown.failed": {"message?": str},
}
_RECEIVED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "http.request": {"body?": bytes, "more_body?": bool},
    "http.disconnect": {},
    "websocket.connect": {},
    "websocket.receive": {"bytes?": (bytes, type(None)), "text?": (str, type(None))},
    "websocket.disconnect": {"code?": int, "reason?": (str, type(None))},
    "lifespan.startup": {},
    "lifespan.shutdown": {},
}
_SCOPE: dict[str, dict[str, type | tuple[type, ...]]] = {
    "http": {"method": str, "path": str, "query_string": bytes, "headers": list, "http_version": str},
    "websocket": {"path": str, "query_string": bytes, "headers": list},
    "lifespan": {},
}
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEADER_VALUE = re.compile(rb"[^\0\r\n]*")


class AsgiViolation(AssertionError):
    """Somebody broke the specification."""


class StrictAsgi:
    """Wraps an application and holds both sides to the letter.

    Args:
        app: what is checked from here on inwards, and given what is checked from outwards.
        may_add: keys that the application may set in the scope; any other change of it is a violation.

    """

    def __init__(self, app: App, *, may_add: Iterable[str] = ()) -> None:
        self.app = app
        self.violations: list[str] = []
        self._may_add = frozenset(may_add)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = _Exchange(self, scope["type"])
        self._conforms(scope, _SCOPE.get(scope["type"], {}), only=False)
        self.headers(scope.get("headers", ()))
        before = copy.copy(scope), copy.deepcopy(scope.get("headers"))

        async def checked_receive() -> Any:
            message = await receive()
            self.message(message, _RECEIVED)
            exchange.received(message)
            return message

        async def checked_send(message: Any) -> None:
            self.message(message, _SENT)
            exchange.sent(copy.copy(message))
            await send(message)

        await self.app(scope, checked_receive, checked_send)
        exchange.returned()
        changed = {key for key in {*scope, *before[0]} if scope.get(key, self) is not before[0].get(key, self)}
        self.check(changed <= self._may_add, f"the scope was changed: {sorted(changed - self._may_add)}")
        self.check(scope.get("headers") == before[1], "the scope's headers were changed")

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.violations.append(what)
            raise AsgiViolation(what)

    def message(self, message: Any, known: dict[str, Any]) -> None:
        self.check(type(message) is dict and message.get("type") in known, f"no such message: {message!r}")
        self._conforms(message, known[message["type"]], only=True)
        self.headers(message.get("headers", ()))

    def _conforms(self, holder: Any, expected: dict[str, Any], *, only: bool) -> None:
        names = {name.rstrip("?"): kinds for name, kinds in expected.items()}
        self.check(not only or set(holder) <= {"type", *names}, f"unknown keys: {holder!r}")
        for name, kinds in names.items():
            if name in holder or name in expected:
                self.check(isinstance(holder.get(name, self), kinds), f"{name} is missing or of the wrong type")

    def headers(self, headers: Iterable[Any]) -> None:
        for pair in headers:
            self.check(len(pair) == 2 and all(type(item) is bytes for item in pair), f"no pair of bytes: {pair!r}")
            self.check(_HEADER_NAME.fullmatch(pair[0]) is not None, f"no lower-case header name: {pair[0]!r}")
            self.check(_HEADER_VALUE.fullmatch(pair[1]) is not None, f"no header value: {pair[1]!r}")


class _Exchange:
    """The order of messages within one call."""

    def __init__(self, checker: StrictAsgi, kind: str) -> None:
        self._checker = checker
        self._kind = kind
        self._state = "begun"
        self._body_ended = False
        self._gone = False
        self._length: int | None = None

    def received(self, message: Message) -> None:
        check, kind = self._checker.check, message["type"]
        check(kind.startswith(self._kind + "."), f"{kind} in a scope of {self._kind}")
        if kind == "http.request":
            check(not self._body_ended, "http.request behind the body's end")
            self._body_ended = not message.get("more_body", False)
        self._gone = self._gone or kind.endswith(".disconnect")
        if kind == "websocket.connect":
            check(self._state == "begun", "a second websocket.connect")
            self._state = "connected"

    def sent(self, message: Message) -> None:
        check, kind = self._checker.check, message["type"]
        check(kind.startswith(self._kind.replace("http", "http.response") + "."), f"{kind} in a scope of {self._kind}")
        check(self._state not in ("complete", "closed"), f"{kind} behind the end")
        if kind == "http.response.start":
            check(self._state == "begun", "a second http.response.start")
            check(100 <= message["status"] <= 599, f"status {message['status']}")
            lengths = [value for name, value in message.get("headers", ()) if name == b"content-length"]
            check(len(lengths) <= 1 and all(value.isdigit() for value in lengths), f"content-length {lengths}")
            self._state = "started"
        elif kind == "http.response.body":
            check(self._state == "started", "http.response.body before http.response.start")
            self._state = "started" if message.get("more_body", False) else "complete"
        elif kind == "websocket.accept":
            check(self._state == "connected", "websocket.accept before websocket.connect")
            self._state = "accepted"
        elif kind == "websocket.send":
            check(self._state == "accepted", "websocket.send before websocket.accept")
        elif kind == "websocket.close":
            check(self._state in ("connected", "accepted"), "websocket.close before websocket.connect")
            self._state = "closed"

    def returned(self) -> None:
        finished = {"http": ("complete",), "websocket": ("closed",)}.get(self._kind)
        self._checker.check(
            finished is None or self._gone or self._state in finished, f"returned while the exchange was {self._state}"
        )


class Peer:
    """The server's side of one exchange: hands out messages, keeps what is sent.

    Attributes:
        sent: the messages of the application.
        asked: how often `receive` was called.

    """

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.sent: list[Message] = []
        self.asked = 0

    async def receive(self) -> Message:
        self.asked += 1
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def http_scope(*headers: tuple[str, str], method: str = "POST", path: str = "/login", **more: Any) -> dict[str, Any]:
    """A scope as a server would make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
        **more,
    }


def requests(*bodies: bytes, ended: bool = True) -> list[Message]:
    """A body as messages; the last one says so, unless the client is still sending."""
    count = len(bodies)
    return [
        {"type": "http.request", "body": body, "more_body": not ended or number < count}
        for number, body in enumerate(bodies, 1)
    ]
