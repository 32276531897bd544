"""`captcha-gate verify`: asks a provider about a token, as the gate would: the way to test keys and network."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from ipaddress import ip_address
from typing import Any

from captcha_gate.decision import Verdict
from captcha_gate.drive import run as drive
from captcha_gate.echo import without_token
from captcha_gate.effects import Effect, Fetch, StoreOp
from captcha_gate.egress.fetch import SyncFetcher
from captcha_gate.outcome import Outcome
from captcha_gate.policy.load import load_policy
from captcha_gate.providers.base import Provider
from captcha_gate.providers.context import Context
from captcha_gate.stores.memory import MemoryStore
from captcha_gate.vendors import Vendors

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("verify", help="ask a provider about a token, to test keys and network")
    parser.add_argument("policy", metavar="POLICY", help="a policy file")
    parser.add_argument("provider", metavar="PROVIDER", help="the name of a provider in it")
    parser.add_argument(
        "fields", metavar="FIELD=VALUE", nargs="*", help="the token's fields; without any, a made-up token is sent"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict. 0: passed, or a made-up token was refused as it should be."""
    providers = load_policy(arguments.policy).providers
    provider = providers.get(arguments.provider)
    if provider is None:
        there_are = f"(there are: {', '.join(providers)})"
        print(f"{arguments.policy} has no provider named {arguments.provider} {there_are}", file=sys.stderr)
        return 2
    context = Context(now=time.time(), token_hex=secrets.token_hex, client_ip=ip_address("127.0.0.1"))
    fields = dict(item.split("=", 1) for item in arguments.fields if "=" in item)
    problem = _problem_of(provider, arguments.fields, fields)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    sent = fields or dict(provider.probe_fields(context))
    verdict, answered = _ask(provider, sent, context)
    _show(verdict)
    if not (fields or answered or provider.is_local(sent)):
        print("nothing was learned: no server of the vendor answered (give a real token, or look at the network)")
        return 1
    if not fields and verdict.outcome is Outcome.FAILED:
        asked = (
            "nobody had to be asked"
            if provider.is_local(sent)
            else "the vendor answers, and did not complain about the keys"
        )
        print(f"a made-up token was refused, as it should be: {asked}")
        return 0
    return 0 if verdict.outcome is Outcome.PASSED else 1


def _problem_of(provider: Provider, given: list[str], fields: dict[str, str]) -> str | None:
    declared = {field.name for field in provider.client_fields}
    if len(fields) < len(given) or (fields and set(fields) != declared):
        return (
            f"give all of these once, each as name=value: {', '.join(field.name for field in provider.client_fields)}"
        )
    wrong = [field.name for field in provider.client_fields if fields and not field.accepts(fields[field.name])]
    if wrong:
        return f"{wrong[0]} holds characters or a length that this provider never issues"
    return None if not fields or provider.accepts(fields) else "this provider never issues such fields together"


def _ask(provider: Provider, fields: dict[str, str], context: Context) -> tuple[Verdict, bool]:
    """The verdict, and whether anybody answered."""
    fetcher, store, replies = SyncFetcher(), MemoryStore(), []

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, Fetch):
            replies.append(fetcher.perform(effect))
            return replies[-1]
        if isinstance(effect, StoreOp):
            return store.perform(effect)
        raise TypeError(f"nobody performs {type(effect).__name__}")

    try:
        verdict = drive(Vendors(time.monotonic).ask(provider, fields, context), perform)
    finally:
        fetcher.close()
    return without_token(verdict, (*fields.values(), *provider.secrets)), bool(replies)


def _show(verdict: Verdict) -> None:
    print(f"outcome: {verdict.outcome.value}")
    print(f"reason: {verdict.reason.value}")
    told = {
        "provider says": verdict.provider_reason,
        "score": verdict.score,
        "action": verdict.action,
        "hostname": verdict.hostname,
        "solved at": verdict.issued_at,
        "detail": dict(verdict.detail),
    }
    for name, value in told.items():
        if value not in (None, "", {}):
            print(f"{name}: {value}")
