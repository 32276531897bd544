"""What every provider must do, as a suite that a test class inherits. Drives providers by hand and asks nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import httpx
from pydantic import SecretStr

from captcha_gate.decision import Verdict
from captcha_gate.effects import Effect
from captcha_gate.errors import BadReply
from captcha_gate.outcome import REASONS, Outcome, Reason
from captcha_gate.providers.base import Provider, RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Context

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


#: What no vendor puts into a token.
_IMPOSSIBLE: Final = (" ", "a b", "a\nb", "\x00", "<b>", 'a"b', "a\\b", "h\u00e9", "\ud800")


def _fact(holds: object, message: str) -> None:
    # Not an `assert`: this stands in the package, where pytest does not rewrite and -O would drop it.
    if not holds:
        raise AssertionError(message)


class ProviderContract:
    """Inherit, set the five attributes, and pytest runs the contract. For a provider that asks a vendor once.

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
        decisive: the names in the reply that must be exactly what they are for the token to pass.
    """

    provider: ClassVar[Provider]
    token: ClassVar[Mapping[str, str]]
    passes: ClassVar[httpx.Response]
    refuses: ClassVar[httpx.Response]
    decisive: ClassVar[tuple[str, ...]]

    context: ClassVar = Context(now=1_700_000_000.0, token_hex=lambda size: "0f" * size)

    def test_its_own_token_is_accepted_by_its_own_grammar(self) -> None:
        """A grammar that is too narrow locks people out."""
        for field in self.provider.client_fields:
            _fact(field.accepts(self.token[field.name]), f"the field {field.name} does not accept its own example")

    def test_what_no_vendor_issues_is_refused_before_any_call(self) -> None:
        """A grammar that is too wide lets a client choose what the vendor's server chokes on."""
        for field in self.provider.client_fields:
            empty = () if field.may_be_empty else ("",)
            for value in (*empty, *_IMPOSSIBLE, "x" * 100_000):
                _fact(not field.accepts(value), f"the field {field.name} accepts {value[:10]!r}")

    def test_a_confirmed_token_passes(self) -> None:
        """The reply that means yes is understood."""
        _fact(self._verdict(self.passes).outcome is Outcome.PASSED, "the vendor's yes is no pass")

    def test_a_refused_token_fails(self) -> None:
        """The reply that means no blames the token, nothing else: only so can it never open a gate."""
        _fact(self._verdict(self.refuses).outcome is Outcome.FAILED, "the vendor's no is no failure")

    def test_nothing_but_the_vendors_yes_passes(self) -> None:
        """Wrong types, wrong statuses, cut and doubled replies."""
        for reply in self._wrong_replies():
            verdict = self._verdict(reply)
            _fact(verdict.outcome is not Outcome.PASSED, f"HTTP {reply.status_code} {reply.content[:80]!r} passes")

    def test_an_outage_is_unavailable_and_throttling_is_too(self) -> None:
        """What is nobody's fault but the vendor's."""
        for status in (500, 502, 503, 504, 429):
            verdict = self._verdict(httpx.Response(status, content=b"down"))
            _fact(verdict.outcome is Outcome.UNAVAILABLE, f"HTTP {status} is {verdict.outcome}")

    def test_a_redirect_is_a_bad_reply(self) -> None:
        """Following one would hand the secret to whoever it names."""
        verdict = self._verdict(httpx.Response(307, headers={"location": "https://elsewhere.invalid/"}))
        _fact(verdict.outcome is Outcome.UNAVAILABLE, "a redirect is not unavailable")

    def test_every_verdict_has_a_reason_of_its_outcome(self) -> None:
        """The public words are one list."""
        for reply in (self.passes, self.refuses, *self._wrong_replies()):
            verdict = self._verdict(reply)
            _fact(verdict.reason in REASONS[verdict.outcome], f"{verdict.reason} is no reason of {verdict.outcome}")

    def test_the_secret_is_neither_in_the_url_nor_in_any_repr(self) -> None:
        """URLs and reprs end up in logs.

        A vendor that knows no other way is the exception, and its class says so (`secret_in_url`): then in the query.
        """
        url = self._request().url
        seen = f"{url.host}{url.path}" if self.provider.secret_in_url else str(url)
        for secret in self._secrets():
            _fact(secret not in seen, "a secret stands in the URL")
            _fact(secret not in repr(self.provider), "a secret stands in the provider's repr")
            _fact(secret not in self.provider.account(), "a secret stands in the account's name")

    def test_the_vendor_is_asked_where_the_policy_says(self) -> None:
        """`base_url` is for regions, private deployments and tests."""
        if isinstance(self.provider, RemoteProvider):
            moved = self.provider.model_copy(update={"base_url": "https://vendor.invalid"})
            flow = moved.verify(self.token, self.context)
            _fact(_first_request(flow).url.host == "vendor.invalid", "base_url does not decide which host is asked")
            flow.close()

    def test_a_claim_depends_on_the_token_and_lasts(self) -> None:
        """What is claimed is what the vendor would accept once."""
        first = self.provider.claimed(self.token, self.context)
        other = {name: value[:-1] + ("1" if value[-1] != "1" else "2") for name, value in self.token.items()}
        _fact(first.value, "nothing is claimed")
        _fact(first.ttl >= 60, "a claim lasts less than a minute")
        _fact(first == self.provider.claimed(self.token, self.context), "the same token is claimed in two ways")
        _fact(first.value != self.provider.claimed(other, self.context).value, "every token is the same claim")

    def test_the_probe_is_well_formed_and_no_clients(self) -> None:
        """The question of our own is one that no client chose, and that the vendor can answer."""
        fields = self.provider.probe_fields(self.context)
        for field in self.provider.client_fields:
            _fact(field.accepts(fields[field.name]), f"the probe's {field.name} is not well-formed")
            _fact(fields[field.name] != self.token[field.name], f"the probe's {field.name} is a client's")

    def test_a_refusal_and_throttling_are_answers_and_an_outage_is_none(self) -> None:
        """Only a vendor that answers nobody opens a gate."""
        asked = self._request()
        for reply in (self.passes, self.refuses, httpx.Response(429), httpx.Response(403), httpx.Response(302)):
            _fact(
                self.provider.answers(asked, reply),
                f"HTTP {reply.status_code} {reply.content[:40]!r} counts as no answer",
            )
        for reply in (httpx.Response(503), httpx.Response(500, json={"error": "down"})):
            _fact(not self.provider.answers(asked, reply), f"HTTP {reply.status_code} counts as an answer")

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
        yes = json.loads(self.passes.content)
        for name in self.decisive:
            told = yes[name]
            wrong = f"{told} " if isinstance(told, str) else str(told)
            for looks in (wrong, [told], {"value": told}, None, not told):
                yield httpx.Response(200, json={**yes, name: looks})
            yield httpx.Response(200, json={other: value for other, value in yes.items() if other != name})

    def _secrets(self) -> list[str]:
        values = (getattr(self.provider, name) for name in type(self.provider).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def _first_request(flow: VerifyFlow) -> httpx.Request:
    """What the flow asks its vendor first. The store, where it is asked before, knows nothing."""
    asked = next(flow)
    while isinstance(asked, Effect):
        asked = flow.send(None)
    return asked
