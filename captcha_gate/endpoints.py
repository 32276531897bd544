"""The gate's own URLs, answered before any rule is asked. Where they are and what they say; performs no I/O.

GET  {prefix}/{provider}/challenge   a challenge that the page's widget solves; also at `challenge_path`
GET  {prefix}/config?rule=…          what a script must know to draw a rule's widget
POST {prefix}/verify?rule=…          a token for a clearance
GET  {prefix}/gate.js                the script for pages
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, Final

from captcha_gate.effects import Flow
from captcha_gate.errors import BadReply, FetchError, StoreError
from captcha_gate.outcome import Mode, Outcome
from captcha_gate.reply import RETRY_SOON, Reply, json_reply, plain_reply, preflight_reply
from captcha_gate.report import LOGGER
from captcha_gate.rules import Action
from captcha_gate.words import words_for

if TYPE_CHECKING:
    from captcha_gate.gate import Gate
    from captcha_gate.providers.base import ChallengingProvider
    from captcha_gate.providers.context import Context
    from captcha_gate.refusal import Refusals
    from captcha_gate.report import Reporter
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy, Rule
    from captcha_gate.tokens.fields import Wanted

__all__ = ["OWN_PATHS", "Endpoint", "Endpoints", "challenge_path"]

#: Below the prefix, besides the providers' challenges.
OWN_PATHS: Final = ("gate.js", "config", "verify")
_GET: Final = ("GET", "HEAD")
#: Seconds that browsers keep the script: a new version is there soon, and a page costs no request for it.
_SCRIPT_KEPT: Final = 3600


class Endpoint(ABC):
    """One of the gate's own URLs.

    Attributes:
        methods: those that it answers.
        says: what it is, for whoever asks the command line.
    """

    methods: ClassVar[tuple[str, ...]] = _GET
    says: str

    @abstractmethod
    def answer(self, view: RequestView) -> Flow[Reply]:
        """What it says to a request with one of its methods."""


def challenge_path(prefix: str, provider: str) -> str:
    """Where a provider of this name has its challenges in any case."""
    return f"{prefix}/{provider}/challenge"


class Endpoints:
    """All of a policy's, on exactly their paths below the mount point.

    Args:
        gate: decides what a token is worth.
        refusals: what is said where it is worth nothing.
        report: is told what was decided.

    Attributes:
        paths: where they stand, below the mount point.
    """

    def __init__(self, gate: Gate, refusals: Refusals, report: Reporter) -> None:
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - a loaded policy has loaded it

        policy = gate.policy
        self._policy = policy
        self._all: dict[str, Endpoint] = {
            f"{policy.prefix}/{name}": endpoint
            for name, endpoint in zip(
                OWN_PATHS, (_Script(), _Config(policy, gate.context), _Verify(gate, refusals, report)), strict=True
            )
        }
        for name, provider in policy.providers.items():
            if isinstance(provider, ChallengingProvider):
                challenge = _Challenge(name, provider, gate)
                self._all[challenge_path(policy.prefix, name)] = challenge
                if provider.challenge_path is not None:
                    self._all[provider.challenge_path] = challenge
        self.paths = frozenset(self._all)

    def find(self, view: RequestView) -> Endpoint | None:
        """The one that a request asks for; `None` for every other request."""
        return self._all.get(view.path_below_mount) if view.kind == "http" else None

    def answer(self, endpoint: Endpoint, view: RequestView) -> Flow[Reply]:
        """What an endpoint says to a request."""
        methods = ", ".join(endpoint.methods)
        if view.is_preflight:
            return preflight_reply(self._policy, view, methods)
        if view.method not in endpoint.methods:
            return plain_reply(405, f"Ask here with {endpoint.methods[0]}.", ("Allow", methods))
        return (yield from endpoint.answer(view))


class _Challenge(Endpoint):
    """Challenges of one provider, never to be cached: one that two people get, one of them cannot use."""

    def __init__(self, name: str, provider: ChallengingProvider, gate: Gate) -> None:
        self.says = f"the challenges of provider {name}"
        self._name = name
        self._provider = provider
        self._gate = gate

    def answer(self, view: RequestView) -> Flow[Reply]:
        try:
            context = self._gate.context(view)
            challenge = yield from self._gate.vendors.issue(self._provider, self._provider.challenge(context), context)
        except BadReply as error:
            LOGGER.error("no challenge: provider=%s said=%r", self._name, str(error))
        except (FetchError, StoreError) as error:
            LOGGER.warning("no challenge: provider=%s said=%r", self._name, str(error))
        else:
            return json_reply(challenge)
        return plain_reply(503, "No challenge can be had right now. Try again.", RETRY_SOON)


class _Config(Endpoint):
    """What a script must know of a rule: nothing of it is secret."""

    says = "what a rule's page must know"

    def __init__(self, policy: Policy, context: Callable[[RequestView], Context]) -> None:
        self._policy = policy
        self._context = context

    def answer(self, view: RequestView) -> Flow[Reply]:
        yield from ()
        rule = _asked_rule(self._policy, view)
        if rule is None:
            return _no_such_rule()
        words = words_for(view)
        content = {
            "rule": rule.name,
            "verify": f"{view.base}{self._policy.prefix}/verify?rule={rule.name}" if rule.clearance else None,
            "language": words.language,
            "words": {name: text for name, text in words.pages.items() if not name.startswith("page_")},
            "providers": [self._provider(rule, wanted, view) for wanted in rule.wanted],
            "unloaded": self._unloaded(rule, view),
        }
        return json_reply(content, ("Vary", "Accept-Language"))

    def _unloaded(self, rule: Rule, view: RequestView) -> Mapping[str, Any] | None:
        """What to send where no widget loads, so that `on_unavailable` decides: a token that is good for nothing else.

        Any client could write one itself. It opens the rule only where its provider is proven down.
        """
        if not rule.on_unavailable.allow:
            return None
        name = rule.providers[0]
        return {"provider": name, "token": dict(self._policy.providers[name].probe_fields(self._context(view)))}

    def _provider(self, rule: Rule, wanted: Wanted, view: RequestView) -> Mapping[str, Any]:
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - as above

        provider = self._policy.providers[wanted.provider]
        challenged = isinstance(provider, ChallengingProvider)
        bound = {"action": rule.bind.action, "cdata": rule.bind.cdata}
        return {
            "name": wanted.provider,
            "type": provider.type,
            "site_key": provider.site_key,
            "script": provider.script,
            "challenge": view.base + challenge_path(self._policy.prefix, wanted.provider) if challenged else None,
            "fields": dict(wanted.names),
            "headers": {name: header.title() for name, header in wanted.headers.items()},
            "options": {
                **provider.page_options,
                **{name: value for name, value in bound.items() if value is not None},
            },
        }


class _Verify(Endpoint):
    """Takes a token and gives a clearance for it: for pages whose visitor is not sending a form."""

    methods = ("POST",)
    says = "a clearance for a token"

    def __init__(self, gate: Gate, refusals: Refusals, report: Reporter) -> None:
        self._gate = gate
        self._refusals = refusals
        self._report = report

    def answer(self, view: RequestView) -> Flow[Reply]:
        rule = _asked_rule(self._gate.policy, view)
        if rule is None or rule.clearance is None:
            return _no_such_rule()
        if rule.mode is Mode.DISABLED:
            return json_reply({"verified": False})
        decision = yield from self._gate.decide_by_token(rule, view)
        self._report(decision)
        if decision.outcome is not Outcome.PASSED and not decision.opened:
            return self._refusals.reply(decision, view)
        try:
            cookie = yield from self._gate.cookie_for(decision, view)
        except StoreError as error:
            LOGGER.warning("nothing was remembered of a token: rule=%s said=%r", rule.name, str(error))
            return plain_reply(503, "It cannot be remembered right now. Try again.", RETRY_SOON)
        return json_reply({"verified": decision.verified}, *([("Set-Cookie", cookie)] if cookie else []))


class _Script(Endpoint):
    """The script for pages, the same for everybody."""

    says = "the script for pages"

    def answer(self, view: RequestView) -> Flow[Reply]:
        yield from ()
        headers = (
            ("Content-Type", "text/javascript; charset=utf-8"),
            ("Content-Length", str(len(_script()))),
            ("Cache-Control", f"public, max-age={_SCRIPT_KEPT}"),
            ("X-Content-Type-Options", "nosniff"),
        )
        return Reply(200, headers, _script())


@cache
def _script() -> bytes:
    return files("captcha_gate.pages").joinpath("gate.js").read_bytes()


def _asked_rule(policy: Policy, view: RequestView) -> Rule | None:
    """The rule that the query names; `None` where it names none that verifies."""
    rule = policy.named.get(dict(view.query).get("rule"))
    return rule if rule is not None and rule.action is Action.VERIFY else None


def _no_such_rule() -> Reply:
    return plain_reply(404, "No rule of this name is asked about here.")
