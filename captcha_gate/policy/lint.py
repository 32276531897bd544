"""What can be proven of rules together: which can never be reached, and which a client can leave. Compiles nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from captcha_gate.conditions import ClientIp, Condition, Matcher, Methods, Not, Path, Values
from captcha_gate.outcome import Mode
from captcha_gate.patterns import MANY, ONE
from captcha_gate.policy.document import Problem
from captcha_gate.providers.base import Provider, Reports
from captcha_gate.request import Network
from captcha_gate.rules import Action, Policy, Rule, Strength
from captcha_gate.tokens.fields import Source

__all__ = ["escapes", "warnings"]

#: A segment that no pattern has literally.
_NOWHERE: Final = "\0"
#: What a token can be bound to.
_BINDING: Final = frozenset({Reports.ACTION, Reports.HOSTNAME})
#: Headers whose values are no secrets, however long.
_WELL_KNOWN: Final = frozenset({"accept", "accept-language", "origin", "referer", "user-agent"})
#: Characters of a written value that nobody guesses.
_SECRET: Final = 16


def warnings(policy: Policy) -> Iterator[str]:
    """What is odd about a policy that loads, one sentence each, the place first."""
    yield from _unreachable(policy)
    yield from _overlapping_fields(policy)
    yield from _misled_tokens(policy)
    yield from _unjudged_scores(policy)
    yield from _unbound_tokens(policy)
    yield from _open_doors(policy)
    yield from _odd_settings(policy.providers)
    yield from _twins(policy.providers)


def escapes(policy: Policy) -> Iterator[Problem]:
    """The rules that a client can leave by leaving a condition out, towards a weaker rule or none."""
    for number, rule in enumerate(policy.rules):
        if rule.action is not Action.VERIFY or rule.fallthrough or rule.strength is Strength.NOTHING:
            continue
        chosen = [condition for condition in rule.matcher.conditions if condition.client_chosen]
        if chosen and not _is_caught(policy, number):
            keys = " or ".join(dict.fromkeys(key for condition in chosen for key in _chosen_keys(condition)))
            message = (
                f"a client that changes its {keys} leaves this rule, for a weaker one or for none "
                "(put a rule below that verifies the same paths without the condition, or write fallthrough: true)"
            )
            yield Problem(("rules", number, "match"), message)


def _chosen_keys(condition: Condition) -> Iterator[str]:
    if not isinstance(condition, Not):
        yield condition.key
        return
    for inner in condition.matcher.conditions:
        if inner.client_chosen:
            yield from _chosen_keys(inner)


def _is_caught(policy: Policy, number: int) -> bool:
    """Whether whoever leaves a rule provably meets another one that is as strong."""
    left = policy.rules[number]
    remaining = Matcher(tuple(c for c in left.matcher.conditions if not c.client_chosen))
    for rule in _below(policy, number):
        if _disjoint(rule.matcher, remaining):
            continue
        if rule.strength < left.strength:
            return False
        if _covers(rule.matcher, remaining):
            return True
    return False


def _unreachable(policy: Policy) -> Iterator[str]:
    for number, rule in enumerate(policy.rules):
        for earlier in (policy.rules[n] for n in _candidates(policy, rule) if n < number):
            if _covers(earlier.matcher, rule.matcher):
                yield f"{_at(rule)}: {_shadowed(earlier, rule)}"
                break


def _shadowed(earlier: Rule, rule: Rule) -> str:
    if earlier.strength <= Strength.MONITOR < rule.strength:
        return f"never reached, and {earlier.name}, which is above it and matches all that it does, refuses nobody"
    return f"never reached: {earlier.name}, which is above it, matches all that it does (move it up, or remove it)"


def _overlapping_fields(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        taken: dict[str, str] = {}
        for wanted in rule.wanted:
            for name in dict.fromkeys(name for names in wanted.names_in(Source.FORM) for name in names.values()):
                if taken.setdefault(name, wanted.provider) != wanted.provider:
                    yield (
                        f"{_at(rule)}: providers {taken[name]} and {wanted.provider} both read "
                        f"the field {name} (rename one with token.fields)"
                    )


def _misled_tokens(policy: Policy) -> Iterator[str]:
    """Widgets that write another provider's field, too, where that provider is asked first: of a token not its own."""
    for rule in policy.rules:
        readers: dict[str, str] = {}
        for wanted in rule.wanted:
            also = policy.providers[wanted.provider].also_fills
            if also is not None and also.field in readers:
                first, other = readers[also.field], wanted.provider
                yield (
                    f"{_at(rule)}: the widget of provider {other} may also write the field {also.field}, which "
                    f"provider {first} reads first (name {other} first, or load its script {also.off})"
                )
            if len(wanted.names) == 1:
                readers |= dict.fromkeys(wanted.names.values(), wanted.provider)


def _unjudged_scores(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        for name in rule.providers:
            provider = policy.providers.get(name)
            if provider is not None and provider.only_scores and rule.score is None:
                yield (
                    f"{_at(rule)}: provider {name} passes bots, too, with a low score (write score: {{min: 0.5}}, "
                    "or choose another number)"
                )


def _unbound_tokens(policy: Policy) -> Iterator[str]:
    """Rules that do not ask what a token was made for, though all of their providers tell it."""
    for rule in policy.rules:
        providers = [policy.providers[name] for name in rule.providers if name in policy.providers]
        if rule.bind.action or rule.bind.hostnames or any(provider.for_tests for provider in providers):
            continue
        # What only some of them tell a rule cannot ask for: it would refuse everybody who comes by the others.
        told = _BINDING.intersection(*(provider.reported() for provider in providers)) if providers else frozenset()
        if told:
            yield (
                f"{_at(rule)}: {' and '.join(rule.providers)} would say for which {' and '.join(sorted(told))} a token "
                "was made, and the rule takes one made for any (write bind: {hostnames: [example.com]}, or an action)"
            )


def _open_doors(policy: Policy) -> Iterator[str]:
    """Exemptions that every client can claim, above rules or a default that would keep it out."""
    for number, rule in enumerate(policy.rules):
        if rule.action is not Action.ALLOW or rule.mode is Mode.DISABLED:
            continue
        conditions = rule.matcher.conditions
        chosen = [condition for condition in conditions if condition.client_chosen]
        if not chosen or any(isinstance(one, ClientIp) or _is_secret(one) for one in conditions):
            continue
        if any(
            rule.strength < other.strength and not _disjoint(rule.matcher, other.matcher)
            for other in _below(policy, number)
        ):
            keys = " and ".join(dict.fromkeys(key for condition in chosen for key in _chosen_keys(condition)))
            yield (
                f"{_at(rule)}: whoever sends a request that fits its {keys} is let off what stands below it "
                f"(add client_ip, or compare a header with a secret of {_SECRET} characters or more)"
            )


def _is_secret(condition: Condition) -> bool:
    """Whether only who was told a value can make a condition hold. What browsers and probes send is known to all."""
    if not isinstance(condition, Values):
        return False
    return any(
        name.lower() not in _WELL_KNOWN and all(len(value) >= _SECRET for value in values)
        for name, values in condition.wanted.items()
    )


def _below(policy: Policy, number: int) -> Iterator[Rule]:
    """The rules below one that may concern the same paths, and the default.

    Ten thousand rules are not all compared with each other.
    """
    rule = policy.rules[number]
    overlapping = map(policy.index.overlapping, rule.patterns)
    near = set().union(*overlapping) if rule.patterns else range(len(policy.rules))
    yield from (policy.rules[later] for later in sorted(near) if later > number)
    if policy.default is not None:
        yield policy.default


def _odd_settings(providers: Mapping[str, Provider]) -> Iterator[str]:
    for name, provider in providers.items():
        for key, why in provider.for_tests.items():
            yield f"providers.{name}.{key}: {why}: for tests, never in production"
        for key, oddity in provider.oddities():
            yield f"providers.{name}.{key}: {oddity}"


def _twins(providers: Mapping[str, Provider]) -> Iterator[str]:
    """Accounts that only their secrets tell apart, and a secret may tell nothing: they count as one."""
    seen: dict[str, str] = {}
    for name, provider in providers.items():
        first = seen.setdefault(provider.account_id, name)
        if provider.site_key is None and provider.secrets != providers[first].secrets:
            yield f"providers.{name}: cannot be told apart from provider {first} (give each a site_key of its own)"


# What one match says of another. All of these may say no where the truth is yes, never the other way round.


def _covers(wide: Matcher, narrow: Matcher) -> bool:
    """Whether everything that `narrow` matches is matched by `wide` too."""
    return all(_implied(condition, narrow.condition(condition.key)) for condition in wide.conditions)


def _implied(wide: Condition, narrow: Condition | None) -> bool:
    if isinstance(wide, Path) and any(pattern.segments == (MANY,) for pattern in wide.patterns):
        return True
    if isinstance(wide, Path) and isinstance(narrow, Path):
        return all(any(one.covers(other) for one in wide.patterns) for other in narrow.patterns)
    if isinstance(wide, Methods) and isinstance(narrow, Methods):
        return wide.covers(narrow)
    if isinstance(wide, ClientIp) and isinstance(narrow, ClientIp):
        return all(any(_contains(one, other) for one in wide.networks) for other in narrow.networks)
    return wide == narrow


def _contains(wide: Network, narrow: Network) -> bool:
    if isinstance(wide, IPv4Network) and isinstance(narrow, IPv4Network):
        return narrow.subnet_of(wide)
    return isinstance(wide, IPv6Network) and isinstance(narrow, IPv6Network) and narrow.subnet_of(wide)


def _disjoint(one: Matcher, other: Matcher) -> bool:
    """Whether no request is matched by both."""
    paths, others = one.condition("path"), other.condition("path")
    if (
        isinstance(paths, Path)
        and isinstance(others, Path)
        and not any(a.overlaps(b) for a in paths.patterns for b in others.patterns)
    ):
        return True
    methods, rest = one.condition("methods"), other.condition("methods")
    return isinstance(methods, Methods) and isinstance(rest, Methods) and methods.disjoint(rest)


def _candidates(policy: Policy, rule: Rule) -> list[int]:
    """The rules that match at least some path of this one, and so may cover it."""
    if not rule.patterns:
        return policy.index.candidates(_NOWHERE)
    sample = [_NOWHERE if segment in (ONE, MANY) else segment for segment in rule.patterns[0].segments]
    return policy.index.candidates("/" + "/".join(sample))


def _at(rule: Rule) -> str:
    """Where a rule stands, as a problem begins; a rule of a mapping has no line."""
    return ": ".join([*([rule.where] if rule.where else []), f"rules.{rule.name}"])
