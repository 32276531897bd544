"""What a provider is: declared keys, declared fields, one flow. Providers do no I/O and hold no state.

A provider is a frozen pydantic model: its attributes are its keys in the policy, so that unknown keys, missing keys
and empty secrets are reported with all other problems, and the editor's schema knows them. Its `verify` is a
generator that yields each `httpx.Request` it needs and is sent the response.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from captcha_gate.decision import Verdict
from captcha_gate.effects import Effect
from captcha_gate.providers.asking import allows, origin_of
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.reading import is_json
from captcha_gate.scalars import BaseUrl, Count, Duration, Name, ScriptUrl, Text, UrlPath
from captcha_gate.tokens.fields import ClientField

__all__ = [
    "EXPERIMENTAL",
    "AlsoFills",
    "BreakerSettings",
    "ChallengeFlow",
    "ChallengingProvider",
    "Claimed",
    "Context",
    "Label",
    "Provider",
    "ProviderFlow",
    "RemoteProvider",
    "Reports",
    "VerifyFlow",
]

T = TypeVar("T")

#: Yields requests to the vendor, and is sent the responses; also effects, such as `Compute` and those of the store.
ProviderFlow: TypeAlias = Generator[httpx.Request | Effect[Any], Any, T]
VerifyFlow: TypeAlias = ProviderFlow[Verdict]
ChallengeFlow: TypeAlias = ProviderFlow[Mapping[str, Any]]


#: What stands in the docstring of a type that is: `experimental` and these words go together.
EXPERIMENTAL: Final = "Experimental: from the vendor's documents alone. Nothing written elsewhere was run against it."


class Reports(StrEnum):
    """What a provider can tell of a token beyond yes and no. A rule may demand nothing else."""

    SCORE = "score"
    ACTION = "action"
    HOSTNAME = "hostname"
    CDATA = "cdata"
    TIME = "time"


class Label(NamedTuple):
    """What a vendor allows in what a page tells it: no token could ever meet another demand."""

    grammar: str  #: a regular expression for the whole value
    says: str  #: the same in words


class AlsoFills(NamedTuple):
    """A field of another vendor that a widget writes, too, for pages that come from there."""

    field: str
    off: str  #: how to load the script so that it does not: with or without which parameter
    on: str | None = None  #: the one that turns it on; `None` where it is on by itself


class BreakerSettings(BaseModel):
    """When a server of the vendor is not asked for a while. See `captcha_gate.breaker`.

    Attributes:
        failures: outages, without an answer between them, after which the vendor is asked a question of our own.
        window: seconds within which they must fall.
        open_for: seconds for which it is not asked if it answers neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    failures: Count = 10
    window: Duration = 20.0
    open_for: Duration = 10.0


def _on_or_off(value: Any) -> Any:
    return None if value == "off" or value is False else value


#: `breaker: off`, which is `None` here, or its settings.
BreakerOrOff = Annotated[
    BreakerSettings | None,
    BeforeValidator(_on_or_off),
    WithJsonSchema({"anyOf": [{"const": "off"}, BreakerSettings.model_json_schema()]}),
]


class Provider(BaseModel, ABC):
    """A configured account of one CAPTCHA vendor, or a self-hosted challenge.

    Subclasses declare `type: Literal["…"]`, `client_fields`, what they report, and `verify`.

    Attributes:
        type: names the kind of the provider.
        timeout: seconds for the whole verification, a retry included.
        fields: new names for the client's fields, by the declared ones.
        breaker: `off`, or when a server that is down is not asked for a while.
        script: where the page loads the front-end script from; the vendor's own place unless the policy has another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Name
    timeout: Duration = 3.0
    fields: dict[Name, Text] = Field(default_factory=dict)
    script: ScriptUrl | None = None
    breaker: BreakerOrOff = BreakerSettings()

    #: What the page submits.
    client_fields: ClassVar[tuple[ClientField, ...]]
    #: Further sets of names that pages use for the fields, each complete.
    other_names: ClassVar[tuple[Mapping[str, str], ...]] = ()
    #: What a verdict of this provider can carry.
    reports: ClassVar[frozenset[Reports]] = frozenset()
    #: What the vendor allows in what a page tells it, where its documents say.
    labels: ClassVar[Mapping[Reports, Label]] = MappingProxyType({})
    #: What the vendor's widget needs of a Content-Security-Policy: sources of scripts, frames, connections, styles and
    #: images, as far as the documents tell them apart; besides the place that the script itself is loaded from.
    csp: ClassVar[tuple[str, ...]] = ()
    #: The vendor's widget needs inline styles, too: `style-src 'unsafe-inline'`.
    unsafe_styles: ClassVar[bool] = False
    #: The vendor reads the secret in the URL and nowhere else. The gate's calls log no URL.
    secret_in_url: ClassVar[bool] = False
    #: Nothing that was written elsewhere (an official package, other people's code) has been run against it.
    experimental: ClassVar[bool] = False
    #: Passes every token that is genuine, a bot's too, and leaves the rest to the score: rules had better ask for one.
    only_scores: ClassVar[bool] = False
    #: Has no memory of its own: only the store knows what was used, so all processes must share one.
    needs_shared_store: ClassVar[bool] = False

    @abstractmethod
    def account(self) -> str:
        """What tells this account from others of its type: never a secret, nor anything it could be guessed from."""

    @abstractmethod
    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        """What of the token can be used only once, and for how long that must be remembered."""

    @abstractmethod
    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        """Yield each request that the second verification needs; return the verdict.

        Args:
            fields: the token fields by their declared names, each accepted by its grammar.
            context: what may be known of the request.

        Raises:
            BadReply: the vendor's reply is not what its documents describe.
        """

    def accepts(self, fields: Mapping[str, str]) -> bool:
        """Whether the vendor could have issued these fields. Asked before anything is claimed or called."""
        for item in self.client_fields:  # noqa: SIM110 - for each request: a generator takes twice as long
            if not item.accepts(fields[item.name]):
                return False
        return True

    def is_local(self, fields: Mapping[str, str]) -> bool:
        """Whether these fields are verified without any call.

        They are claimed after their signature held, by what the signature covers: before, they are anybody's word.
        """
        return False

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        """Random well-formed fields, to ask the vendor whether it answers at all."""
        return {item.name: context.token_hex(32) for item in self.client_fields}

    def probes(self, verdict: Verdict, context: Context) -> Sequence[VerifyFlow]:
        """Questions to the vendor in which no client has a word. It is down where it answers none of them.

        Args:
            verdict: the `unavailable` one that is in doubt.
            context: what may be known of the request.

        Returns:
            A flow for each of the vendor's servers; none where there is nobody to ask, and nothing to prove.
        """
        fields = self.probe_fields(context)
        return () if self.is_local(fields) else (self.verify(fields, context),)

    def answers(self, request: httpx.Request, response: httpx.Response) -> bool:
        """Whether a reply shows that the vendor is up, whatever it says: a refusal of our key or a 429 does too."""
        if response.status_code >= 500:
            return False
        return response.status_code != 200 or is_json(response)

    def oddities(self) -> Iterator[tuple[str, str]]:
        """What is odd about the settings, but not wrong: keys and what to write instead."""
        yield from ()

    def reported(self) -> frozenset[Reports]:
        """What a verdict of this account can carry, where its keys decide that: some of what its type `reports`."""
        return self.reports

    @property
    def also_fills(self) -> AlsoFills | None:
        """The field of another vendor that the page's widget writes, too."""
        return None

    @property
    def for_tests(self) -> Mapping[str, str]:
        """The keys that make this an account for tests, and why: a policy that has one says `allow_test_keys: true`."""
        return {}

    @property
    def unprovable(self) -> str | None:
        """Why an outage of this account cannot be proven, so that no rule may open on one; `None` where it can."""
        return None

    @property
    def site_key(self) -> str | None:
        """The account's public identifier, which the page needs to draw the widget; `None` where it has none."""
        return None

    @property
    def csp_sources(self) -> tuple[str, ...]:
        """What a page with the vendor's widget needs of a Content-Security-Policy, each source once."""
        script = self.script
        known = script is None or any(allows(source, script) for source in self.csp)
        return self.csp if script is None or known else (*self.csp, origin_of(script))

    @property
    def page_options(self) -> Mapping[str, Any]:
        """What the page's script must know of the account besides its site key. Public."""
        return {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The account's secrets, by which a vendor's echo of one is recognised. Kept nowhere in the clear."""
        return tuple([secret.get_secret_value() for secret in self._kept_secrets])

    @cached_property
    def _kept_secrets(self) -> tuple[SecretStr, ...]:
        return tuple(value for value in vars(self).values() if isinstance(value, SecretStr))

    @cached_property
    def account_id(self) -> str:
        """A name for the account that two configured providers share exactly if their tokens are one another's."""
        return hashlib.sha256(f"{self.type}\0{self.account()}".encode()).hexdigest()[:32]


class RemoteProvider(Provider):
    """A provider that asks a vendor's server."""

    base_url: BaseUrl

    def oddities(self) -> Iterator[tuple[str, str]]:
        parts = urlsplit(self.base_url)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            yield "base_url", "asks the vendor in the clear (write https://)"


class ChallengingProvider(Provider):
    """A provider whose challenge this gate issues itself."""

    challenge_path: UrlPath | None = None

    @abstractmethod
    def challenge(self, context: Context) -> ChallengeFlow:
        """Make what `GET {prefix}/{provider}/challenge` answers.

        Raises:
            FetchError: it cannot be made now.
            BadReply: the vendor's reply is not what its documents describe.
        """
