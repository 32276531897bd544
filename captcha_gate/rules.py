"""A compiled policy: its rules, and which of them decides a request. Immutable; asks nobody, verifies nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from captcha_gate.conditions import Matcher, Methods, Path, PathRegex
from captcha_gate.errors import UnreadableRequest
from captcha_gate.outcome import Mode, Reason
from captcha_gate.paths import has_room, is_ordinary, trimmed
from captcha_gate.patterns import PathIndex, PathPattern
from captcha_gate.request import Proxies, Reading, RequestView
from captcha_gate.tokens.fields import TokenSettings, Wanted

if TYPE_CHECKING:
    from pydantic import SecretStr

    from captcha_gate.providers.base import Provider
    from captcha_gate.scalars import Rate

__all__ = [
    "Action",
    "Bind",
    "Clearance",
    "Forgive",
    "OnFail",
    "OnUnavailable",
    "Pages",
    "Policy",
    "Rule",
    "ScoreDemand",
    "Settled",
    "Strength",
]


class Action(StrEnum):
    """What a rule does with a request."""

    VERIFY = "verify"
    ALLOW = "allow"
    DENY = "deny"


class OnFail(StrEnum):
    """What becomes of a token that does not count."""

    REJECT = "reject"
    ANNOTATE = "annotate"  #: forward, and let the application read the decision


class Strength(IntEnum):
    """How much a rule keeps out. Where readings of one request differ, the strongest rule decides."""

    NOTHING = 0  # no rule, or a disabled one
    ALLOW = 1
    MONITOR = 2
    ANNOTATE = 3
    VERIFY = 4
    DENY = 5


@dataclass(frozen=True, slots=True)
class OnUnavailable:
    """What becomes of a request whose provider cannot answer.

    Attributes:
        allow: let it through, once a probe has shown that the provider answers nobody.
        rate: at most so many, for the whole rule; `None` for no bound.
    """

    allow: bool = False
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class ScoreDemand:
    """What a rule asks of the score: 0 is a bot, 1 is a human.

    Attributes:
        minimum: the lowest score that passes.
        missing: what becomes of a verdict without one.
        below: what becomes of a lower one.
    """

    minimum: float
    missing: OnFail = OnFail.REJECT
    below: OnFail = OnFail.REJECT


@dataclass(frozen=True, slots=True)
class Bind:
    """What a token must have been made for. Empty values demand nothing."""

    action: str | None = None
    hostnames: tuple[str, ...] = ()
    cdata: str | None = None


@dataclass(frozen=True, slots=True)
class Clearance:
    """For how long a pass stands for further requests of the same browser.

    Attributes:
        realm: all rules of the realm take it, as far as they would have accepted the pass itself.
        ttl: seconds.
        uses: requests that it is good for; `None` for any number.
        bind_network: only from the network (a /24 or a /64) in which it was given.
    """

    realm: str
    ttl: float
    uses: int | None = None
    bind_network: bool = False


@dataclass(frozen=True, slots=True)
class Forgive:
    """Which answers of the application to a request that passed spare its client the next CAPTCHA, once.

    Attributes:
        statuses: such as 401, for a mistyped password.
        ttl: seconds within which the next try must come.
    """

    statuses: frozenset[int]
    ttl: float


@dataclass(frozen=True, slots=True)
class Pages:
    """What the operator adds to the gate's pages.

    Attributes:
        contact: a link for whoever cannot solve a CAPTCHA.
        directory: where own templates are, from the policy's folder.
        templates: the texts of own templates, by the names of those that they replace.
    """

    contact: str | None = None
    directory: str | None = None
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a policy.

    Attributes:
        name: `None` only for the policy's default action.
        where: `file:line:column` of it in the policy.
        wanted: the token fields of each provider, in the rule's order.
        max_age: seconds since the challenge was solved.
        failed_limit: failures of one client's network after which its tokens are refused unasked.
        fallthrough: the operator knows that clients can leave this rule.
        clearance: a pass stands for further requests.
        forgive: a pass whose request the application refuses stands for the next try.
        challenges: browsers without a token get a page on which to solve one.
    """

    name: str | None
    where: str = ""
    matcher: Matcher = field(default_factory=lambda: Matcher(()))
    action: Action = Action.VERIFY
    mode: Mode = Mode.ENFORCE
    providers: tuple[str, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    token: TokenSettings = field(default_factory=TokenSettings)
    score: ScoreDemand | None = None
    bind: Bind = field(default_factory=Bind)
    max_age: float | None = None
    on_fail: OnFail = OnFail.REJECT
    on_unavailable: OnUnavailable = field(default_factory=OnUnavailable)
    failed_limit: Rate | None = None
    fallthrough: bool = False
    clearance: Clearance | None = None
    forgive: Forgive | None = None
    challenges: bool = False

    @property
    def strength(self) -> Strength:
        """How much this rule keeps out."""
        if self.mode is Mode.DISABLED:
            return Strength.NOTHING
        if self.action is Action.ALLOW:
            return Strength.ALLOW
        if self.mode is Mode.MONITOR:
            return Strength.MONITOR
        if self.action is Action.DENY:
            return Strength.DENY
        return Strength.ANNOTATE if self.on_fail is OnFail.ANNOTATE else Strength.VERIFY

    @property
    def patterns(self) -> tuple[PathPattern, ...]:
        """The path patterns; none where it matches by other means."""
        path = self.matcher.condition("path")
        return path.patterns if isinstance(path, Path) else ()

    @property
    def writes_out_options(self) -> bool:
        """Whether the policy names the method OPTIONS itself, so that even a CORS preflight is meant."""
        methods = self.matcher.condition("methods")
        return isinstance(methods, Methods) and "OPTIONS" in methods.written


class Settled(NamedTuple):
    """That nothing but method and path decides a request."""

    rule: Rule | None  #: the one that decides; `None` where none concerns it


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The compiled content of a policy file. Made by `load_policy`, never by hand.

    Attributes:
        mode: of every rule that has none of its own.
        rules: in the order of the file.
        default: what decides where no rule matches; `None` where that is allowed.
        providers: by their names.
        store: the URL of the shared state.
        proxies: whose word on the client's address is taken.
        prefix: where the built-in endpoints stand.
        keys: sign the cookies, the last one; those before it, which it replaced, are still believed.
        origins: scripts of these sites may read the gate's own replies.
        pages: what the operator adds to the gate's pages.
        warnings: what the loading found odd but not wrong.
    """

    mode: Mode = Mode.ENFORCE
    rules: tuple[Rule, ...] = ()
    default: Rule | None = None
    providers: Mapping[str, Provider] = field(default_factory=dict)
    store: str = field(default="memory://", repr=False)  # it may hold a password
    proxies: Proxies = field(default_factory=Proxies)
    prefix: str = "/captcha-gate"
    keys: tuple[SecretStr, ...] = ()
    origins: frozenset[str] = frozenset()
    pages: Pages = field(default_factory=Pages)
    warnings: tuple[str, ...] = ()

    def match(self, view: RequestView) -> Rule | None:
        """The rule that decides a request; `None` where none does and the policy allows that.

        Every reading of the request picks its own first rule, and the strongest of those decides.

        Raises:
            UnreadableRequest: the request cannot be read, or two readings ask for two different verifications.
        """
        settled = self.settled(view.method, view.path) if view.is_plain else None
        if settled is not None:
            return settled.rule
        picked = [self.first_rule(view, reading) for reading in view.readings]
        return _strongest(picked) if len(picked) > 1 else picked[0]

    def first_rule(self, view: RequestView, reading: Reading) -> Rule | None:
        """The first rule that matches one reading; the default where none does."""
        for number in self.index.candidates(reading.path):
            rule = self.rules[number]
            if rule.matcher.holds(view, reading):
                return rule
        return self.default

    def ignores(self, path: str) -> bool:
        """Whether no rule can concern a path below the mount point, whatever else the request holds.

        Said of ordinary paths only; the others take the long way. This is all that most requests cost.
        """
        return self._indexed_alone(path) and not self.index.concerns(path)

    def settled(self, method: str, path: str) -> Settled | None:
        """What decides every request with a method and a path, whatever else it holds; `None` where that matters.

        Said of ordinary paths only, which can be taken in one way.

        Args:
            method: the only one that the request may ask for, in upper case.
            path: below the mount point.
        """
        known = self._settled.get((method, path))
        if known is None and (known := self._found_settled(method, path)) is not None and has_room(self._settled, path):
            self._settled[method, path] = known
        return known

    def _found_settled(self, method: str, path: str) -> Settled | None:
        if not is_ordinary(path):
            return None
        reading = Reading(trimmed(path), method)
        for number in self.index.candidates(reading.path):
            rule = self.rules[number]
            if rule.matcher.may_hold(reading):
                return None if rule.matcher.looks_further else Settled(rule)
        return Settled(self.default)

    @cached_property
    def _settled(self) -> dict[tuple[str, str], Settled]:
        """By methods and paths that came before."""
        return {}

    def _indexed_alone(self, path: str) -> bool:
        """Whether a path can be taken in one way only, and no other rules can concern it than the index knows of."""
        others = self.unindexed
        if others is None or not is_ordinary(path):
            return False
        return not others or not any(other.takes(path) for other in others)

    def forgetful(self, *, shared_store: bool) -> str | None:
        """What several processes would get wrong; `None` where nothing is.

        Args:
            shared_store: whether what is used is known to all processes.
        """
        lonely = [name for name, provider in self.providers.items() if provider.needs_shared_store]
        if shared_store or not lonely:
            return None
        return (
            f"providers {', '.join(lonely)}: a used token is known only to the process that saw it, "
            "for the store is this process's memory"
        )

    @cached_property
    def strictest_mode(self) -> Mode:
        """The mode for a request that cannot be read: the strictest of all rules, for any may be meant."""
        strongest = max((_strength(rule) for rule in (*self.rules, self.default)), default=Strength.NOTHING)
        if strongest >= Strength.ANNOTATE:
            return Mode.ENFORCE
        return Mode.DISABLED if self.mode is Mode.DISABLED else Mode.MONITOR

    @cached_property
    def named(self) -> Mapping[str | None, Rule]:
        """The rules by their names."""
        return {rule.name: rule for rule in self.rules}

    @cached_property
    def index(self) -> PathIndex:
        """Which rules a path can concern. Made when it is first used; adapters use it when they are made."""
        patterns = [(number, pattern) for number, rule in enumerate(self.rules) for pattern in rule.patterns]
        return PathIndex(patterns, [number for number, rule in enumerate(self.rules) if not rule.patterns])

    @cached_property
    def unindexed(self) -> tuple[PathRegex, ...] | None:
        """What is tried on paths that no pattern fits; `None` where a rule, or the default, may concern any path."""
        others = [rule.matcher.condition("path_regex") for rule in self.rules if not rule.patterns]
        found = tuple(condition for condition in others if isinstance(condition, PathRegex))
        return found if self.default is None and len(found) == len(others) else None


def _strength(rule: Rule | None) -> Strength:
    return Strength.NOTHING if rule is None else rule.strength


def _strongest(picked: Sequence[Rule | None]) -> Rule | None:
    """The strongest rule of those that the readings picked.

    Raises:
        UnreadableRequest: two different verifications are equally strong, and nobody can tell which was meant.
    """
    top = max(map(_strength, picked))
    strongest = list({id(rule): rule for rule in picked if _strength(rule) == top}.values())
    if len(strongest) > 1 and Strength.MONITOR <= top < Strength.DENY:
        mode = Mode.MONITOR if top is Strength.MONITOR else Mode.ENFORCE
        raise UnreadableRequest(Reason.AMBIGUOUS_PATH, "its readings ask for different verifications", mode=mode)
    return next((rule for rule in strongest if rule is not None), None)
