"""Asks vendors: one deadline, one careful retry, and the proof that a vendor is down. Yields effects, performs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from captcha_gate.decision import Verdict
from captcha_gate.effects import Compute, Fetch, Flow, Once
from captcha_gate.errors import BadReply, FetchError
from captcha_gate.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

    from captcha_gate.providers.base import Context, Provider

__all__ = ["Vendors"]

T = TypeVar("T")

#: Seconds for which an answer, or the proof that there is none, stands for the next one.
PROBE_KEPT: Final = 5.0
#: Seconds that a probe may take at most: it is asked while a person waits.
PROBE_TIMEOUT: Final = 1.0


class Vendors:
    """Asks on behalf of one gate, and remembers which accounts answered lately.

    Args:
        monotonic: seconds that only go forward.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answered: dict[str, float] = {}  # by account

    def ask(self, provider: Provider, fields: Mapping[str, str], context: Context) -> Flow[Verdict]:
        """The provider's verdict of a token, within the provider's timeout."""
        deadline = self._monotonic() + provider.timeout
        try:
            return (yield from self._exchange(provider, provider.verify(fields, context), deadline))
        except BadReply as error:
            return Verdict.unavailable(Reason.BAD_REPLY, str(error))
        except FetchError as error:
            return Verdict.unavailable(error.reason, error.explanation)

    def proven_down(self, provider: Provider, context: Context) -> Flow[bool]:
        """Whether the vendor answers nobody: shown by a question of our own, in which no client has a word.

        A client can make the answer to its own token fail in many ways. It cannot make this one fail.
        """
        if provider.local or self._answered_lately(provider):
            return False
        probe = Once(("probe", provider.account_id), PROBE_KEPT, lambda: self._probe(provider, context))
        down = yield from probe
        return down and not self._answered_lately(provider)

    def _probe(self, provider: Provider, context: Context) -> Flow[bool]:
        deadline = self._monotonic() + min(provider.timeout, PROBE_TIMEOUT)
        flow = provider.verify(provider.probe_fields(context), context)
        try:
            yield from self._exchange(provider, flow, deadline)
        except FetchError as error:
            return error.proves_outage
        except BadReply:
            pass  # well-formed or not: whether it counts as an answer was noted when it came
        return not self._answered_lately(provider)

    def issue(self, provider: Provider, challenge: Generator[httpx.Request | Compute[Any], Any, T]) -> Flow[T]:
        """What a provider's challenge flow makes.

        Raises:
            FetchError: its vendor could not be reached.
            BadReply: its vendor's reply is not what its documents describe.
        """
        return (yield from self._exchange(provider, challenge, self._monotonic() + provider.timeout))

    def _exchange(
        self, provider: Provider, flow: Generator[httpx.Request | Compute[Any], Any, T], deadline: float
    ) -> Flow[T]:
        """Send what the provider's flow asks to send, until it returns its conclusion."""
        try:
            request = next(flow)
            while True:
                if isinstance(request, Compute):
                    request = flow.send((yield from request))
                    continue
                try:
                    response = yield from self._fetch(request, deadline)
                except FetchError as error:
                    request = flow.throw(error)
                else:
                    if provider.answers(response):
                        self._answered[provider.account_id] = self._monotonic()
                    request = flow.send(response)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _fetch(self, request: httpx.Request, deadline: float) -> Flow[httpx.Response]:
        """Send a request; once more where nothing of it can have arrived. A token that may be spent is not resent."""
        try:
            return (yield from Fetch(request, self._left(deadline)))
        except FetchError as error:
            if not error.nothing_sent:
                raise
        return (yield from Fetch(request, self._left(deadline)))

    def _left(self, deadline: float) -> float:
        left = deadline - self._monotonic()
        if left <= 0:
            raise FetchError(Reason.TIMEOUT, "the provider's timeout is used up")
        return left

    def _answered_lately(self, provider: Provider) -> bool:
        at = self._answered.get(provider.account_id)
        return at is not None and self._monotonic() - at < PROBE_KEPT
