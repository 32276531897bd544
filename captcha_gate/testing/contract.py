"""What a provider that asks a vendor must do, as a suite that a test class inherits. Drives it by hand, asks nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.effects import Effect
from captcha_gate.errors import BadReply
from captcha_gate.outcome import REASONS, Outcome, Reason
from captcha_gate.providers.base import RemoteProvider, VerifyFlow
from captcha_gate.testing.every_provider import EveryProvider, fact

__all__ = ["ProviderContract"]

#: What careless readers take for a pass: right words of the wrong type, and no words at all.
_ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    1,
    0,
    "success",
    "true",
    [],
    [True],
    {},
    {"success": "true"},
    {"code": False},
)
#: Stands for a name that is left out.
_MISSING: Final = object()


class ProviderContract(EveryProvider):
    """Inherit, set the five attributes, and pytest runs the contract. For a provider that asks a vendor once.

    `LocalProviderContract` is for one that judges by itself.

    Example:
        class TestMine(ProviderContract):
            provider = MyProvider(type="mine", secret="…")
            token = {"my-field": "a token as the page submits it"}
            passes = httpx.Response(200, json={"success": True})
            refuses = httpx.Response(200, json={"success": False})
            decisive = ("success",)

    Attributes:
        provider: configured as an operator would.
        token: fields that the page might submit, by their declared names.
        passes: a reply of the vendor that confirms the token.
        refuses: a reply of the vendor that refuses it.
        decisive: the names in the reply that must be exactly what they are for the token to pass. A dotted one walks
            into objects: `data.result`.
    """

    passes: ClassVar[httpx.Response]
    refuses: ClassVar[httpx.Response]
    decisive: ClassVar[tuple[str, ...]]

    def test_a_confirmed_token_passes(self) -> None:
        """The reply that means yes is understood."""
        fact(self._verdict(self.passes).outcome is Outcome.PASSED, "the vendor's yes is no pass")

    def test_a_refused_token_fails(self) -> None:
        """The reply that means no blames the token, nothing else: only so can it never open a gate."""
        fact(self._verdict(self.refuses).outcome is Outcome.FAILED, "the vendor's no is no failure")

    def test_nothing_but_the_vendors_yes_passes(self) -> None:
        """Wrong types, wrong statuses, cut and doubled replies."""
        for reply in self._wrong_replies():
            verdict = self._verdict(reply)
            fact(verdict.outcome is not Outcome.PASSED, f"HTTP {reply.status_code} {reply.content[:80]!r} passes")

    def test_an_outage_is_unavailable_and_throttling_is_too(self) -> None:
        """What is nobody's fault but the vendor's."""
        for status in (500, 502, 503, 504, 429):
            verdict = self._verdict(httpx.Response(status, content=b"down"))
            fact(verdict.outcome is Outcome.UNAVAILABLE, f"HTTP {status} is {verdict.outcome}")

    def test_a_redirect_is_a_bad_reply(self) -> None:
        """Following one would hand the secret to whoever it names."""
        verdict = self._verdict(httpx.Response(307, headers={"location": "https://elsewhere.invalid/"}))
        fact(verdict.outcome is Outcome.UNAVAILABLE, "a redirect is not unavailable")

    def test_every_verdict_has_a_reason_of_its_outcome(self) -> None:
        """The public words are one list."""
        for reply in (self.passes, self.refuses, *self._wrong_replies()):
            verdict = self._verdict(reply)
            fact(verdict.reason in REASONS[verdict.outcome], f"{verdict.reason} is no reason of {verdict.outcome}")

    def test_no_secret_stands_in_the_url(self) -> None:
        """URLs end up in logs, of the vendor's, too.

        A vendor that knows no other way is the exception, and its class says so (`secret_in_url`): then in the query.
        """
        url = self._request().url
        seen = f"{url.host}{url.path}" if self.provider.secret_in_url else str(url)
        for secret in self.provider.secrets:
            fact(secret not in seen, "a secret stands in the URL")

    def test_the_vendor_is_asked_where_the_policy_says(self) -> None:
        """`base_url` is for regions, private deployments and tests."""
        if isinstance(self.provider, RemoteProvider):
            moved = self.provider.model_copy(update={"base_url": "https://vendor.invalid"})
            flow = moved.verify(self.token, self.context)
            fact(_first_request(flow).url.host == "vendor.invalid", "base_url does not decide which host is asked")
            flow.close()

    def test_a_claim_depends_on_the_token_and_lasts(self) -> None:
        """What is claimed is what the vendor would accept once."""
        first = self.provider.claimed(self.token, self.context)
        other = {name: value[:-1] + ("1" if value[-1] != "1" else "2") for name, value in self.token.items()}
        fact(first.value, "nothing is claimed")
        fact(first.ttl >= 60, "a claim lasts less than a minute")
        fact(first == self.provider.claimed(self.token, self.context), "the same token is claimed in two ways")
        fact(first.value != self.provider.claimed(other, self.context).value, "every token is the same claim")

    def test_the_probe_is_well_formed_and_no_clients(self) -> None:
        """The question of our own is one that no client chose, and that the vendor can answer."""
        fields = self.provider.probe_fields(self.context)
        for field in self.provider.client_fields:
            fact(field.accepts(fields[field.name]), f"the probe's {field.name} is not well-formed")
            fact(fields[field.name] != self.token[field.name], f"the probe's {field.name} is a client's")

    def test_a_refusal_and_throttling_are_answers_and_an_outage_is_none(self) -> None:
        """Only a vendor that answers nobody opens a gate."""
        asked = self._request()
        for reply in (self.passes, self.refuses, httpx.Response(429), httpx.Response(403), httpx.Response(302)):
            fact(
                self.provider.answers(asked, reply),
                f"HTTP {reply.status_code} {reply.content[:40]!r} counts as no answer",
            )
        for reply in (httpx.Response(503), httpx.Response(500, json={"error": "down"})):
            fact(not self.provider.answers(asked, reply), f"HTTP {reply.status_code} counts as an answer")

    def _request(self) -> httpx.Request:
        flow = self.provider.verify(self.token, self.context)
        request = _first_request(flow)
        flow.close()
        return request

    def _verdict(self, reply: httpx.Response) -> Verdict:
        """The verdict after one reply; a reply that is none counts as unavailable, as it does in the gate."""
        flow = self.provider.verify(self.token, self.context)
        _first_request(flow)
        try:
            flow.send(httpx.Response(reply.status_code, content=reply.content, headers=dict(reply.headers)))
        except StopIteration as end:
            return end.value if isinstance(end.value, Verdict) else Verdict.misconfigured("no verdict")
        except BadReply as error:
            return Verdict.unavailable(Reason.BAD_REPLY, str(error))
        raise AssertionError("the contract is for providers that ask once: drive this one by hand")

    def _wrong_replies(self) -> Iterator[httpx.Response]:
        for odd in _ODD:
            yield httpx.Response(200, json=odd)
        for content in (b"", b"<html>", self.passes.content[:-1], self.passes.content.decode().encode("utf-16")):
            yield httpx.Response(200, content=content)
        for status in (201, 204, 302, 400, 401, 403, 404, 418):
            yield httpx.Response(status, content=self.passes.content)
        yield from self._retyped()

    def _retyped(self) -> Iterator[httpx.Response]:
        """The vendor's yes, with what decides replaced by what only looks like it, and left out."""
        for name in self.decisive:
            for looks in (*_lookalikes(_told(self._yes(), name)), _MISSING):
                reply = self._yes()
                _tell(reply, name, looks)
                yield httpx.Response(200, json=reply)

    def _yes(self) -> dict[str, Any]:
        return dict(json.loads(self.passes.content))


def _first_request(flow: VerifyFlow) -> httpx.Request:
    """What the flow asks its vendor first. The store, where it is asked before, knows nothing."""
    try:
        asked = next(flow)
        while isinstance(asked, Effect):
            asked = flow.send(None)
    except StopIteration:
        raise AssertionError("the provider asks nobody: for one that is local there is LocalProviderContract") from None
    return asked


def _lookalikes(told: Any) -> Iterator[Any]:
    """What a careless reader takes for the same: `False == 0` and `1.0 == True` in Python, `"0"` after a conversion."""
    yield from (f"{told} " if isinstance(told, str) else str(told), [told], {"value": told}, None, not told)
    if isinstance(told, (bool, int)):
        yield from (kind(told) for kind in (bool, int, float) if kind is not type(told))


def _told(reply: Any, name: str) -> Any:
    for part in name.split("."):
        reply = reply[part]
    return reply


def _tell(reply: Any, name: str, value: Any) -> None:
    *outer, last = name.split(".")
    inner = _told(reply, ".".join(outer)) if outer else reply
    if value is _MISSING:
        del inner[last]
    else:
        inner[last] = value
