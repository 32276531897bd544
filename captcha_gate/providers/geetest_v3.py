"""GeeTest v3 ("sensebot"): a registered challenge, three fields from the page, one form POST. Does no I/O.

Rules from docs.geetest.com: sensebot/apirefer/api/server (register, validate, digestmod), captcha/apirefer/api/server
(bypass status) and captcha/help/glossary (lifetimes, the two further characters of a slide). Where the documents are
silent, what GeeTest's own server packages do.

While GeeTest is down, its script answers a challenge of the site's own, and what it then sends proves nothing: some of
those packages compare `validate` with the MD5 of the challenge, which anybody can compute, others take any three words,
and the image puzzle that one version decoded could be solved without the image. So here such an answer is never a pass:
it is `unavailable`, for the reason `offline`. It must be one that the script really sends, which keeps junk out and
proves nothing; the image puzzle is of no use to that and is not decoded.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

import httpx

from captcha_gate.decision import Verdict
from captcha_gate.effects import Fetch, Flow, Get, Increment, Once, Put
from captcha_gate.errors import BadReply, FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.asking import address, form
from captcha_gate.providers.base import ChallengeFlow, ChallengingProvider, ProviderFlow, RemoteProvider, VerifyFlow
from captcha_gate.providers.context import Claimed, Context
from captcha_gate.providers.offline import LENGTH, OfflineChallenges
from captcha_gate.providers.reading import json_object, judged
from captcha_gate.providers.user import RANDOM, RandomUser, UserOrRandom
from captcha_gate.scalars import AccountId, BaseUrl, ScriptUrl, Secret
from captcha_gate.tokens.fields import ClientField

__all__ = ["GeetestV3"]

#: Seconds for which a challenge is good (captcha/help/glossary).
_LIFE: Final = 600.0
#: Seconds for which a challenge stays claimed: half as long again.
_CLAIM_TTL: Final = 900.0
#: Calls to register in so many seconds, of all who share the store: anybody can ask for challenges.
MAX_REGISTERED: Final = 1000
#: And of one client, so that no single one can use up everybody's.
MAX_OF_ONE: Final = 100
_REGISTER_WINDOW: Final = 10.0
#: Seconds for which GeeTest's word on its own state is kept: its own packages ask as often.
_BYPASS_KEPT: Final = 10.0
#: Seconds that asking for it may take: a person waits, and register must have its time, too.
_BYPASS_TIMEOUT: Final = 0.4
_REGISTER: Final = "/register.php"
#: What goes between `validate` and the end of `seccode`.
_JORDAN: Final = "|jordan"

#: How the challenge for the page is made of GeeTest's own: (its challenge, our key) -> hexadecimal digits.
_DIGESTS: Final[Mapping[str, Callable[[bytes, bytes], str]]] = MappingProxyType(
    {
        "md5": lambda origin, key: hashlib.md5(origin + key, usedforsecurity=False).hexdigest(),
        "sha256": lambda origin, key: hashlib.sha256(origin + key).hexdigest(),
        "hmac-sha256": lambda origin, key: hmac.new(key, origin, hashlib.sha256).hexdigest(),
    }
)


class GeetestV3(RemoteProvider, ChallengingProvider):
    """A GeeTest v3 account. The page asks the gate for a challenge and hands it to `initGeetest` as it is.

    Attributes:
        digestmod: `md5`, unless GeeTest's support has switched the account to another.
        bypass_url: where GeeTest says whether it is in order, the whole URL; not asked where there is none. Only its
            own `fail` counts: where that host does not answer, register decides.
        user: which user GeeTest is told of: `random`, one id for each challenge, or the HMAC of a cookie's value.
        client_type: what the page runs in.
        product: how the gate's own script draws it; `bind` is a window that opens when the form is sent.
    """

    type: Literal["geetest-v3"]
    captcha_id: AccountId
    private_key: Secret
    digestmod: Literal["md5", "sha256", "hmac-sha256"] = "md5"
    bypass_url: BaseUrl | None = None
    user: UserOrRandom = RANDOM
    client_type: Literal["web", "h5", "native", "unknown"] = "web"
    product: Literal["float", "popup", "bind"] = "popup"
    base_url: BaseUrl = "https://api.geetest.com"
    script: ScriptUrl | None = "https://static.geetest.com/static/js/gt.0.4.9.js"

    client_fields: ClassVar = (
        ClientField("geetest_challenge", max_length=128),
        ClientField("geetest_validate", max_length=256),
        ClientField("geetest_seccode", max_length=512),
    )
    csp: ClassVar = (
        "https://static.geetest.com",
        "https://dn-staticdown.qbox.me",
        "https://api.geetest.com",
        "https://monitor.geetest.com",
    )
    unsafe_styles: ClassVar = True

    def account(self) -> str:
        return self.captcha_id

    @property
    def site_key(self) -> str:
        return self.captcha_id

    @property
    def page_options(self) -> Mapping[str, Any]:
        return {"product": self.product}

    def is_local(self, fields: Mapping[str, str]) -> bool:
        """An offline challenge tells by itself that it is ours; the client chooses no mode."""
        return self._offline.made_at(fields["geetest_challenge"]) is not None

    def claimed(self, fields: Mapping[str, str], context: Context) -> Claimed:
        """The challenge as issued: a slide's is sent back with two further characters, which anybody could vary."""
        return Claimed(self._issued(fields["geetest_challenge"]), _CLAIM_TTL)

    def probe_fields(self, context: Context) -> Mapping[str, str]:
        validate = context.token_hex(16)
        challenge = context.token_hex(32)[: self._digits]
        return {
            "geetest_challenge": challenge,
            "geetest_validate": validate,
            "geetest_seccode": validate + _JORDAN,
        }

    def probes(self, verdict: Verdict, context: Context) -> Sequence[VerifyFlow]:
        """Whether an offline answer was needed is asked where challenges come from; everything else, of validate."""
        if verdict.reason is Reason.OFFLINE:
            return (self._ask_for_a_challenge(context),)
        return super().probes(verdict, context)

    def answers(self, request: httpx.Request, response: httpx.Response) -> bool:
        """Register answers with a challenge, or by refusing us. Without either it says that it is out of order."""
        if not request.url.path.endswith(_REGISTER):
            return super().answers(request, response)
        try:
            return _origin(response) is not None
        except BadReply:
            return True

    def verify(self, fields: Mapping[str, str], context: Context) -> VerifyFlow:
        made_at = self._offline.made_at(fields["geetest_challenge"])
        if made_at is not None:
            return _offline_verdict(fields, context.now - made_at)
        issued = self._issued(fields["geetest_challenge"])
        user = (yield from Get(self._user_key(issued))) if isinstance(self.user, RandomUser) else self._user(context)
        response = yield form(
            address(f"{self.base_url}/validate.php"),
            {
                "seccode": fields["geetest_seccode"],
                "challenge": fields["geetest_challenge"],
                "captchaid": self.captcha_id,
                "json_format": "1",
                **self._about_client(user, context),
            },
        )
        return judged(response, partial(self._verdict, fields["geetest_seccode"]))

    def challenge(self, context: Context) -> ChallengeFlow:
        """What `initGeetest` takes: `{"success": 1, "gt": "…", "challenge": "…", "new_captcha": true}`.

        `success` is 0 where the challenge is an offline one: GeeTest says that it is out of order, or does not answer.
        """
        challenge = None
        if not (yield from Once(("bypass", self.account_id, self.bypass_url), _BYPASS_KEPT, self._says_bypass)):
            challenge = yield from self._register(context)
        return {
            "success": 0 if challenge is None else 1,
            "gt": self.captcha_id,
            "challenge": challenge or self._offline.make(context.now, context.token_hex),
            "new_captcha": True,
        }

    def _register(self, context: Context) -> ProviderFlow[str | None]:
        """The challenge made of a registered one; `None` where GeeTest gives none.

        Raises:
            FetchError: too many are asked for, or it was we who could not ask.
            BadReply: GeeTest refuses *us*, for a wrong id or too many calls.
        """
        if not (yield from self._may_register(context)):
            raise FetchError(Reason.OVERLOADED, "too many challenges are asked for", proves_outage=False)
        user = self._user(context)
        try:
            response = yield self._register_request(user, context)
        except FetchError as error:
            if not error.proves_outage:
                raise
            return None
        origin = _origin(response)
        if origin is None:
            return None
        challenge = _DIGESTS[self.digestmod](origin.encode(), self.private_key.get_secret_value().encode())
        if user is not None and isinstance(self.user, RandomUser):
            yield from Put(self._user_key(challenge), user, _LIFE)
        return challenge

    def _may_register(self, context: Context) -> Flow[bool]:
        """Whether the caps allow one more. What the own cap of a client refuses does not count for all together."""
        key, client = f"register:{self.account_id}", context.client_network
        if client is not None and (yield from Increment(f"{key}:{client}", _REGISTER_WINDOW)) > MAX_OF_ONE:
            return False
        return (yield from Increment(key, _REGISTER_WINDOW)) <= MAX_REGISTERED

    def _register_request(self, user: str | None, context: Context) -> httpx.Request:
        parameters = {"gt": self.captcha_id, "json_format": "1", "digestmod": self.digestmod}
        return httpx.Request(
            "GET", f"{self.base_url}{_REGISTER}", params={**parameters, **self._about_client(user, context)}
        )

    def _about_client(self, user: str | None, context: Context) -> dict[str, str]:
        about = {"client_type": self.client_type, "ip_address": str(context.client_ip or "unknown")}
        return {"sdk": "captcha_gate", **about, **({"user_id": user} if user else {})}

    def _ask_for_a_challenge(self, context: Context) -> VerifyFlow:
        """The probe of an offline answer. Whether GeeTest answers is noted by whoever sends the request."""
        if not (yield from self._says_bypass()):
            yield self._register_request(context.token_hex(16), context)
        return Verdict.unavailable(Reason.OFFLINE)

    def _says_bypass(self) -> Flow[bool]:
        """Whether GeeTest says by itself that it is out of order. No client has a word in that."""
        if self.bypass_url is None:
            return False
        request = httpx.Request("GET", self.bypass_url, params={"gt": self.captcha_id})
        try:
            response = yield from Fetch(request, min(self.timeout / 4, _BYPASS_TIMEOUT))
            return response.status_code == 200 and json_object(response).get("status") == "fail"
        except (FetchError, BadReply):
            return False

    def _verdict(self, seccode: str, reply: Mapping[str, Any]) -> Verdict:
        told = reply.get("seccode")
        if told == "false" or told is False or (told is None and reply.get("status") == "fail"):
            return Verdict.failed()
        if not isinstance(told, str) or not re.fullmatch("[0-9A-Fa-f]{32,128}", told):
            raise BadReply("the seccode is no digest")
        # Of what an account with another digestmod is told there is no document: a digest, and not `false`.
        digest = hashlib.md5(seccode.encode(), usedforsecurity=False).hexdigest()
        if self.digestmod == "md5" and not hmac.compare_digest(told, digest):
            return Verdict.failed(provider_reason="the seccode is another one's")
        return Verdict.passed()

    @cached_property
    def _offline(self) -> OfflineChallenges:
        return OfflineChallenges(f"{self.captcha_id}\0{self.private_key.get_secret_value()}")

    @property
    def _digits(self) -> int:
        return 32 if self.digestmod == "md5" else 64

    def _issued(self, posted: str) -> str:
        length = LENGTH if self._offline.made_at(posted) is not None else self._digits
        return posted[:length].lower()

    def _user(self, context: Context) -> str | None:
        return self.user.identify(context, self.private_key.get_secret_value())

    def _user_key(self, challenge: str) -> str:
        return "user:" + hashlib.sha256(f"{self.account_id}\0{challenge}".encode()).hexdigest()


def _origin(response: httpx.Response) -> str | None:
    """GeeTest's own challenge; `None` where it says, or shows, that it has none: out of order.

    Raises:
        BadReply: it refuses us. Whoever asks too often, or with a wrong id, must not get an offline challenge for it.
    """
    if 300 <= response.status_code < 500 and response.status_code != 408:
        raise BadReply(f"register answers HTTP {response.status_code}")
    try:
        origin = json_object(response).get("challenge")
    except BadReply:
        return None
    if response.status_code != 200 or not isinstance(origin, str):
        return None
    return origin if re.fullmatch("[0-9A-Za-z]{16,128}", origin) else None


def _offline_verdict(fields: Mapping[str, str], age: float) -> Verdict:
    """What an answer to an offline challenge is worth: nothing, or less.

    GeeTest's script sends the challenge, or its MD5, for `validate`; which of them depends on the script's age.
    """
    challenge, validate = fields["geetest_challenge"], fields["geetest_validate"]
    if age > _LIFE:
        return Verdict.failed(Reason.EXPIRED, "the offline challenge has expired")
    digest = hashlib.md5(challenge.encode(), usedforsecurity=False).hexdigest()
    if validate not in (digest, challenge) or fields["geetest_seccode"] != validate + _JORDAN:
        return Verdict.failed(provider_reason="not what the script answers to an offline challenge")
    return Verdict.unavailable(Reason.OFFLINE, "answered offline, which proves nothing")
