"""The names of everything that can become of a request, and the HTTP status of each. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["REASONS", "Mode", "Outcome", "Reason", "status_of"]


class Mode(StrEnum):
    """How seriously a policy or a rule is taken."""

    ENFORCE = "enforce"
    MONITOR = "monitor"  #: decide everything, refuse nothing
    DISABLED = "disabled"


class Outcome(StrEnum):
    """What became of a request. The reasons of each stand in `REASONS`."""

    PASSED = "passed"  #: a provider confirmed the token
    CLEARED = "cleared"  #: an earlier pass stands for this request
    EXEMPT = "exempt"  #: the policy asks for no token here
    DENIED = "denied"  #: the policy refuses this request, token or not
    MISSING = "missing"  #: a token is needed and none was sent
    FAILED = "failed"  #: a token was sent and does not count
    UNAVAILABLE = "unavailable"  #: nobody could say whether the token is good
    MISCONFIGURED = "misconfigured"  #: our own mistake: a wrong key, an unknown id, a bug
    UNREADABLE = "unreadable"  #: the request cannot be read safely


class Reason(StrEnum):
    """Why. Public: clients see it as `code`, applications as `decision.reason`."""

    OK = "ok"
    CLEARANCE = "clearance"
    FORGIVEN = "forgiven"
    REDIRECTED = "redirected"
    RULE = "rule"
    DISABLED = "disabled"
    PREFLIGHT = "preflight"
    DEFAULT = "default"
    MISSING_TOKEN = "missing_token"
    INVALID_TOKEN = "invalid_token"
    MALFORMED_TOKEN = "malformed_token"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    LOW_SCORE = "low_score"
    MISSING_SCORE = "missing_score"
    ACTION_MISMATCH = "action_mismatch"
    HOSTNAME_MISMATCH = "hostname_mismatch"
    CDATA_MISMATCH = "cdata_mismatch"
    TOO_OLD = "too_old"
    THROTTLED_CLIENT = "throttled_client"
    TIMEOUT = "timeout"
    NETWORK = "network"
    PROVIDER_ERROR = "provider_error"
    BAD_REPLY = "bad_reply"
    THROTTLED = "throttled"
    OFFLINE = "offline"
    BREAKER_OPEN = "breaker_open"
    OVERLOADED = "overloaded"
    STORE_ERROR = "store_error"
    BAD_CREDENTIALS = "bad_credentials"
    QUOTA = "quota"
    INTERNAL_ERROR = "internal_error"
    BODY_TOO_LARGE = "body_too_large"
    BODY_MALFORMED = "body_malformed"
    BODY_TOO_SLOW = "body_too_slow"
    CONTENT_ENCODING = "content_encoding"
    AMBIGUOUS_PATH = "ambiguous_path"
    BAD_METHOD = "bad_method"


_R = Reason

REASONS: Final[Mapping[Outcome, tuple[Reason, ...]]] = MappingProxyType(
    {
        Outcome.PASSED: (_R.OK,),
        Outcome.CLEARED: (_R.CLEARANCE, _R.FORGIVEN, _R.REDIRECTED),
        Outcome.EXEMPT: (_R.RULE, _R.DISABLED, _R.PREFLIGHT),
        Outcome.DENIED: (_R.RULE, _R.DEFAULT),
        Outcome.MISSING: (_R.MISSING_TOKEN,),
        Outcome.FAILED: (
            _R.INVALID_TOKEN,
            _R.MALFORMED_TOKEN,
            _R.EXPIRED,
            _R.REPLAYED,
            _R.LOW_SCORE,
            _R.MISSING_SCORE,
            _R.ACTION_MISMATCH,
            _R.HOSTNAME_MISMATCH,
            _R.CDATA_MISMATCH,
            _R.TOO_OLD,
            _R.THROTTLED_CLIENT,
        ),
        Outcome.UNAVAILABLE: (
            _R.TIMEOUT,
            _R.NETWORK,
            _R.PROVIDER_ERROR,
            _R.BAD_REPLY,
            _R.THROTTLED,
            _R.OFFLINE,
            _R.BREAKER_OPEN,
            _R.OVERLOADED,
            _R.STORE_ERROR,
        ),
        Outcome.MISCONFIGURED: (_R.BAD_CREDENTIALS, _R.QUOTA, _R.INTERNAL_ERROR),
        Outcome.UNREADABLE: (
            _R.BODY_TOO_LARGE,
            _R.BODY_MALFORMED,
            _R.BODY_TOO_SLOW,
            _R.CONTENT_ENCODING,
            _R.AMBIGUOUS_PATH,
            _R.BAD_METHOD,
        ),
    }
)

_STATUS_OF_REASON: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        _R.THROTTLED_CLIENT: 429,
        _R.BODY_TOO_LARGE: 413,
        _R.BODY_MALFORMED: 400,
        _R.BODY_TOO_SLOW: 408,
        _R.CONTENT_ENCODING: 415,
        _R.AMBIGUOUS_PATH: 400,
        _R.BAD_METHOD: 400,
    }
)

_STATUS_OF_OUTCOME: Final[Mapping[Outcome, int]] = MappingProxyType(
    {Outcome.UNAVAILABLE: 503, Outcome.MISCONFIGURED: 503}
)


def status_of(outcome: Outcome, reason: Reason) -> int:
    """The HTTP status of a refusal: 403 unless the reason or the outcome has one of its own."""
    return _STATUS_OF_REASON.get(reason) or _STATUS_OF_OUTCOME.get(outcome, 403)
