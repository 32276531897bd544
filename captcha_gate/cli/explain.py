"""`captcha-gate explain`: which rule decides a request and why, where tokens are read, what each failure would do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from captcha_gate.endpoints.table import Endpoints
from captcha_gate.errors import UnreadableRequest
from captcha_gate.gate import Gate
from captcha_gate.outcome import Mode, Outcome, Reason, status_of
from captcha_gate.policy.load import load_policy
from captcha_gate.replies.refusal import Refusals
from captcha_gate.report import Reporter
from captcha_gate.request import Reading, RequestView
from captcha_gate.rules import Action, OnFail, Policy, Rule
from captcha_gate.tokens.fields import Source

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("explain", help="say which rule decides a request, and why")
    parser.add_argument("policy", metavar="POLICY", help="a policy file")
    parser.add_argument("method", metavar="METHOD", help="GET, POST, …, or WEBSOCKET")
    parser.add_argument("url", metavar="URL", help="a path below the mount point, or a whole URL")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="may be repeated")
    parser.add_argument("--ip", default="127.0.0.1", metavar="ADDRESS", help="the other end of the socket")
    parser.add_argument("--allow-unset", action="store_true", help="as for check")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    policy = load_policy(arguments.policy, allow_unset=arguments.allow_unset)
    headers = _Headers(arguments.header)
    if headers.malformed:
        print(f"a header is written as 'Name: value', not {headers.malformed[0]!r}", file=sys.stderr)
        return 2
    view = _view(arguments, policy, headers)
    print(f"{view.method} {arguments.url}  client {view.client_ip or 'unknown'}")
    endpoint = Endpoints(Gate(policy), Refusals(policy, str), Reporter()).find(view)
    if endpoint is not None:
        print(f"answered by the gate itself, before any rule: {endpoint.says}")
        return 0
    try:
        readings = view.readings
        decides = policy.match(view)
    except UnreadableRequest as error:
        mode = error.mode or policy.strictest_mode
        does = (
            "forwarded" if mode is not Mode.ENFORCE else f"refused with {status_of(Outcome.UNREADABLE, error.reason)}"
        )
        print(f"{error.reason.value}: {error}: {does}")
        return 0
    for reading in readings:
        print(f"\nread as {reading.method} {reading.path}")
        for line in _walk(policy, view, reading):
            print(f"  {line}")
    print()
    print("\n".join(_consequences(policy, decides, view)))
    return 0


class _Headers:
    def __init__(self, lines: list[str]) -> None:
        pairs = [line.partition(":") for line in lines]
        self.malformed = [line for line, (_, colon, _) in zip(lines, pairs, strict=True) if not colon]
        self._pairs = [(name.strip().lower(), value.strip()) for name, _, value in pairs]

    def get_all(self, name: str) -> list[str]:
        return [value for other, value in self._pairs if other == name]

    def get_like(self, name: str) -> list[str]:
        return [value for other, value in self._pairs if other.replace("_", "-") == name]

    def default(self, name: str, value: str) -> None:
        if not self.get_all(name):
            self._pairs.append((name, value))


def _view(arguments: argparse.Namespace, policy: Policy, headers: _Headers) -> RequestView:
    host, path, query = _split(arguments.url)
    if host:
        headers.default("host", host)
    return RequestView(
        kind="websocket" if arguments.method.upper() == "WEBSOCKET" else "http",
        method=arguments.method,
        path=unquote(path, errors="replace"),
        raw_path=path.encode("utf-8", "surrogateescape"),
        query_string=query,
        headers=headers,
        peer=arguments.ip,
        proxies=policy.proxies,
    )


def _split(url: str) -> tuple[str, str, str]:
    """Host, path and query. A path may begin with two slashes, so only what has a scheme has a host."""
    if url.startswith(("http://", "https://")):
        parts = urlsplit(url)
        return parts.netloc, parts.path or "/", parts.query
    path, _, query = url.partition("?")
    return "", path, query


def _walk(policy: Policy, view: RequestView, reading: Reading) -> Iterator[str]:
    """Each rule up to the first that matches: hit, or the condition that does not hold."""
    for rule in policy.rules:
        missed = next((c for c in rule.matcher.conditions if not c.holds(view, reading)), None)
        if missed is None:
            yield f"hit   {rule.name}  ({rule.where})  " + "; ".join(f"{c.key}: {c}" for c in rule.matcher.conditions)
            return
        yield f"miss  {rule.name}  {missed.key}: {missed}"
    yield f"no rule: default_action {'deny' if policy.default else 'allow'}"


def _consequences(policy: Policy, rule: Rule | None, view: RequestView) -> Iterator[str]:
    if rule is None:
        yield "forwarded: no rule concerns it"
        return
    yield f"decides: {rule.name or 'default_action'}: {rule.action.value}, mode {rule.mode.value}"
    if rule.mode is Mode.DISABLED:
        yield "forwarded: disabled"
        return
    if rule.action is not Action.VERIFY:
        yield "forwarded, the body unread" if rule.action is Action.ALLOW else "refused with 403"
        return
    if view.is_preflight and not rule.writes_out_options:
        yield "forwarded: a CORS preflight, to which nobody could add a token"
        return
    yield from _earlier_passes(rule)
    yield from _tokens(policy, rule)
    yield from _failures(rule)


def _earlier_passes(rule: Rule) -> Iterator[str]:
    terms = rule.clearance
    if terms is not None:
        uses = f", {terms.uses} times" if terms.uses is not None else ""
        network = ", in its network" if terms.bind_network else ""
        yield f"a clearance of realm {terms.realm}: forwarded for {terms.ttl:g} s{uses}{network}"
    if rule.forgive is not None:
        statuses = ", ".join(map(str, sorted(rule.forgive.statuses)))
        yield f"a pass that the application answered with {statuses}: forwarded once more within {rule.forgive.ttl:g} s"


def _tokens(policy: Policy, rule: Rule) -> Iterator[str]:
    for wanted in rule.wanted:
        yield f"token of {wanted.provider} ({policy.providers[wanted.provider].type}), looked for in:"
        for source in rule.token.sources:
            sets = [", ".join(names.values()) for names in wanted.names_in(source)]
            shown = sets[0].title() if source is Source.HEADER else "; or ".join(sets)
            yield f"  {source.value}: {shown}"


def _failures(rule: Rule) -> Iterator[str]:
    if rule.mode is Mode.MONITOR:
        yield "monitored: whatever follows is recorded, and the request forwarded"
    page = "; a browser gets a page with the CAPTCHA" if rule.challenges else ""
    yield f"no token: {_refused(Outcome.MISSING, Reason.MISSING_TOKEN)}{page}"
    failed = _refused(Outcome.FAILED, Reason.INVALID_TOKEN)
    yield f"a token that fails: {'forwarded, annotated' if rule.on_fail is OnFail.ANNOTATE else failed}"
    opened = rule.on_unavailable
    unavailable = _refused(Outcome.UNAVAILABLE, Reason.TIMEOUT)
    if opened.allow:
        bound = f", at most {opened.rate.limit} in {opened.rate.seconds:g} s" if opened.rate else ""
        unavailable = f"forwarded unverified once a probe has shown that the vendor answers nobody{bound}; else 503"
    yield f"a provider that cannot answer: {unavailable}"
    yield f"a mistake of ours (key, id, store): {_refused(Outcome.MISCONFIGURED, Reason.BAD_CREDENTIALS)}"


def _refused(outcome: Outcome, reason: Reason) -> str:
    return f"refused with {status_of(outcome, reason)}"
