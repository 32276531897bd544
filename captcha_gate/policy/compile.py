"""Compiles a document into a `Policy`, or says everything that is wrong with it at once. Reads no file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from captcha_gate.policy.accounts import read_accounts
from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.matching import MatchCompiler
from captcha_gate.policy.messages import translated
from captcha_gate.policy.models import PolicyModel
from captcha_gate.policy.rulebook import RuleCompiler
from captcha_gate.request import Proxies
from captcha_gate.rules import Action, Pages, Policy, Rule

__all__ = ["compile_policy"]


def compile_policy(data: Any, where: Mapping[int, str]) -> tuple[Policy | None, list[Problem]]:
    """Compile plain values.

    Args:
        data: the content of a policy file.
        where: the place of each rule, by its number, for the rules to remember.

    Returns:
        The policy and no problems, or no policy and all of them.
    """
    if not isinstance(data, dict):
        message = "expected a mapping with the keys version, providers and rules (write version: 1 first)"
        return None, [Problem((), message)]
    problems: list[Problem] = []
    top, unread = _read_top(data, problems)
    allow_test_keys = top.allow_test_keys or "allow_test_keys" in unread
    accounts = read_accounts(
        data.get("providers"), problems, allow_test_keys=allow_test_keys, prefix=top.endpoints.prefix
    )
    matching = MatchCompiler(None if "networks" in unread else top.networks, problems)
    rules = RuleCompiler(
        accounts=accounts,
        matching=matching,
        defaults=None if "defaults" in unread else top.defaults,
        mode=top.mode,
        signs=bool(top.secret_key) or "secret_key" in unread,
        where=where,
        problems=problems,
    ).compile(data.get("rules"))
    proxies = _proxies(top, matching)
    if problems:
        return None, problems
    policy = Policy(
        mode=top.mode,
        rules=tuple(rules),
        default=Rule(name=None, action=Action.DENY, mode=top.mode) if top.default_action == "deny" else None,
        providers=MappingProxyType({name: one.provider for name, one in accounts.items() if one.provider is not None}),
        store=top.store,
        proxies=proxies,
        prefix=top.endpoints.prefix,
        keys=tuple(top.secret_key),
        origins=frozenset(top.cors.origins if top.cors else ()),
        pages=Pages(contact=top.pages.contact, directory=top.pages.directory),
    )
    return policy, problems


def _read_top(data: dict[Any, Any], problems: list[Problem]) -> tuple[PolicyModel, set[Any]]:
    """The top of the policy and the keys of it that are wrong, in whose stead its defaults stand.

    With them, the rules can be checked all the same: whoever repairs a policy wants to do it once.
    """
    try:
        return PolicyModel.model_validate(data), set()
    except ValidationError as error:
        found = error.errors(include_url=False)
    problems += [translated(item, PolicyModel, ()) for item in found]
    wrong = {item["loc"][0] for item in found}
    kept = {key: value for key, value in data.items() if key not in wrong}
    return PolicyModel.model_validate({"version": 1, "rules": [], **kept}), wrong


def _proxies(top: PolicyModel, matching: MatchCompiler) -> Proxies:
    texts = top.client_ip.trusted_proxies
    path: KeyPath = ("client_ip", "trusted_proxies")
    networks = matching.networks([text for text in texts if text != "unix"], path)
    return Proxies(networks, "unix" in texts, top.client_ip.header)
