"""`GET {prefix}/config?rule=…`: what a script must know to draw a rule's CAPTCHA. Nothing of it is secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from captcha_gate.effects import Flow
from captcha_gate.endpoints.base import Endpoint, asked_rule, challenge_path, no_such_rule
from captcha_gate.replies.reply import Reply, json_reply
from captcha_gate.replies.words import words_for

if TYPE_CHECKING:
    from captcha_gate.providers.context import Context
    from captcha_gate.request import RequestView
    from captcha_gate.rules import Policy, Rule
    from captcha_gate.tokens.fields import Wanted

__all__ = ["ConfigEndpoint"]


class ConfigEndpoint(Endpoint):
    """What a script must know of a rule: nothing of it is secret."""

    says = "what a rule's page must know"

    def __init__(self, policy: Policy, context: Callable[[RequestView], Context]) -> None:
        self._policy = policy
        self._context = context

    def answer(self, view: RequestView) -> Flow[Reply]:
        yield from ()
        rule = asked_rule(self._policy, view)
        if rule is None:
            return no_such_rule()
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
        from captcha_gate.providers.base import ChallengingProvider  # noqa: PLC0415 - a loaded policy has loaded it

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
