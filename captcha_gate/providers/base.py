"""What a provider is: declared keys, declared fields, one flow. Providers do no I/O and hold no state.

A provider is a frozen pydantic model: its attributes are its keys in the policy, so that unknown keys, missing keys
and empty secrets are reported with all other problems, and the editor's schema knows them. Its `verify` is a
generator that yields each `httpx.Request` it needs and is sent the response.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field

from captcha_gate.decision import Verdict
from captcha_gate.effects import Compute
from captcha_gate.errors import BadReply
from captcha_gate.outcome import Outcome, Reason
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.scalars import BaseUrl, Duration, Name, Text, UrlPath
from captcha_gate.tokens.fields import ClientField

__all__ = [
    "ChallengeFlow",
    "ChallengingProvider",
    "Claimed",
    "Context",
    "Provider",
    "RemoteProvider",
    "Reports",
    "VerifyFlow",
    "json_object",
    "judged",
    "refusal_by_status",
    "text_of",
]

VerifyFlow: TypeAlias = Generator[httpx.Request, httpx.Response, Verdict]
#: May also yield `Compute`, for work that an event loop should not wait for.
ChallengeFlow: TypeAlias = Generator[httpx.Request | Compute[Any], Any, Mapping[str, Any]]


class Reports(StrEnum):
    """What a provider can tell of a token beyond yes and no. A rule may demand nothing else."""

    SCORE = "score"
    ACTION = "action"
    HOSTNAME = "hostname"
    CDATA = "cdata"
    TIME = "time"


class Provider(BaseModel, ABC):
    """A configured account of one CAPTCHA vendor, or a self-hosted challenge.

    Subclasses declare `type: Literal["…"]`, `client_fields`, what they report, and `verify`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Name
    timeout: Duration = 3.0
    fields: dict[Name, Text] = Field(default_factory=dict)

    #: What the page submits.
    client_fields: ClassVar[tuple[ClientField, ...]]
    #: What a verdict of this provider can carry.
    reports: ClassVar[frozenset[Reports]] = frozenset()
    #: Verifies without any call: the token is claimed after its signature held, by what the signature covers.
    local: ClassVar[bool] = False
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

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        """Random well-formed fields, to ask the vendor whether it answers at all."""
        return {item.name: context.token_hex(32) for item in self.client_fields}

    def answers(self, response: httpx.Response) -> bool:
        """Whether a reply shows that the vendor is up, whatever it says: a refusal of our key or a 429 does too."""
        if response.status_code >= 500:
            return False
        if response.status_code != 200:
            return True
        try:
            json.loads(response.content)
        except (ValueError, RecursionError):
            return False
        return True

    def oddities(self) -> Iterator[tuple[str, str]]:
        """What is odd about the settings, but not wrong: keys and what to write instead."""
        yield from ()

    @property
    def site_key(self) -> str | None:
        """The account's public identifier, which the page needs to draw the widget; `None` where it has none."""
        return None

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
            BadReply: the vendor's reply is not what its documents describe.
        """


def refusal_by_status(response: httpx.Response) -> Verdict | None:
    """The verdict that a reply's status alone decides; `None` where the body must be read."""
    status = response.status_code
    told = f"HTTP {status}"
    if status >= 500 or status == 408:
        return Verdict.unavailable(Reason.PROVIDER_ERROR, told)
    if status == 429:
        return Verdict.unavailable(Reason.THROTTLED, told)
    if 300 <= status < 400 or status < 200:
        return Verdict.unavailable(Reason.BAD_REPLY, f"{told}: redirects are not followed")
    return None


def judged(response: httpx.Response, verdict_of: Callable[[Mapping[str, Any]], Verdict]) -> Verdict:
    """The verdict of a reply that is a JSON object with HTTP 200: its status first, then its words.

    Args:
        response: the vendor's.
        verdict_of: judges the object. What it passes counts only with HTTP 200.

    Raises:
        BadReply: the reply is not what the vendor's documents describe.
    """
    refused = refusal_by_status(response)
    if refused is not None:
        return refused
    try:
        verdict = verdict_of(json_object(response))
    except BadReply:
        if response.status_code == 200:
            raise
        # A 4xx that is not the vendor's own JSON: a wrong base_url, or something in between that refuses us.
        return Verdict.misconfigured(f"HTTP {response.status_code}")
    if verdict.outcome is Outcome.PASSED and response.status_code != 200:
        raise BadReply(f"HTTP {response.status_code}: a pass with the wrong status")
    return verdict


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The reply as a JSON object, read strictly: UTF-8 without byte order mark, no name given twice.

    Raises:
        BadReply: it is anything else.
    """
    try:
        document = json.loads(response.content.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise BadReply(f"HTTP {response.status_code}: the reply is not JSON") from None
    if not isinstance(document, dict):
        raise BadReply(f"HTTP {response.status_code}: the reply is JSON, but no object")
    return document


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is given twice")
    return document


def text_of(value: object) -> str:
    """A vendor's words for the log, without characters that could forge a log line. The gate cuts them to a line."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
