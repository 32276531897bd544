"""Compiles a document into a `Policy`, or says everything that is wrong with it at once. Reads no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from captcha_gate.decision import Mode
from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.matching import MatchCompiler
from captcha_gate.policy.messages import meant, no_such_field, translated, unknown_type
from captcha_gate.policy.models import VERIFY_KEYS, DefaultsModel, PolicyModel, RuleModel
from captcha_gate.providers.base import Provider, Reports
from captcha_gate.providers.registry import known_types, provider_class
from captcha_gate.request import Proxies
from captcha_gate.rules import Action, Bind, Policy, Rule, ScoreDemand
from captcha_gate.tokens.fields import TokenSettings, Wanted

__all__ = ["Compiler"]

M = TypeVar("M", bound=BaseModel)


class Compiler:
    """Compiles one document.

    Args:
        data: plain values.
        where: says where the value at a path is written, for the rules to remember.
    """

    def __init__(self, data: Any, where: Mapping[int, str]) -> None:
        self.problems: list[Problem] = []
        self._data = data
        self._where = where
        self._providers: dict[str, Provider] = {}
        self._types: dict[str, type[Provider]] = {}
        self._has_defaults = True
        self._matching = MatchCompiler({}, self.problems)

    def compile(self) -> Policy | None:
        """The policy; `None` where `problems` says why not."""
        if not isinstance(self._data, dict):
            message = "expected a mapping with the keys version, providers and rules (write version: 1 first)"
            self.problems.append(Problem((), message))
            return None
        top, unread = self._read_top(self._data)
        self._has_defaults = "defaults" not in unread
        self._matching = MatchCompiler(None if "networks" in unread else top.networks, self.problems)
        self._read_providers(self._data.get("providers"))
        rules = self._read_rules(self._data.get("rules"), top.defaults, top.mode)
        proxies = self._proxies(top)
        if self.problems:
            return None
        default = Rule(name=None, action=Action.DENY, mode=top.mode) if top.default_action == "deny" else None
        return Policy(
            mode=top.mode,
            rules=tuple(rules),
            default=default,
            providers=MappingProxyType(self._providers),
            store=top.store,
            proxies=proxies,
            prefix=top.endpoints.prefix,
        )

    def _read_top(self, data: dict[Any, Any]) -> tuple[PolicyModel, set[Any]]:
        """The top of the policy and the keys of it that are wrong, in whose stead its defaults stand.

        With them, the rules can be checked all the same: whoever repairs a policy wants to do it once.
        """
        try:
            return PolicyModel.model_validate(data), set()
        except ValidationError as error:
            found = error.errors(include_url=False)
        self.problems += [translated(item, PolicyModel, ()) for item in found]
        wrong = {item["loc"][0] for item in found}
        kept = {key: value for key, value in data.items() if key not in wrong}
        return PolicyModel.model_validate({"version": 1, "rules": [], **kept}), wrong

    def _validated(self, model: type[M], data: Any, path: KeyPath) -> M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.problems += [translated(item, model, path) for item in error.errors(include_url=False)]
            return None

    # Providers

    def _read_providers(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        for name, settings in data.items():
            path: KeyPath = ("providers", name)
            kind = settings.get("type") if isinstance(settings, dict) else None
            found = provider_class(kind) if isinstance(kind, str) else None
            if not isinstance(settings, dict):
                message = f"expected a mapping (write type: and one of {', '.join(known_types())})"
                self.problems.append(Problem(path, message))
            elif found is None:
                self.problems.append(Problem((*path, "type"), unknown_type(kind)))
            else:
                self._types[name] = found
                self._read_provider(name, found, settings, path)

    def _read_provider(self, name: str, found: type[Provider], settings: dict[str, Any], path: KeyPath) -> None:
        provider = self._validated(found, settings, path)
        if provider is None:
            return
        declared = [field.name for field in found.client_fields]
        for renamed in provider.fields:
            if renamed not in declared:
                self.problems.append(Problem((*path, "fields", renamed), no_such_field(declared)))
        self._providers[name] = provider

    # Rules

    def _read_rules(self, data: Any, defaults: DefaultsModel, policy_mode: Mode) -> list[Rule]:
        rules: list[Rule] = []
        names: dict[str, int] = {}
        for number, item in enumerate(data if isinstance(data, list) else ()):
            model = self._validated(RuleModel, item, ("rules", number))
            if model is None:
                continue
            if model.name in names:
                earlier = self._where.get(names[model.name], f"rules[{names[model.name]}]")
                message = f"the name is taken by an earlier rule, {earlier} (choose another)"
                self.problems.append(Problem(("rules", number, "name"), message))
            names.setdefault(model.name, number)
            rules.append(self._rule(number, model, defaults, policy_mode))
        return rules

    def _rule(self, number: int, model: RuleModel, defaults: DefaultsModel, policy_mode: Mode) -> Rule:
        path: KeyPath = ("rules", number)
        mode = Mode.DISABLED if policy_mode is Mode.DISABLED else model.mode or policy_mode
        matcher = self._matching.matcher(model.match, (*path, "match"), model.action)
        where = self._where.get(number, "")
        if model.action is not Action.VERIFY:
            for key in sorted(model.model_fields_set & VERIFY_KEYS):
                self.problems.append(
                    Problem((*path, key), f"a rule with action: {model.action.value} verifies nothing (remove the key)")
                )
            return Rule(name=model.name, where=where, matcher=matcher, action=model.action, mode=mode)

        def own(key: str) -> Any:
            return getattr(model if key in model.model_fields_set else defaults, key)

        providers = self._chosen(own("providers"), path, is_own="providers" in model.model_fields_set)
        self._check_demands(model, own, providers, path)
        token, score, bind = own("token"), own("score"), own("bind")
        return Rule(
            name=model.name,
            where=where,
            matcher=matcher,
            mode=mode,
            providers=tuple(providers),
            wanted=self._wanted(providers, token.fields, path),
            token=TokenSettings(tuple(token.sources), token.max_body, token.body_timeout),
            score=ScoreDemand(score.min, score.missing, score.below) if score else None,
            bind=Bind(bind.action, tuple(bind.hostnames or ()), bind.cdata),
            max_age=own("max_age"),
            on_fail=own("on_fail"),
            on_unavailable=own("on_unavailable"),
            fallthrough=own("fallthrough"),
        )

    def _chosen(self, names: list[str] | None, rule: KeyPath, *, is_own: bool) -> list[str]:
        """The providers of a rule; the policy's only one where neither the rule nor the defaults name any."""
        path = (*(rule if is_own else ("defaults",)), "providers")
        known = self._data.get("providers")
        configured = list(known) if isinstance(known, dict) else []
        if names is None:
            if len(configured) == 1:
                return configured
            if not self._has_defaults:
                return []  # they could not be read, and may well name some
            choice = f"name some of: {', '.join(configured)}" if configured else "the policy has none yet"
            self.problems.append(Problem((*rule, "providers"), f"is missing ({choice})"))
            return []
        for number, name in enumerate(names):
            if name not in configured:
                known = f" (there are: {', '.join(configured)})" if configured else " (the policy has none yet)"
                message = f"no provider has this name{meant(name, configured)}{known}"
                self.problems.append(Problem((*path, number), message))
            elif name in names[:number]:
                self.problems.append(Problem((*path, number), "the provider is named twice (remove one)"))
        return [name for name in dict.fromkeys(names) if name in configured]

    def _check_demands(self, model: RuleModel, own: Any, providers: Sequence[str], path: KeyPath) -> None:
        """A rule may not demand what a provider on it cannot report: it would refuse everybody, or check nothing."""
        bind = own("bind")
        demands = (
            (own("score") is not None, Reports.SCORE, "score"),
            (bind.action is not None, Reports.ACTION, "bind.action"),
            (bind.hostnames is not None, Reports.HOSTNAME, "bind.hostnames"),
            (bind.cdata is not None, Reports.CDATA, "bind.cdata"),
            (own("max_age") is not None, Reports.TIME, "max_age"),
        )
        for demanded, what, key in demands:
            for name in providers if demanded else ():
                kind = self._types.get(name)
                if kind is not None and what not in kind.reports:
                    written = key.split(".")
                    is_own = written[0] in model.model_fields_set
                    whose = name if is_own else f"{name} of rule {model.name}"
                    message = f"provider {whose} reports no {what.value} (remove the key, or choose other providers)"
                    self.problems.append(Problem((*(path if is_own else ("defaults",)), *written), message))

    def _wanted(self, providers: Sequence[str], renamed: Mapping[str, str], path: KeyPath) -> tuple[Wanted, ...]:
        kinds = {name: self._types[name] for name in providers if name in self._types}
        declared = {field.name for kind in kinds.values() for field in kind.client_fields}
        if kinds:
            for name in renamed:
                if name not in declared:
                    message = no_such_field(sorted(declared))
                    self.problems.append(Problem((*path, "token", "fields", name), message))
        single = sum(len(kind.client_fields) == 1 for kind in kinds.values()) == 1
        return tuple(
            Wanted.by(name, kind.client_fields, {**self._providers[name].fields, **renamed}, sole_single=single)
            for name, kind in kinds.items()
            if name in self._providers
        )

    def _proxies(self, top: PolicyModel) -> Proxies:
        texts = top.client_ip.trusted_proxies
        path: KeyPath = ("client_ip", "trusted_proxies")
        networks = self._matching.networks([text for text in texts if text != "unix"], path)
        return Proxies(networks, "unix" in texts, top.client_ip.header)
