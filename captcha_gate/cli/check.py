"""`captcha-gate check`: loads a policy and says what is wrong or odd about it. Asks no vendor."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from captcha_gate.policy.load import load_policy

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("check", help="say what is wrong or odd about a policy")
    parser.add_argument("policy", metavar="POLICY", help="a policy file")
    parser.add_argument(
        "--allow-unset",
        action="store_true",
        help="take variables and secret files that do not exist here as if they had a fitting value",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Problems go to stderr by way of `PolicyError`; warnings and the summary to stdout."""
    policy = load_policy(arguments.policy, allow_unset=arguments.allow_unset)
    for warning in policy.warnings:
        print(f"warning: {warning}")
    forgetful = policy.forgetful(shared_store=policy.store != "memory://")
    if forgetful is not None:
        print(f"warning: {forgetful} (run one process only, or write store: redis://host:6379/0)")
    counts = f"{_some(len(policy.rules), 'rule')}, {_some(len(policy.providers), 'provider')}"
    print(f"{arguments.policy}: {counts}, mode {policy.mode.value}: it loads", file=sys.stdout)
    return 0


def _some(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
