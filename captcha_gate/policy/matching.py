"""Compiles a `match` into conditions. Knows networks by name; knows no rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from captcha_gate.conditions import (
    ClientIp,
    Condition,
    ContentType,
    Cookie,
    Header,
    Host,
    Matcher,
    Methods,
    Not,
    Path,
    PathRegex,
    Query,
)
from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.messages import meant
from captcha_gate.policy.models import MatchModel
from captcha_gate.request import Network
from captcha_gate.rules import Action
from captcha_gate.scalars import network_of

__all__ = ["MatchCompiler"]


class MatchCompiler:
    """Compiles every `match` of one policy.

    Args:
        networks: the policy's own, by name; `None` where they could not be read, so that any name may be one.
        problems: where to add what is wrong.
    """

    def __init__(self, networks: Mapping[str, Sequence[str]] | None, problems: list[Problem]) -> None:
        self._networks = networks
        self._problems = problems

    def matcher(self, model: MatchModel, path: KeyPath, action: Action | None, *, visits: bool = False) -> Matcher:
        """The conditions of a match.

        Args:
            model: what the policy says.
            path: where.
            action: adds its default methods; the inside of a `not` has none.
            visits: adds the methods by which a browser goes to a page.
        """
        conditions = list(self._conditions(model, path))
        methods = _methods(model.methods, action)
        if methods is not None and visits:
            methods = methods.with_visits()
        if methods is not None:
            conditions.insert(1 if model.path or model.path_regex else 0, methods)
        return Matcher(tuple(conditions))

    def networks(self, texts: Sequence[str], path: KeyPath) -> tuple[Network, ...]:
        """The networks that addresses, CIDRs and names stand for."""
        found: list[Network] = []
        for number, text in enumerate(texts):
            for cidr in (self._networks or {}).get(text, [text]):
                network = network_of(cidr)
                if network is not None:
                    found.append(network)
                elif self._networks is not None:
                    guess = meant(text, self._networks) or " (write 192.0.2.0/24)"
                    message = f"neither an address, nor a network, nor a name under networks{guess}"
                    self._problems.append(Problem((*path, number), message))
        return tuple(found)

    def _conditions(self, model: MatchModel, path: KeyPath) -> Iterator[Condition]:
        """The cheap conditions first: the first that does not hold ends the matter."""
        if model.path is not None:
            yield Path(tuple(model.path))
        if model.path_regex is not None:
            yield PathRegex(tuple(model.path_regex))
        if model.client_ip is not None:
            yield ClientIp(self.networks(model.client_ip, (*path, "client_ip")), tuple(model.client_ip))
        if model.host is not None:
            yield Host(tuple(model.host))
        if model.content_type is not None:
            yield ContentType(tuple(model.content_type))
        if model.header is not None:
            yield Header(_tuples(model.header))
        if model.cookie is not None:
            yield Cookie(_tuples(model.cookie))
        if model.query is not None:
            yield Query(_tuples(model.query))
        if model.not_ is not None:
            yield Not(self.matcher(model.not_, (*path, "not"), None))


def _tuples(values: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(wanted) for name, wanted in values.items()}


def _methods(names: Sequence[str] | None, action: Action | None) -> Methods | None:
    written = tuple(name.upper() for name in names or ())
    if (names is None and action is Action.VERIFY) or written == ("UNSAFE",):
        return Methods(frozenset(), True, ("unsafe",))
    if names is None or "ANY" in written:
        return None
    # HEAD follows GET: frameworks run the same code for it.
    return Methods(frozenset(written) | ({"HEAD"} if "GET" in written else set()), False, written)
