"""The gate for ASGI applications: builds the view, performs the effects, forwards or refuses. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from captcha_gate.asgi_body import Message, RecordedBody
from captcha_gate.decision import SCOPE_KEY, Decision
from captcha_gate.drive import AsyncOnce, arun
from captcha_gate.effects import Compute, Effect, Fetch, Flow, Once, ReadChunk, StoreOp
from captcha_gate.errors import ClientGone, UnsupportedScope
from captcha_gate.mounting import PolicySource, mount, own_mount_point, takes
from captcha_gate.passes.afterwards import Answer
from captcha_gate.passes.cookies import kept_private
from captcha_gate.replies.page import LONGEST_FORM
from captcha_gate.replies.reply import Reply, readable_across_origins
from captcha_gate.report import OnDecision
from captcha_gate.request import METHOD_HEADERS, RequestView, may_name_method

if TYPE_CHECKING:
    import httpx

    from captcha_gate.egress.fetch import AsyncFetcher
    from captcha_gate.request import Proxies
    from captcha_gate.stores.base import Store

__all__ = ["CaptchaGate"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: RFC 6455 §7.4.1: the peer's request violates our policy.
_POLICY_VIOLATION = 1008
_METHOD_HEADERS = frozenset(name.encode() for name in METHOD_HEADERS)
_LENGTHS = frozenset(map(len, _METHOD_HEADERS))
_SHUT_DOWN = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class CaptchaGate:
    """Wraps an ASGI application.

    Place it inside CORS and proxy-header middleware, outside sessions and authentication. Runs on asyncio loops.

    Args:
        app: the application.
        policy: a path of a policy file, the same as a mapping, or a loaded `Policy`.
        store: a store, or its URL; the policy's `store` unless given.
        http_client: asks the vendors instead of a client of our own; not closed by the gate.
        on_decision: called with every decision.

    Raises:
        PolicyError: the policy does not load.
        TypeError: the application is a WSGI one.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: PolicySource,
        *,
        store: Store | str | None = None,
        http_client: httpx.AsyncClient | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        if takes(app) == "wsgi":
            raise TypeError("this is a WSGI application: use `from captcha_gate.wsgi import CaptchaGate`")
        from captcha_gate.egress.fetch import AsyncFetcher  # noqa: PLC0415 - httpx and its parts: half of a start

        self.app = app
        self._own_mount = own_mount_point(app)
        self._mounted = mount(policy, store, on_decision, asynchronous=True)
        self._fetcher = AsyncFetcher(http_client)
        self._once = AsyncOnce()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        kind = scope["type"]
        if kind == "http" and not (self._own_mount or scope.get("root_path")):
            mounted, method, path, raw = self._mounted, scope["method"], scope["path"], scope.get("raw_path") or b""
            if mounted.ignores(method, path, raw) or (mounted.spares(method, path, raw) and not _may_override(scope)):
                # No rule concerns the request: the application gets it as it is, and what an outer gate decided.
                if scope.setdefault(SCOPE_KEY) is not None and not isinstance(scope[SCOPE_KEY], Decision):
                    scope[SCOPE_KEY] = None
                await self.app(scope, receive, send)
                return
        match kind:
            case "http" | "websocket":
                await self._handle(scope, receive, send)
            case "lifespan":
                await self._live(scope, receive, send)
            case other:
                raise UnsupportedScope(f"captcha_gate does not know the scope type {other!r} and does not pass it on")

    async def aclose(self) -> None:
        """Close the running loop's connections to vendors and store. The lifespan does it, where there is one."""
        await self._fetcher.aclose()
        aclose = getattr(self._mounted.own_store, "aclose", None)
        if aclose is not None:
            await aclose()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the lifespan through, and close our own connections at its end.

        That is before the server hears that the application has shut down: then it may leave at once, and take the
        loop along.
        """
        ended = False

        async def end_with_it(message: Message) -> None:
            nonlocal ended
            if message["type"] in _SHUT_DOWN:
                ended = True
                await self.aclose()
            await send(message)

        try:
            await self.app(scope, receive, end_with_it)
        finally:
            if not ended:
                await self.aclose()

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        view = _view(scope, self._mounted.policy.proxies, self._own_mount)
        body = RecordedBody(receive)
        try:
            endpoint = self._mounted.endpoints.find(view)
            if endpoint is not None:
                reply = await self._run(self._mounted.endpoints.answer(endpoint, view), body)
                await self._send(reply, view, send)
                return
            decision = await self._run(self._mounted.gate.decide(view), body)
            if decision is None:
                await self._pass_by(scope, receive, send)
                return
            self._mounted.report(decision)
            if not decision.forwarded:
                await self._refuse(decision, view, body, receive, send)
                return
            body.rewind()
            replayed = body.replay if body.was_read else receive
            await self.app({**scope, SCOPE_KEY: decision}, replayed, self._watching(decision, view, body, send))
        except ClientGone:
            return
        finally:
            body.close()

    async def _pass_by(self, scope: Scope, receive: Receive, send: Send) -> None:
        """No rule concerns the request: the application gets it as it is, and what an outer gate decided."""
        if not isinstance(scope.get(SCOPE_KEY), Decision):
            scope[SCOPE_KEY] = None
        await self.app(scope, receive, send)

    def _watching(self, decision: Decision, view: RequestView, body: RecordedBody, send: Send) -> Send:
        """See how the application answers a request where that matters, and add the cookies that this leaves."""
        matter = self._mounted.gate.matters(decision, view)
        if not matter:
            return send

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in matter:
                headers = list(message.get("headers", []))
                location = "".join(_Headers(headers).get_all("location"))
                answer = Answer(message["status"], location)
                left = await self._run(self._mounted.gate.answered(decision, view, answer), body)
                self._mounted.report.left(decision, left)
                kept = kept_private(_decoded(headers)) if left.private else _decoded(headers)
                ours = [("set-cookie", cookie) for cookie in left.cookies]
                message = {**message, "headers": _encoded([*kept, *ours])}
            await send(message)

        return watched

    async def _refuse(
        self, decision: Decision, view: RequestView, body: RecordedBody, receive: Receive, send: Send
    ) -> None:
        if view.kind == "http":
            reply = self._mounted.refusals.reply(decision, view, body.whole(LONGEST_FORM))
            await self._send(reply, view, send)
            return
        await receive()  # the connection's beginning; closing before accepting makes the server answer 403
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": decision.reason.value})

    async def _send(self, reply: Reply, view: RequestView, send: Send) -> None:
        reply = readable_across_origins(reply, self._mounted.policy, view)
        await send({"type": "http.response.start", "status": reply.status, "headers": _encoded(list(reply.headers))})
        await send({"type": "http.response.body", "body": b"" if view.method == "HEAD" else reply.body})

    def _run(self, flow: Flow[Any], body: RecordedBody) -> Awaitable[Any]:
        return arun(flow, _World(self._fetcher, self._mounted.store, self._once, body))


class _World:
    """Performs the effects of one request. An object, for a closure would be five, and each is alive while it waits."""

    __slots__ = ("_body", "_fetcher", "_once", "_store")

    def __init__(self, fetcher: AsyncFetcher, store: Store, once: AsyncOnce, body: RecordedBody) -> None:
        self._fetcher = fetcher
        self._store = store
        self._once = once
        self._body = body

    async def __call__(self, effect: Effect[Any]) -> Any:
        match effect:
            case ReadChunk(timeout):
                return await self._body.read(timeout)
            case Fetch():
                return await self._fetcher.perform(effect)
            case StoreOp():
                reply = self._store.perform(effect)
                # `isawaitable` would take longer than a store in memory does.
                return await reply if hasattr(reply, "__await__") else reply
            case Compute(call):
                return await asyncio.to_thread(call)
            case Once():
                return await self._once.perform(effect, self)
        raise TypeError(f"nobody performs {type(effect).__name__}")


class _Headers:
    """Read once: whoever asks for one header asks for a dozen. Texts alone, for which no garbage is collected."""

    __slots__ = ("_exact", "_like", "_repeated")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        pairs = [(name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        self._exact = dict(pairs)
        self._repeated: dict[str, list[str]] = {}
        if len(self._exact) < len(pairs):
            for name, value in pairs:
                self._repeated.setdefault(name, []).append(value)
        self._like = self._merged() if "_" in "".join(self._exact) else None

    def get_all(self, name: str) -> list[str]:
        value = self._exact.get(name)
        return [] if value is None else self._repeated.get(name) or [value]

    def get_like(self, name: str) -> list[str]:
        return self.get_all(name) if self._like is None else self._like.get(name, [])

    def _merged(self) -> dict[str, list[str]]:
        merged: dict[str, list[str]] = {}
        for name in self._exact:
            merged.setdefault(name.replace("_", "-"), []).extend(self.get_all(name))
        return merged


def _may_override(scope: Scope) -> bool:
    """Whether a request may ask for another method than its own. Quick, and sure of a no only."""
    for name, _ in scope["headers"]:
        # Most differ by their length already. An underscore may count as a hyphen.
        if len(name) in _LENGTHS and name.lower().replace(b"_", b"-") in _METHOD_HEADERS:
            return True
    return may_name_method((scope.get("query_string") or b"").decode("latin-1"))


def _decoded(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _view(scope: Scope, proxies: Proxies, own_mount: str) -> RequestView:
    client = scope.get("client")
    # Servers put U+FFFD for what is no UTF-8. Where they do not show the bytes, a real one is taken for that.
    raw_path = scope.get("raw_path")
    outer = scope.get(SCOPE_KEY)
    return RequestView(
        kind=scope["type"],
        method=scope["method"] if scope["type"] == "http" else "WEBSOCKET",
        path=scope["path"] if raw_path is not None else scope["path"].replace("\ufffd", "\udcff"),
        mount=scope.get("root_path") or "",
        raw_path=raw_path,
        own_mount=own_mount,
        query_string=(scope.get("query_string") or b"").decode("latin-1"),
        headers=_Headers(scope["headers"]),
        peer=(client[0] or None) if client else None,
        proxies=proxies,
        body_is_announced=scope.get("http_version", "1.1").startswith(("0", "1")),
        outer=outer if isinstance(outer, Decision) else None,
        scheme=scope.get("scheme") or "http",
        base=(scope.get("root_path") or "").rstrip("/"),
        may_override=_may_override(scope),
    )
