"""The gate for WSGI applications: builds the view, performs the effects, forwards or refuses. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from werkzeug.wsgi import ClosingIterator

from captcha_gate.decision import SCOPE_KEY, Decision
from captcha_gate.drive import SyncOnce, run
from captcha_gate.effects import Compute, Effect, Fetch, Flow, Once, ReadChunk, StoreOp
from captcha_gate.errors import ClientGone
from captcha_gate.mounting import PolicySource, mount, takes
from captcha_gate.passes.afterwards import Answer
from captcha_gate.passes.cookies import kept_private
from captcha_gate.replies.page import LONGEST_FORM
from captcha_gate.replies.reply import Reply, plain_reply, readable_across_origins
from captcha_gate.report import OnDecision
from captcha_gate.request import METHOD_HEADERS, RequestView, may_name_method
from captcha_gate.wsgi_body import RecordedInput

if TYPE_CHECKING:
    import httpx

    from captcha_gate.request import Proxies
    from captcha_gate.stores.base import Store

__all__ = ["CaptchaGate"]

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class CaptchaGate:
    """Wraps a WSGI application.

    While a vendor is asked, the gate holds the thread that serves the request, for at most the provider's `timeout`.

    Args:
        app: the application.
        policy: a path of a policy file, the same as a mapping, or a loaded `Policy`.
        store: a store, or its URL; the policy's `store` unless given.
        http_client: asks the vendors instead of a client of our own; not closed by the gate.
        on_decision: called with every decision.

    Raises:
        PolicyError: the policy does not load.
        TypeError: the application is an ASGI one.
    """

    def __init__(
        self,
        app: WSGIApp,
        policy: PolicySource,
        *,
        store: Store | str | None = None,
        http_client: httpx.Client | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        if takes(app) == "asgi":
            raise TypeError("this is an ASGI application: use `from captcha_gate.asgi import CaptchaGate`")
        from captcha_gate.egress.fetch import SyncFetcher  # noqa: PLC0415 - httpx and its parts: half of a start

        self.app = app
        self._mounted = mount(policy, store, on_decision, asynchronous=False)
        self._fetcher = SyncFetcher(http_client)
        self._once = SyncOnce()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        mounted, method, path = self._mounted, environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if mounted.ignores(method, path) or (mounted.spares(method, path) and not _may_override(environ)):
            return self._pass_by(environ, start_response)
        view = _view(environ, self._mounted.policy.proxies)
        endpoint = self._mounted.endpoints.find(view)
        body = RecordedInput(environ)
        if endpoint is not None:
            flow: Flow[Any] = self._mounted.endpoints.answer(endpoint, view)
        else:
            flow = self._mounted.gate.decide(view)
        try:
            outcome = self._run(flow, body)
        except ClientGone:
            body.close()
            return self._send(plain_reply(400, "The request ended early."), view, start_response)
        if endpoint is not None:
            body.close()
            return self._send(outcome, view, start_response)
        decision: Decision | None = outcome
        if decision is None:
            return self._pass_by(environ, start_response)
        self._mounted.report(decision)
        if not decision.forwarded:
            reply = self._mounted.refusals.reply(decision, view, body.whole(LONGEST_FORM))
            body.close()
            return self._send(reply, view, start_response)
        return self._forward(environ, decision, view, body, start_response)

    def _pass_by(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """No rule concerns the request: the application gets it as it is, and what an outer gate decided."""
        if not isinstance(environ.get(SCOPE_KEY), Decision):
            environ[SCOPE_KEY] = None
        return self.app(environ, start_response)

    def _forward(
        self,
        environ: Environ,
        decision: Decision,
        view: RequestView,
        body: RecordedInput,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        environ[SCOPE_KEY] = decision
        start_response = self._watching(decision, view, body, start_response)
        if not body.was_read:
            return self.app(environ, start_response)
        body.rewind()
        environ["wsgi.input"] = body
        try:
            answer = self.app(environ, start_response)
        except BaseException:
            body.close()
            raise
        return ClosingIterator(answer, [body.close]) if body.on_disk else answer

    def _watching(
        self, decision: Decision, view: RequestView, body: RecordedInput, start_response: StartResponse
    ) -> StartResponse:
        """See how the application answers a request where that matters, and add the cookies that this leaves."""
        matter = self._mounted.gate.matters(decision, view)
        if not matter:
            return start_response

        def watched(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            code = int(status[:3]) if status[:3].isdecimal() else 0
            if code not in matter:
                return start_response(status, headers, *more)
            answer = Answer(code, "".join(value for name, value in headers if name.lower() == "location"))
            left = self._run(self._mounted.gate.answered(decision, view, answer), body)
            self._mounted.report.left(decision, left)
            kept = kept_private(headers) if left.private else headers
            return start_response(status, [*kept, *(("Set-Cookie", cookie) for cookie in left.cookies)], *more)

        return watched

    def close(self) -> None:
        """Close the connections to vendors and store. They are made anew if they are needed again."""
        self._fetcher.close()
        close = getattr(self._mounted.own_store, "close", None)
        if close is not None:
            close()

    def _send(self, reply: Reply, view: RequestView, start_response: StartResponse) -> Iterable[bytes]:
        reply = readable_across_origins(reply, self._mounted.policy, view)
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(reply.headers))
        return [] if view.method == "HEAD" else [reply.body]

    def _run(self, flow: Flow[Any], body: RecordedInput) -> Any:
        def perform(effect: Effect[Any]) -> Any:
            match effect:
                case ReadChunk():
                    return body.read_more()
                case Fetch():
                    return self._fetcher.perform(effect)
                case StoreOp():
                    reply = self._mounted.store.perform(effect)
                    if hasattr(reply, "__await__"):  # as in `asgi`
                        raise TypeError("this store is asynchronous: WSGI needs one that answers at once")
                    return reply
                case Compute(call):
                    return call()
                case Once():
                    return self._once.perform(effect, perform)
            raise TypeError(f"nobody performs {type(effect).__name__}")

        return run(flow, perform)


class _Headers:
    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def get_all(self, name: str) -> list[str]:
        key = _environ_key(name)
        value = self._environ.get(key)
        # Servers leave the two without HTTP_ empty where the request has none.
        return [] if value is None or (value == "" and not key.startswith("HTTP_")) else [value]

    get_like = get_all  # the server has made them one already


@lru_cache(maxsize=1024)
def _environ_key(name: str) -> str:
    """Where a header stands. The names that are asked for are a policy's and its providers'."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


def _view(environ: Environ, proxies: Proxies) -> RequestView:
    outer = environ.get(SCOPE_KEY)
    return RequestView(
        kind="http",
        method=environ["REQUEST_METHOD"],
        path=_decoded(environ.get("PATH_INFO", "")),
        query_string=environ.get("QUERY_STRING", ""),
        headers=_Headers(environ),
        peer=environ.get("REMOTE_ADDR") or None,
        proxies=proxies,
        outer=outer if isinstance(outer, Decision) else None,
        many_processes=bool(environ.get("wsgi.multiprocess")),
        scheme=environ.get("wsgi.url_scheme") or "http",
        base=_decoded(environ.get("SCRIPT_NAME", "")),
        may_override=_may_override(environ),
    )


_METHOD_HEADERS: Final = tuple(_environ_key(name) for name in METHOD_HEADERS)


def _may_override(environ: Environ) -> bool:
    """Whether a request may ask for another method than its own. Quick, and sure of a no only."""
    for key in _METHOD_HEADERS:
        if key in environ:
            return True
    return may_name_method(environ.get("QUERY_STRING") or "")


def _decoded(path_info: str) -> str:
    """PEP 3333 hands UTF-8 over as if it were latin-1. What is neither becomes surrogates, and those are refused."""
    try:
        return path_info.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "\udcff"
