"""Compiles the `rules` of a policy, with its defaults and providers. Reads no file and compares no rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from captcha_gate.outcome import Mode
from captcha_gate.policy.accounts import Account
from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.matching import MatchCompiler
from captcha_gate.policy.messages import meant, no_such_field, validated
from captcha_gate.policy.models import VERIFY_KEYS, DefaultsModel, RuleModel
from captcha_gate.providers.base import Provider, Reports
from captcha_gate.rules import Action, Bind, Clearance, Forgive, OnFail, Rule, ScoreDemand
from captcha_gate.tokens.fields import TokenSettings, Wanted

__all__ = ["RuleCompiler"]


class RuleCompiler:
    """Compiles every rule of one policy.

    Args:
        accounts: the policy's providers.
        matching: compiles what rules match.
        defaults: what rules inherit; `None` where the policy has some that could not be read.
        mode: the policy's.
        signs: the policy has a key that signs cookies.
        where: the place of each rule, by its number.
        problems: where to add what is wrong.
    """

    def __init__(
        self,
        *,
        accounts: Mapping[str, Account],
        matching: MatchCompiler,
        defaults: DefaultsModel | None,
        mode: Mode,
        signs: bool,
        where: Mapping[int, str],
        problems: list[Problem],
    ) -> None:
        self._accounts = accounts
        self._matching = matching
        self._defaults = defaults
        self._mode = mode
        self._signs = signs
        self._where = where
        self._problems = problems

    def compile(self, data: Any) -> list[Rule]:
        """The rules that could be read."""
        rules: list[Rule] = []
        names: dict[str, int] = {}
        for number, item in enumerate(data if isinstance(data, list) else ()):
            model = validated(RuleModel, item, ("rules", number), self._problems)
            if model is None:
                continue
            first = names.setdefault(model.name, number)
            if first != number:
                earlier = self._where.get(first, f"rules[{first}]")
                message = f"the name is taken by an earlier rule, {earlier} (choose another)"
                self._problems.append(Problem(("rules", number, "name"), message))
            rules.append(self._rule(number, model))
        return rules

    def _rule(self, number: int, model: RuleModel) -> Rule:
        path: KeyPath = ("rules", number)
        rule = Rule(
            name=model.name,
            where=self._where.get(number, ""),
            matcher=self._matching.matcher(model.match, (*path, "match"), model.action, visits=self._challenges(model)),
            action=model.action,
            mode=Mode.DISABLED if self._mode is Mode.DISABLED else model.mode or self._mode,
        )
        if model.action is Action.VERIFY:
            return self._verifying(rule, model, path)
        for key in sorted(model.model_fields_set & VERIFY_KEYS):
            message = f"a rule with action: {model.action.value} verifies nothing (remove the key)"
            self._problems.append(Problem((*path, key), message))
        return rule

    def _challenges(self, model: RuleModel) -> bool:
        """Whether browsers that come without a token get a page: then the rule is about their visits, too."""
        inherited = self._defaults if "challenge" not in model.model_fields_set else None
        whole = inherited or model
        return model.action is Action.VERIFY and whole.challenge is not None

    def _verifying(self, rule: Rule, model: RuleModel, path: KeyPath) -> Rule:
        own = frozenset(model.model_fields_set)
        inherited = {key: getattr(self._defaults, key) for key in VERIFY_KEYS - own} if self._defaults else {}
        whole = model.model_copy(update=inherited)

        def place(key: str) -> KeyPath:
            return (*(path if key in own else ("defaults",)), key)

        providers = self._chosen(whole.providers, path, place("providers"))
        for demand in _demands(whole):
            top, *rest = demand.key.split(".")
            whose = "" if top in own else f" of rule {model.name}"
            self._check_demand(demand, providers, (*place(top), *rest), whose)
        if whole.on_unavailable.allow:
            self._check_openable(providers, place("on_unavailable"))
        self._check_page(whole, place("challenge"))
        token, score, bind = whole.token, whole.score, whole.bind
        return replace(
            rule,
            providers=tuple(providers),
            wanted=self._wanted(providers, token.fields, place("token")),
            token=TokenSettings(tuple(token.sources), token.max_body, token.body_timeout),
            score=ScoreDemand(score.min, score.missing, score.below) if score else None,
            bind=Bind(bind.action, tuple(bind.hostnames or ()), bind.cdata),
            max_age=whole.max_age,
            on_fail=whole.on_fail,
            on_unavailable=whole.on_unavailable,
            failed_limit=whole.limits.failed if whole.limits else None,
            fallthrough=whole.fallthrough,
            clearance=self._clearance(whole, place("clearance"), place("challenge")),
            forgive=Forgive(frozenset(whole.forgive.status), whole.forgive.ttl) if whole.forgive else None,
            challenges=whole.challenge is not None,
        )

    def _check_page(self, whole: RuleModel, path: KeyPath) -> None:
        """A page lets on who passed, so a rule with one cannot forward whoever did not."""
        annotates = {
            "on_fail": whole.on_fail,
            "score.below": whole.score.below if whole.score else OnFail.REJECT,
            "score.missing": whole.score.missing if whole.score else OnFail.REJECT,
        }
        for key, does in annotates.items():
            if whole.challenge is not None and does is OnFail.ANNOTATE:
                message = (
                    f"rule {whole.name}: its page lets nobody on who failed, so {key} cannot be annotate (choose one)"
                )
                self._problems.append(Problem(path, message))

    def _clearance(self, whole: RuleModel, path: KeyPath, challenge: KeyPath) -> Clearance | None:
        terms = whole.clearance
        if terms is None:
            if whole.challenge is not None:
                message = f"rule {whole.name}: nothing would get anybody past the page (add clearance: {{ttl: 10m}})"
                self._problems.append(Problem(challenge, message))
            return None
        if not self._signs:
            message = "needs a key that signs it (write secret_key: ${CAPTCHA_GATE_SECRET_KEY} at the top)"
            self._problems.append(Problem(path, message))
        return Clearance(terms.realm or whole.name, terms.ttl, terms.uses, terms.bind_network)

    def _chosen(self, names: list[str] | None, rule: KeyPath, path: KeyPath) -> list[str]:
        """The providers of a rule; the policy's only one where neither the rule nor the defaults name any."""
        configured = list(self._accounts)
        if names is None:
            return self._only_one(configured, rule)
        there_are = f"there are: {', '.join(configured)}" if configured else "the policy has none yet"
        for number, name in enumerate(names):
            if name not in configured:
                message = f"no provider has this name{meant(name, configured)} ({there_are})"
                self._problems.append(Problem((*path, number), message))
            elif name in names[:number]:
                self._problems.append(Problem((*path, number), "the provider is named twice (remove one)"))
        return [name for name in dict.fromkeys(names) if name in configured]

    def _only_one(self, configured: list[str], rule: KeyPath) -> list[str]:
        if len(configured) == 1:
            return configured
        if self._defaults is not None:  # else they may well name some
            choice = f"name some of: {', '.join(configured)}" if configured else "the policy has none yet"
            self._problems.append(Problem((*rule, "providers"), f"is missing ({choice})"))
        return []

    def _check_demand(self, demand: _Demand, providers: Sequence[str], path: KeyPath, whose: str) -> None:
        """A rule may not demand what a provider on it cannot report: it would refuse everybody, or check nothing."""
        for name in providers:
            account, what = self._accounts[name], demand.what
            label = account.kind.labels.get(what) if account.kind is not None else None
            if account.reports is not None and what not in account.reports:
                message = f"provider {name}{whose} reports no {what.value} (remove the key, or choose other providers)"
                self._problems.append(Problem(path, message))
            elif label is not None and demand.label is not None and not re.fullmatch(label.grammar, demand.label):
                self._problems.append(Problem(path, f"no token of provider {name} can say this: {label.says}"))

    def _check_openable(self, providers: Sequence[str], path: KeyPath) -> None:
        """A rule may not open on an outage that nobody can prove: clients would make it up."""
        for name, provider in self._configured(providers):
            if provider.unprovable is not None:
                self._problems.append(Problem(path, f"cannot be allow with provider {name}: {provider.unprovable}"))

    def _wanted(self, providers: Sequence[str], renamed: Mapping[str, str], path: KeyPath) -> tuple[Wanted, ...]:
        kinds = [kind for name in providers if (kind := self._accounts[name].kind) is not None]
        declared = {field.name for kind in kinds for field in kind.client_fields}
        for name in renamed if kinds else ():
            if name not in declared:
                self._problems.append(Problem((*path, "fields", name), no_such_field(sorted(declared))))
        single = sum(len(kind.client_fields) == 1 for kind in kinds) == 1
        return tuple(
            Wanted.by(
                name,
                provider.client_fields,
                {**provider.fields, **renamed},
                sole_single=single,
                other_names=provider.other_names,
            )
            for name, provider in self._configured(providers)
        )

    def _configured(self, names: Sequence[str]) -> Iterator[tuple[str, Provider]]:
        for name in names:
            provider = self._accounts[name].provider
            if provider is not None:
                yield name, provider


class _Demand(NamedTuple):
    """What a rule asks of a verdict beyond yes."""

    key: str
    what: Reports
    label: str | None = None  #: what the page must have said, where it says it


def _demands(rule: RuleModel) -> Iterator[_Demand]:
    if rule.score is not None:
        yield _Demand("score", Reports.SCORE)
    if rule.bind.action is not None:
        yield _Demand("bind.action", Reports.ACTION, rule.bind.action)
    if rule.bind.hostnames is not None:
        yield _Demand("bind.hostnames", Reports.HOSTNAME)
    if rule.bind.cdata is not None:
        yield _Demand("bind.cdata", Reports.CDATA, rule.bind.cdata)
    if rule.max_age is not None:
        yield _Demand("max_age", Reports.TIME)
