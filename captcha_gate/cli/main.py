"""`captcha-gate`: finds the sub-command and turns problems into lines and exit codes. Does no work of its own.

Exit codes: 0 fine (warnings included), 1 problems found, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from captcha_gate.cli import check, demo, explain, schema, verify
from captcha_gate.errors import PolicyError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process unless given.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="captcha-gate", description="Ask for a solved CAPTCHA where a policy says so."
    )
    parser.add_argument("--version", action="version", version=f"captcha-gate {version('captcha_gate')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (demo, check, explain, schema, verify):
        command.add_parser(commands)
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except PolicyError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; there is nobody to tell
        return 1
