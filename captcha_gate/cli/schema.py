"""`captcha-gate schema`: prints the policy format as a JSON Schema, for editors."""

from __future__ import annotations

import argparse
import json
from typing import Any

from captcha_gate.policy.schema import json_schema

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("schema", help="print the policy format as a JSON Schema, for editors")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2))
    return 0
