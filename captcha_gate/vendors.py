"""Asks vendors: one deadline, one careful retry, and the proof that a vendor is down. Yields effects, performs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from captcha_gate.breaker import Breaker
from captcha_gate.decision import Verdict
from captcha_gate.effects import Effect, Fetch, Flow, Once
from captcha_gate.errors import BadReply, FetchError, PerformError
from captcha_gate.outcome import Reason

if TYPE_CHECKING:
    import httpx

    from captcha_gate.providers.base import Context, Provider, ProviderFlow

__all__ = ["Vendors"]

T = TypeVar("T")
_Server: TypeAlias = tuple[str, str]  # an account and the server that knows it

#: Seconds for which an answer, or the proof that there is none, stands for the next one.
PROBE_KEPT: Final = 5.0
#: Seconds that a probe may take at most: it is asked while a person waits.
PROBE_TIMEOUT: Final = 1.0
#: Seconds for which a vendor that says 429 is left alone where it does not say for how long, and at most.
BACK_OFF: Final = 1.0
LONGEST_BACK_OFF: Final = 30.0


@dataclass(slots=True)
class _Call:
    """One exchange with a vendor.

    Attributes:
        context: of the request that it is for; `None` for a probe.
        deadline: when it must be over, on the monotonic clock.
        issues: it is about a challenge for a page, not about a token. An answer to the one says nothing of the other.
        answered: the vendor has answered something in it.
    """

    provider: Provider
    context: Context | None
    deadline: float
    issues: bool = False
    answered: bool = False


class Vendors:
    """Asks on behalf of one gate, and remembers which accounts answered lately.

    Args:
        monotonic: seconds that only go forward.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answered: dict[tuple[str, bool], float] = {}  # by account, and whether it was asked for challenges
        self._took: dict[str, float] = {}  # seconds of the latest answer, by account
        self._breakers: dict[_Server, Breaker] = {}
        self._left_alone: dict[_Server, float] = {}  # until when, after a 429

    def ask(self, provider: Provider, fields: Mapping[str, str], context: Context) -> Flow[Verdict]:
        """The provider's verdict of a token, within the provider's timeout."""
        deadline = self._monotonic() + provider.timeout
        try:
            return (yield from self._exchange(_Call(provider, context, deadline), provider.verify(fields, context)))
        except BadReply as error:
            return Verdict.unavailable(Reason.BAD_REPLY, str(error))
        except FetchError as error:
            return Verdict.unavailable(error.reason, error.explanation)

    def proven_down(self, provider: Provider, verdict: Verdict, context: Context) -> Flow[bool]:
        """Whether the vendor answers nobody: shown by questions of our own, in which no client has a word.

        A client can make the answer to its own token fail in many ways. It cannot make these fail.
        """
        issues = verdict.reason is Reason.OFFLINE
        if self._answered_lately(provider, issues=issues):
            return False
        down = yield from Once(
            ("probe", provider.account_id, issues), PROBE_KEPT, lambda: self._probe(provider, verdict, context)
        )
        return down and not self._answered_lately(provider, issues=issues)

    def _probe(self, provider: Provider, verdict: Verdict, context: Context) -> Flow[bool]:
        flows = provider.probes(verdict, context)
        # A vendor that is slow, but answers, must be given the time that it took.
        patience = max(PROBE_TIMEOUT, 2 * self._took.get(provider.account_id, 0.0))
        end = self._monotonic() + min(provider.timeout, patience)
        for to_ask, flow in zip(range(len(flows), 0, -1), flows, strict=True):
            now = self._monotonic()  # what is left is shared evenly: a server that hangs leaves the others theirs
            call = _Call(provider, None, now + (end - now) / to_ask, issues=verdict.reason is Reason.OFFLINE)
            try:
                yield from self._exchange(call, flow)
            except FetchError as error:
                if not error.proves_outage:
                    return False
            except BadReply:
                pass  # well-formed or not: whether it counts as an answer was noted when it came
            if call.answered:
                return False
        return bool(flows)

    def issue(self, provider: Provider, challenge: ProviderFlow[T], context: Context) -> Flow[T]:
        """What a provider's challenge flow makes.

        Raises:
            FetchError: its vendor could not be reached, or is asked too often.
            BadReply: its vendor's reply is not what its documents describe.
            StoreError: the store could not answer.
        """
        call = _Call(provider, context, self._monotonic() + provider.timeout, issues=True)
        return (yield from self._exchange(call, challenge))

    def _exchange(self, call: _Call, flow: ProviderFlow[T]) -> Flow[T]:
        """Send what the provider's flow asks to send, until it returns its conclusion."""
        try:
            asked = next(flow)
            while True:
                try:
                    reply = yield from self._reply_to(asked, call)
                except PerformError as error:
                    asked = flow.throw(error)
                else:
                    asked = flow.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _reply_to(self, asked: httpx.Request | Effect[Any], call: _Call) -> Flow[Any]:
        if isinstance(asked, Effect):
            return (yield from asked)
        provider = call.provider
        server = None if provider.unprovable is not None else (provider.account_id, asked.url.netloc.decode("ascii"))
        self._refuse_too_soon(server)
        breaker = self._breaker(provider, server)
        if breaker is not None and call.context is not None and not breaker.is_closed(self._monotonic()):
            yield from self._pass(breaker, provider, asked, call.context)
        begun = self._monotonic()
        try:
            response = yield from self._fetch(asked, call.deadline, probing=call.context is None)
        except FetchError as error:
            if breaker is not None and error.proves_outage:
                breaker.failed(self._monotonic())
            raise
        self._note_429(server, response)
        if provider.answers(asked, response):
            call.answered = True
            self._took[provider.account_id] = self._monotonic() - begun
            self._answered[provider.account_id, call.issues] = self._monotonic()
            if breaker is not None:
                breaker.close()
        elif breaker is not None:
            breaker.failed(self._monotonic())
        return response

    def _refuse_too_soon(self, server: _Server | None) -> None:
        """Leave a vendor alone that has asked for it: neither tokens nor probes hammer it.

        Raises:
            FetchError: `throttled`; it proves nothing, for a flood of junk can cause it.
        """
        if server in self._left_alone and self._monotonic() < self._left_alone[server]:
            raise FetchError(Reason.THROTTLED, "it said 429 a moment ago, and is not asked yet", proves_outage=False)

    def _note_429(self, server: _Server | None, response: httpx.Response) -> None:
        """See whether a server wants to be left alone; any other answer ends that."""
        if server is None:
            return
        if response.status_code == 429:
            self._left_alone[server] = self._monotonic() + _back_off(response.headers.get("retry-after", ""))
        else:
            self._left_alone.pop(server, None)

    def _breaker(self, provider: Provider, server: _Server | None) -> Breaker | None:
        """The breaker of the server that is asked. None where clients name servers: they have no end, and no proof."""
        settings = provider.breaker
        if settings is None or server is None:
            return None
        if server not in self._breakers:
            self._breakers[server] = Breaker(
                failures=settings.failures, window=settings.window, open_for=settings.open_for
            )
        return self._breakers[server]

    def _pass(self, breaker: Breaker, provider: Provider, request: httpx.Request, context: Context) -> Flow[None]:
        """Go on to a server that is worth asking.

        Raises:
            FetchError: it is not: `breaker_open`.
        """
        if breaker.is_doubtful(self._monotonic()):
            # A proof that was kept is good enough; an answer that anybody got since has closed the breaker itself.
            down = yield from self.proven_down(provider, Verdict.unavailable(Reason.PROVIDER_ERROR), context)
            if down:
                breaker.open(self._monotonic())
            else:
                breaker.close()
        if breaker.is_open(self._monotonic()):
            raise FetchError(Reason.BREAKER_OPEN, f"{request.url.host} has answered nobody for a while")

    def _fetch(self, request: httpx.Request, deadline: float, *, probing: bool) -> Flow[httpx.Response]:
        """Send a request; once more where nothing of it can have arrived. A token that may be spent is not resent."""
        try:
            return (yield from Fetch(request, self._left(deadline), probing))
        except FetchError as error:
            if not error.nothing_sent or self._monotonic() >= deadline:
                raise
        return (yield from Fetch(request, self._left(deadline), probing))

    def _left(self, deadline: float) -> float:
        left = deadline - self._monotonic()
        if left <= 0:
            # Nobody was asked: that proves nothing.
            raise FetchError(Reason.TIMEOUT, "the provider's timeout is used up", proves_outage=False)
        return left

    def _answered_lately(self, provider: Provider, *, issues: bool) -> bool:
        at = self._answered.get((provider.account_id, issues))
        return at is not None and self._monotonic() - at < PROBE_KEPT


def _back_off(retry_after: str) -> float:
    """Seconds for which a vendor is left alone. A date is not read: whose clock is right would be another question."""
    if not (retry_after.isascii() and retry_after.isdigit()):
        return BACK_OFF
    return min(float(retry_after[:9]), LONGEST_BACK_OFF)
