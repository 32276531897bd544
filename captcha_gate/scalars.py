"""The types of single values in a policy: durations, sizes, rates, names, addresses. Each says what to write instead.

A YAML file hands every scalar over as text, a mapping from Python may hold numbers and booleans; both are typed here,
by what the key means, never by what the text looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Network, ip_network
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from captcha_gate.request import Network

__all__ = [
    "AccountId",
    "BaseUrl",
    "CidrText",
    "Contact",
    "Cost",
    "Count",
    "Duration",
    "Flag",
    "Name",
    "Origin",
    "Rate",
    "Refusal",
    "Scene",
    "Score",
    "ScriptUrl",
    "Secret",
    "SigningKey",
    "Size",
    "Text",
    "UrlPath",
    "network_of",
    "problem",
    "rate",
    "whole",
]

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
_DURATION: Final = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)"
_SIZE: Final = r"([0-9]{1,12})(B|kB|KiB|MB|MiB|GB|GiB)"
_RATE: Final = r"([1-9][0-9]{0,8})/(s|m|h|d)"
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,62}[A-Za-z0-9])?"
_SCRIPT: Final = (
    r"(?:https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?/|/(?!/))[A-Za-z0-9_.~@\-/]{1,300}(?:\?[A-Za-z0-9_.~%\-=&]{1,300})?"
)
_ORIGIN: Final = r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?)(?::[0-9]{1,5})?"
_CONTACT: Final = r"(?:https?://|mailto:)[^\s\"'<>\\]{1,300}"
#: Bytes of a key that signs cookies. RFC 2104 §3: a shorter one than the hash weakens it.
_KEY_LENGTH: Final = 32
_URL_PATH: Final = r"/[A-Za-z0-9_.~\-/]{1,200}"


class Rate(NamedTuple):
    """So many in so many seconds."""

    limit: int
    seconds: float


def problem(message: str) -> PydanticCustomError:
    """An error whose message is shown as it stands."""
    return PydanticCustomError("policy", message)


def _as_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise problem("expected text (write a value, or remove the key)")
    return value


def _account_id(value: Any) -> str:
    text = _as_text(_as_text(value).strip())
    if "*" * 3 in text:
        raise problem("the id was copied masked, with asterisks in it (copy it unmasked)")
    return text


def _duration(value: Any) -> float:
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if not match:
        raise problem("expected a duration with its unit (write 500ms, 2s, 10m, 1h or 1d)")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds <= 0:
        raise problem("expected a duration above zero")
    return seconds


def _size(value: Any) -> int:
    match = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if not match or int(match[1]) == 0:
        raise problem("expected a size with its unit (write 64KiB or 1MiB)")
    return int(match[1]) * _BYTES[match[2]]


def rate(value: Any) -> Rate:
    """So many in a unit of time: `60/m`."""
    match = re.fullmatch(_RATE, value) if isinstance(value, str) else None
    if not match:
        raise problem("expected a rate (write 60/m: a whole number, a slash, and s, m, h or d)")
    return Rate(int(match[1]), _SECONDS[match[2]])


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise problem("expected true or false")


def _score(value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(r"[01](\.[0-9]{1,9})?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise problem("expected a number from 0 (bot) to 1 (human) (write 0.5)")
    return float(value)


def whole(lowest: int, highest: int) -> Callable[[Any], int]:
    """What reads a whole number between two, both included."""

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch("[0-9]{1,12}", value):
            value = int(value)
        if type(value) is not int or not lowest <= value <= highest:
            raise problem(f"expected a whole number from {lowest} to {highest}")
        return value

    return check


def _name(value: Any) -> str:
    if not re.fullmatch(_NAME, _as_text(value)):
        raise problem("expected a name of letters, digits, '-', '_' and '.' (at most 64)")
    return str(value)


def _base_url(value: Any) -> str:
    text = _as_text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise problem("expected a URL such as https://api.example.com") from None
    plain = re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:[0-9]+)?(/[A-Za-z0-9_.~\-/]*)?", text)
    if not plain or not parts.hostname or port == 0:
        raise problem("expected an http or https URL without user, query and fragment (write https://api.example.com)")
    return text


def _script_url(value: Any) -> str:
    text = _as_text(value)
    if not re.fullmatch(_SCRIPT, text):
        raise problem("expected the address of a script (write https://static.example.com/a.js, or /static/a.js)")
    return text


def _url_path(value: Any) -> str:
    if not re.fullmatch(_URL_PATH, _as_text(value)):
        raise problem("expected a path such as /captcha-gate")
    return str(value).rstrip("/")


def network_of(text: str) -> Network | None:
    """The network that a CIDR or a single address names; `None` for anything else."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    # A client's address is never v4-mapped (`RequestView.client_ip`), so a network that is would hold nobody.
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        return ip_network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def _cidr(value: Any) -> str:
    if network_of(_as_text(value)) is None:
        raise problem("expected an address or a network (write 192.0.2.0/24 or 2001:db8::/32)")
    return str(value)


def _secret(value: Any) -> SecretStr:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise problem("expected text (quote a value that begins with '{' or '[', and digits in Python)")
    if not value.strip():
        raise problem("the secret is empty (write ${NAME} and set that variable, or ${file:/run/secrets/name})")
    if "*" * 3 in value:
        raise problem("the secret was copied masked, with asterisks in it (copy it unmasked)")
    return SecretStr(value.strip())


def _signing_key(value: Any) -> SecretStr:
    key = _secret(value)
    if len(key.get_secret_value().encode()) < _KEY_LENGTH:
        raise problem(f"a key that signs cookies has at least {_KEY_LENGTH} bytes (make one: openssl rand -base64 32)")
    return key


def _matches(expression: str, expected: str) -> BeforeValidator:
    def check(value: Any) -> str:
        if not re.fullmatch(expression, _as_text(value)):
            raise problem(f"expected {expected}")
        return str(value)

    return BeforeValidator(check)


def _pattern(expression: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{expression}|.*\\$\\{{.+)$"})


Text = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": "string", "minLength": 1})]
#: An id from a vendor's console, without the blanks that were copied with it.
AccountId = Annotated[str, BeforeValidator(_account_id), WithJsonSchema({"type": "string", "minLength": 1})]
#: A name in the policy: of a rule, a provider, a network. Such names stand in logs, URLs and metrics.
Name = Annotated[str, BeforeValidator(_name), _pattern(_NAME)]
#: Seconds.
Duration = Annotated[float, BeforeValidator(_duration), _pattern(_DURATION)]
#: Bytes.
Size = Annotated[int, BeforeValidator(_size), _pattern(_SIZE)]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
#: 0 is a bot, 1 is a human.
Score = Annotated[float, BeforeValidator(_score), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
#: Rounds of a key derivation: enough to matter, few enough that a phone gets through.
Cost = Annotated[int, BeforeValidator(whole(1, 1_000_000)), WithJsonSchema({"type": "integer", "minimum": 1})]
Count = Annotated[int, BeforeValidator(whole(1, 10_000)), WithJsonSchema({"type": "integer", "minimum": 1})]
#: A status by which an application refuses what somebody sent.
Refusal = Annotated[int, BeforeValidator(whole(400, 499)), WithJsonSchema({"type": "integer"})]
#: The number by which a vendor tells the pages of one account apart.
Scene = Annotated[int, BeforeValidator(whole(0, 999_999)), WithJsonSchema({"type": "integer", "minimum": 0})]
BaseUrl = Annotated[str, BeforeValidator(_base_url), WithJsonSchema({"type": "string", "format": "uri"})]
#: Where a page loads a script from: a URL, or a path of the site's own. Nothing in it could end an attribute.
ScriptUrl = Annotated[str, BeforeValidator(_script_url), _pattern(_SCRIPT)]
UrlPath = Annotated[str, BeforeValidator(_url_path), _pattern(_URL_PATH)]
#: Where a script of another site runs that may read the gate's replies.
Origin = Annotated[
    str, _matches(_ORIGIN, "an origin in lower case, without a path (write https://example.com)"), _pattern(_ORIGIN)
]
#: Where people turn who cannot solve a CAPTCHA.
Contact = Annotated[str, _matches(_CONTACT, "a link (write https://example.com/help or mailto:…)"), _pattern(_CONTACT)]
CidrText = Annotated[str, BeforeValidator(_cidr), WithJsonSchema({"type": "string"})]
#: A key of the operator's. Masked in every repr; `get_secret_value()` where it is used, and nowhere else.
Secret = Annotated[SecretStr, BeforeValidator(_secret), WithJsonSchema({"type": "string", "minLength": 1})]
SigningKey = Annotated[SecretStr, BeforeValidator(_signing_key), WithJsonSchema({"type": "string", "minLength": 32})]
