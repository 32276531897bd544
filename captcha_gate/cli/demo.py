"""`captcha-gate demo`: serves the demo's page and prints a line per decision. Listens on loopback unless told."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from captcha_gate.demo.sites import SITES
from captcha_gate.report import LOGGER

if TYPE_CHECKING:
    from captcha_gate.decision import Decision

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("demo", help="try the gate in a browser: a login page with a CAPTCHA, offline")
    parser.add_argument(
        "--provider",
        default=next(iter(SITES)),
        choices=SITES,
        help="the embedded proof of work, or a vendor, played by a stand-in (%(choices)s; default: %(default)s)",
        metavar="TYPE",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=_port, help="0 for any that is free (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C.

    Returns:
        0 when it was ended; 1 where it cannot begin: an extra is missing, or the port is taken.

    Raises:
        PolicyError: `WEB_CONCURRENCY` asks for several processes.
    """
    try:
        import uvicorn  # noqa: PLC0415 - an extra: the other commands do without

        from captcha_gate.demo.app import open_demo  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        return _cannot("the demo needs two more packages: pip install 'captcha_gate[demo]'")
    try:
        listener = _listen(arguments.host, arguments.port)
    except OSError as error:
        # The system's own words: `create_server` adds the address to them, which is said already.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        return _cannot(f"cannot listen on {arguments.host} port {arguments.port}: {why}")
    # The demo says itself what was decided, and it is one process for sure.
    LOGGER.addHandler(logging.NullHandler())
    site = SITES[arguments.provider]
    with listener, open_demo(site, _print_decision) as app:
        played = f", {site.title} played by a stand-in" if site.vendor else ""
        print(f"captcha_gate demo on {_url(listener)}{played}  (Ctrl-C ends it)", flush=True)
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            print()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}/"


def _print_decision(decision: Decision) -> None:
    """One line: when, what, why, by which rule and provider, and what it measured."""
    what = f"{decision.outcome.value:<8} {decision.reason.value:<16}"
    who = f"rule={decision.rule or '-'} provider={decision.provider or '-'}"
    found = f"verified={'yes' if decision.verified else 'no'} score={'-' if decision.score is None else decision.score}"
    deed = "forwarded" if decision.forwarded else "refused"
    now = time.strftime("%H:%M:%S")
    print(f"{now}  {deed:<9}  {what} {who} {found}", flush=True)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def _cannot(problem: str) -> int:
    print(f"captcha-gate demo: {problem}", file=sys.stderr)
    return 1
