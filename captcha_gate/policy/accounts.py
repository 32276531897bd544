"""Compiles the `providers` of a policy, each by the class of its type. Knows no rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from captcha_gate.endpoints.base import OWN_NAMES, challenge_path
from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.messages import no_such_field, unknown_type, validated
from captcha_gate.providers.base import ChallengingProvider, Provider, Reports
from captcha_gate.providers.registry import known_types, provider_class

__all__ = ["Account", "read_accounts"]


class Account(NamedTuple):
    """A configured provider, as far as it could be read: its rules can be checked all the same."""

    kind: type[Provider] | None
    provider: Provider | None

    @property
    def reports(self) -> frozenset[Reports] | None:
        """What a verdict can carry; `None` where that is not known."""
        if self.provider is not None:
            return self.provider.reported()
        return self.kind.reports if self.kind is not None else None


def read_accounts(data: Any, problems: list[Problem], *, allow_test_keys: bool, prefix: str) -> dict[str, Account]:
    """Every provider by its name.

    Args:
        data: the providers of a policy.
        problems: where to add what is wrong.
        allow_test_keys: the policy is one for tests: providers that verify anything may stand in it.
        prefix: where the gate's own endpoints stand.
    """
    if not isinstance(data, dict):
        return {}
    accounts = {name: _read(settings, ("providers", name), problems) for name, settings in data.items()}
    problems += _same_paths(accounts, prefix)
    problems += () if allow_test_keys else _for_tests(accounts.items())
    return accounts


def _read(settings: Any, path: KeyPath, problems: list[Problem]) -> Account:
    if not isinstance(settings, dict):
        message = f"expected a mapping (write type: and one of {', '.join(known_types())})"
        problems.append(Problem(path, message))
        return Account(None, None)
    type_name = settings.get("type")
    kind = provider_class(type_name) if isinstance(type_name, str) else None
    if kind is None:
        problems.append(Problem((*path, "type"), unknown_type(type_name)))
        return Account(None, None)
    provider = validated(kind, settings, path, problems)
    declared = [field.name for field in kind.client_fields]
    renamed = provider.fields if provider else ()
    wrong = [name for name in renamed if name not in declared]
    problems += [Problem((*path, "fields", name), no_such_field(declared)) for name in wrong]
    return Account(kind, provider)


def _for_tests(accounts: Iterable[tuple[str, Account]]) -> Iterator[Problem]:
    for name, account in accounts:
        for key, why in account.provider.for_tests.items() if account.provider is not None else ():
            message = f"{why} (write allow_test_keys: true, in a policy for tests only)"
            yield Problem(("providers", name, key), message)


def _same_paths(accounts: Mapping[str, Account], prefix: str) -> Iterator[Problem]:
    issuing = {
        name: account.provider
        for name, account in accounts.items()
        if isinstance(account.provider, ChallengingProvider)
    }
    taken = {f"{prefix}/{path}": "" for path in OWN_NAMES} | {challenge_path(prefix, name): name for name in issuing}
    for name, provider in issuing.items():
        if provider.challenge_path and (first := taken.setdefault(provider.challenge_path, name)) != name:
            path = ("providers", name, "challenge_path")
            whose = f"is taken by provider {first}" if first else "is one of the gate's own"
            yield Problem(path, f"the path {whose} (choose another)")
