"""ALTCHA: a self-hosted proof of work, for sites that want no account and no vendor. Does no I/O.

Challenge and payload are those of ALTCHA's second format (altcha.org/docs/v2), made and checked by the `altcha`
package. Challenges are deterministic: the counter is chosen here and the key behind it is signed, so that checking an
answer is one HMAC, whatever the work was.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final, Literal

import altcha

from captcha_gate.decision import Verdict
from captcha_gate.effects import Compute
from captcha_gate.outcome import Reason
from captcha_gate.providers.altcha_payload import FIELD, MARGIN, NotAltcha, account_of, decoded, too_short
from captcha_gate.providers.base import ChallengeFlow, ChallengingProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.scalars import Cost, Duration, Secret

__all__ = ["Altcha"]

#: The answer is a counter below this, uniformly random: a solver tries half of them. With the default cost that took
#: a browser on two cores one second, two at worst. A floor would help nobody: attackers would start there.
MAX_COUNTER: Final = 3000


class Altcha(ChallengingProvider):
    """A proof of work whose challenges are signed with `hmac_key`.

    The nonce of a challenge is claimed once its signature held, so an answer is good once, and only in processes
    that share the store. The library keeps no such memory itself.
    """

    type: Literal["altcha"]
    hmac_key: Secret
    algorithm: Literal["PBKDF2/SHA-256", "PBKDF2/SHA-384", "PBKDF2/SHA-512", "SHA-256", "SHA-384", "SHA-512"] = (
        "PBKDF2/SHA-256"
    )
    cost: Cost = 5000
    expires: Duration = 600.0

    client_fields: ClassVar = (FIELD,)
    needs_shared_store: ClassVar = True

    def oddities(self) -> Iterator[tuple[str, str]]:
        yield from too_short("hmac_key", self.hmac_key.get_secret_value())

    def account(self) -> str:
        return account_of(self.hmac_key.get_secret_value(), self.type)

    def is_local(self, fields: Mapping[str, str]) -> bool:
        return True

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        """The nonce, until its challenge expires. Only after `verify` passed: before, it is anybody's word."""
        parameters = _parameters(fields["altcha"])
        return Claimed(parameters["nonce"], parameters["expiresAt"] - context.now + MARGIN)

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        yield from ()
        payload, (secret, key_secret) = fields["altcha"], self._keys()
        try:
            parameters = _parameters(payload)
        except NotAltcha as problem:
            return Verdict.failed(Reason.MALFORMED_TOKEN, str(problem))
        result = altcha.verify_solution(payload, secret, hmac_key_secret=key_secret)
        if result.expired or parameters["expiresAt"] <= context.now:
            return Verdict.failed(Reason.EXPIRED, "the challenge has expired")
        if not result.verified:
            return Verdict.failed(provider_reason="wrong signature" if result.invalid_signature else "wrong solution")
        return Verdict.passed()

    def challenge(self, context: Context) -> ChallengeFlow:
        """A challenge as the ALTCHA widgets take it: `{"parameters": {…}, "signature": "…"}`."""
        secret, key_secret = self._keys()
        create = partial(
            altcha.create_challenge,
            self.algorithm,
            self.cost,
            counter=int(context.token_hex(12), 16) % MAX_COUNTER,
            expires_at=int(context.now + self.expires),
            hmac_secret=secret,
            hmac_key_secret=key_secret,
        )
        # To know the key behind the counter, it is derived once: as much work as one try of a solver's.
        challenge: altcha.Challenge = yield Compute(create)
        return challenge.to_dict()

    def _keys(self) -> tuple[str, bytes]:
        """One key for challenges, another, derived from it, for the keys behind their answers.

        The first is `hmac_key` itself, so that a challenge may also come from another ALTCHA server of the operator's.
        """
        key = self.hmac_key.get_secret_value()
        return key, hmac.new(key.encode(), b"captcha_gate altcha derived key", hashlib.sha256).digest()


def _parameters(payload: str) -> dict[str, Any]:
    """The parameters of the challenge that a payload claims to answer, unverified but of the right types."""
    try:
        parameters = decoded(payload)["challenge"]["parameters"]
        nonce, expires_at = parameters["nonce"], parameters["expiresAt"]
    except (KeyError, TypeError):
        raise NotAltcha("not an ALTCHA payload of the second format, or one that never expires") from None
    # A challenge without an end could be answered again once its claim is forgotten.
    if not isinstance(nonce, str) or type(expires_at) is not int:
        raise NotAltcha("the nonce or the expiry of the challenge has the wrong type")
    return dict(parameters)
