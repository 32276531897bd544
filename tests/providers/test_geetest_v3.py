"""GeeTest v3 by its documents: digests, the three calls, every reply there is, and what holds while it is down."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.live import LiveWorld, ManualClock
from support.world import LOGIN, policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.drive import run
from captcha_gate.effects import Fetch, Once
from captcha_gate.errors import BadReply
from captcha_gate.providers import geetest_v3
from captcha_gate.providers.context import Context
from captcha_gate.providers.geetest_v3 import GeetestV3
from captcha_gate.stores.memory import MemoryStore

ID = "647f5ed2ed8acb4be36784e01556bb71"
KEY = "00112233445566778899aabbccddeeff"
BYPASS = "https://bypass.geetest.com/v1/bypass_status.php"
ACCOUNT = {"type": "geetest-v3", "captcha_id": ID, "private_key": KEY}
OPENS = {**LOGIN, "on_unavailable": "allow"}
NOW = 1_760_000_000.0
LIFE = 600
CHALLENGE_PATH = "/captcha-gate/gt/challenge"

ORIGIN, ALL_F = "0123456789abcdef0123456789abcdef", "f" * 32
MADE = [
    (ORIGIN, "md5", "b9a8f819f01582acff64018a9bebf453"),
    (ORIGIN, "sha256", "01c51a915f3a2e1a8bd38a8daaa214a79e280746a2e36b8d4502a6d9e5c98afd"),
    (ORIGIN, "hmac-sha256", "fb924ec4f1682bb93149b17917eca2ae67346066c39ff2fac2b08d95084607df"),
    (ALL_F, "md5", "027ced539d47b9d5e449786b5c3d27c7"),
    (ALL_F, "sha256", "86aec0a307b7aa94c83917636445ee9b09f2e078cfd6f85d5a0a8fbc50fd87aa"),
    (ALL_F, "hmac-sha256", "eeb452b496d2fb1f22e69efb05d05e3675f0378586ec5a227b644ae4ee250dbb"),
]
CLICK, SLIDE = "fa7025c83249ab263bc1f11f11ae21a5", "fa7025c83249ab263bc1f11f11ae21a5iy"
#: Posted challenge, validate, the MD5 of seccode.
ANSWERED = [
    (CLICK, "8829949571bdf9cc97663ce89ff3d5c5", "17eaf2f1675fca66eade6cb8c7705c20"),
    (SLIDE, "ff798e7935dd8f7775a447668eedffab", "64749b40fa3fef8eaf6714894a36401c"),
]


def fields_of(challenge: str, validate: str) -> dict[str, str]:
    return {
        "geetest_challenge": challenge,
        "geetest_validate": validate,
        "geetest_seccode": f"{validate}|jordan",
    }


TOKEN = fields_of(*ANSWERED[0][:2])


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def raises(error: Exception) -> Any:
    return partial(_raise, error)


def _raise(error: Exception, request: httpx.Request) -> httpx.Response:
    raise error


def says(status: int, content: bytes | str = b"", **headers: str) -> Any:
    return partial(_reply, status, content, headers)


def _reply(status: int, content: bytes | str, headers: dict[str, str], request: httpx.Request) -> httpx.Response:
    return httpx.Response(status, content=content, headers=headers)


def says_json(document: Any) -> Any:
    return says(200, json.dumps(document))


def untrusted() -> httpx.ConnectError:
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    return error


class GeeTest:
    """GeeTest's three calls. Each is honest until it is set to something else."""

    def __init__(self, key: str = KEY) -> None:
        self.asked: list[httpx.Request] = []
        self.register = self._register
        self.validate = self._validate
        self.bypass = says_json({"status": "success"})
        self._key = key
        self._numbers = itertools.count(1)
        self._unused: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return getattr(self, self.call(request))(request)

    @staticmethod
    def call(request: httpx.Request) -> str:
        return {"/register.php": "register", "/validate.php": "validate", "/v1/bypass_status.php": "bypass"}[
            request.url.path
        ]

    @property
    def calls(self) -> list[str]:
        return [self.call(request) for request in self.asked]

    def told(self, call: str) -> list[dict[str, str]]:
        """The parameters of each such call."""
        return [parameters(request) for request in self.asked if self.call(request) == call]

    def falls_silent(self) -> None:
        self.register = self.validate = self.bypass = raises(httpx.ConnectError("refused"))

    def recovers(self) -> None:
        self.register, self.validate = self._register, self._validate
        self.bypass = says_json({"status": "success"})

    def _register(self, request: httpx.Request) -> httpx.Response:
        origin = f"{next(self._numbers):032x}"
        self._unused.add(md5(origin + self._key))
        return httpx.Response(200, json={"challenge": origin})

    def _validate(self, request: httpx.Request) -> httpx.Response:
        form = parameters(request)
        issued = form["challenge"][:32]
        good = issued in self._unused and form["seccode"] == solved(form["challenge"])["geetest_seccode"]
        self._unused.discard(issued)
        return httpx.Response(200, json={"seccode": md5(form["seccode"]) if good else "false"})


def parameters(request: httpx.Request) -> dict[str, str]:
    text = request.url.query if request.method == "GET" else request.content
    return {name: value for name, [value] in parse_qs(text.decode(), strict_parsing=True).items()}


def solved(challenge: str) -> dict[str, str]:
    """What the script sends for a challenge that was solved."""
    return fields_of(challenge, md5(f"{KEY}geetest{challenge}"))


def offline_answers(challenge: str) -> list[dict[str, str]]:
    """What the script sends for an offline challenge; its versions differ."""
    return [fields_of(challenge, challenge), fields_of(challenge, md5(challenge))]


class Site(LiveWorld):
    """A gate in front of a vendor that is a function, on one event loop and by a clock that stands still."""

    def __init__(self, kind: str, vendor: Any, rule: Mapping[str, Any] = LOGIN, **keys: Any) -> None:
        top = keys.pop("top", {})
        transport = httpx.MockTransport(vendor)
        client = httpx.Client(transport=transport) if kind == "wsgi" else httpx.AsyncClient(transport=transport)
        policy = policy_of(rule, providers={"gt": {**ACCOUNT, **keys}}, **top)
        super().__init__(kind, policy, http_client=client, store=MemoryStore(clock=lambda: self.clock.now))
        self.clock = ManualClock()
        self.clock.now = NOW
        self.clock.rule(self.gate)
        self.gate._mounted.gate._clock = self.clock

    def challenge(self, path: str = CHALLENGE_PATH, **kwargs: Any) -> dict[str, Any]:
        response = self.request("GET", path, **kwargs)
        assert response.status_code == 200, response.text
        return response.json()

    def challenges_at_once(self, count: int) -> list[dict[str, Any]]:
        if self.kind == "asgi":
            return self.run(self._challenges(count))
        start = threading.Barrier(count)

        def ask(_: int) -> dict[str, Any]:
            start.wait(10)
            return self.challenge()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(ask, range(count)))

    async def _challenges(self, count: int) -> list[dict[str, Any]]:
        asking = (self._arequest("GET", CHALLENGE_PATH, ("127.0.0.1", 123), {}) for _ in range(count))
        return [response.json() for response in await asyncio.gather(*asking)]

    def concluded(self, fields: Mapping[str, str]) -> tuple[int, str, str]:
        """Post a token: the status, the outcome and its reason."""
        status = self.post(data=fields).status_code
        decision = self.decisions[-1]
        return status, str(decision.outcome), str(decision.reason)


PASSED = (200, "passed", "ok")
REFUSED = (403, "failed", "invalid_token")
REPLAYED = (403, "failed", "replayed")
CLOSED = (503, "unavailable", "offline")
OPENED = (200, "unavailable", "offline")


@pytest.fixture
def geetest():
    return GeeTest()


@pytest.fixture
def site(kind, geetest):
    made: list[Site] = []

    def build(rule: Mapping[str, Any] = LOGIN, **keys: Any) -> Site:
        made.append(Site(kind, geetest, rule, **keys))
        return made[-1]

    yield build
    for each in made:
        each.close()


def by_hand(flow: Any, vendor: Any) -> Any:
    """Drive a provider's flow without a gate; its store forgets everything."""
    store = MemoryStore()

    def perform(asked: Any) -> Any:
        if isinstance(asked, httpx.Request):
            return vendor(asked)
        if isinstance(asked, Fetch):
            return vendor(asked.request)
        return run(asked.flow(), perform) if isinstance(asked, Once) else store.perform(asked)

    return run(flow, perform)


def account(**keys: Any) -> GeetestV3:
    return GeetestV3(**{**ACCOUNT, **keys})


def context(**more: Any) -> Context:
    return Context(now=NOW, token_hex=lambda size: "5a" * size, **more)


def verdict_of(reply: Any, fields: Mapping[str, str] = TOKEN, **keys: Any) -> Verdict:
    answer = reply if callable(reply) else says_json(reply)
    return by_hand(account(**keys).verify(fields, context()), answer)


def conclusion_of(reply: Any, fields: Mapping[str, str] = TOKEN, **keys: Any) -> tuple[str, str]:
    try:
        verdict = verdict_of(reply, fields, **keys)
    except BadReply:
        return "unavailable", "bad_reply"
    return str(verdict.outcome), str(verdict.reason)


# ---- the digests


@pytest.mark.parametrize(("origin", "digestmod", "challenge"), MADE)
def test_the_pages_challenge_is_the_digest_of_geetests_and_the_key(origin, digestmod, challenge):
    made = by_hand(account(digestmod=digestmod).challenge(context()), says_json({"challenge": origin}))
    assert made == {"success": 1, "gt": ID, "challenge": challenge, "new_captcha": True}
    assert type(made["success"]) is int


@pytest.mark.parametrize(("challenge", "validate", "digest"), ANSWERED)
def test_a_pass_is_the_md5_of_the_seccode_that_was_sent(challenge, validate, digest):
    fields = fields_of(challenge, validate)
    assert conclusion_of({"seccode": digest}, fields) == ("passed", "ok")
    for _, _, other in ANSWERED:
        if other != digest:
            assert conclusion_of({"seccode": other}, fields) == ("failed", "invalid_token")


@pytest.mark.parametrize("digestmod", ["sha256", "hmac-sha256"])
def test_the_seccode_of_another_digestmod_is_a_digest_and_not_false(digestmod):
    """No document says of what; the vendor's packages look for nothing but `false`."""
    for digest in (ANSWERED[0][2], hashlib.sha256(b"something").hexdigest()):
        assert conclusion_of({"seccode": digest}, digestmod=digestmod) == ("passed", "ok")
    assert conclusion_of({"seccode": "false"}, digestmod=digestmod) == ("failed", "invalid_token")
    assert conclusion_of({"seccode": "ok"}, digestmod=digestmod) == ("unavailable", "bad_reply")


@pytest.mark.parametrize(("digestmod", "length"), [("md5", 32), ("sha256", 64), ("hmac-sha256", 64)])
def test_a_challenge_is_claimed_as_it_was_issued_whatever_follows_it(digestmod, length):
    provider = account(digestmod=digestmod)
    issued = "0a" * (length // 2)
    claims = {provider.claimed(fields_of(issued + more, "v"), context()) for more in ("", "iy", "a", "zz")}
    assert [claim.value for claim in claims] == [issued]
    assert {claim.ttl >= LIFE for claim in claims} == {True}
    assert provider.claimed(fields_of("0b" + issued[2:], "v"), context()).value != issued
    assert provider.claimed(fields_of(issued[:-1] + "b", "v"), context()).value != issued


def test_a_slide_with_other_characters_behind_it_is_a_replay(site, geetest):
    world = site()
    geetest.validate = lambda request: httpx.Response(200, json={"seccode": md5(parameters(request)["seccode"])})
    assert world.concluded(solved(SLIDE)) == PASSED
    for posted in (CLICK, CLICK + "aa", CLICK + "z", CLICK.upper(), SLIDE):
        assert world.concluded(solved(posted)) == REPLAYED
    assert geetest.calls == ["validate"]


# ---- register


def test_register_is_told_the_account_the_digest_and_an_opaque_user(site, geetest):
    world = site(digestmod="hmac-sha256", client_type="h5", base_url="https://api-na.geetest.com/")
    made = world.challenge(client=("203.0.113.7", 123))
    [request] = geetest.asked
    assert (request.method, request.url.host, request.url.path) == ("GET", "api-na.geetest.com", "/register.php")
    told = parameters(request)
    user = told.pop("user_id")
    assert told.pop("sdk")
    assert told == {
        "gt": ID,
        "json_format": "1",
        "digestmod": "hmac-sha256",
        "client_type": "h5",
        "ip_address": "203.0.113.7",
    }
    assert len(user) >= 16
    assert made.keys() == {"success", "gt", "challenge", "new_captcha"}
    assert (made["success"], made["gt"], made["new_captcha"]) == (1, ID, True)
    assert (type(made["success"]), type(made["new_captcha"]), len(made["challenge"])) == (int, bool, 64)


@pytest.mark.parametrize("awkward", ["a&gt=b", "a b", "a#b", "a%26b", "a+b", "账户", "a?b=c;d"])
def test_parameters_are_percent_encoded(awkward):
    geetest = GeeTest()
    made = by_hand(account(captcha_id=awkward, bypass_url=BYPASS).challenge(context()), geetest)
    assert made["gt"] == awkward
    assert [told["gt"] for call in ("bypass", "register") for told in geetest.told(call)] == [awkward, awkward]
    by_hand(account(captcha_id=awkward).verify(fields_of("c" * 32, "a&challenge=b%20+"), context()), geetest)
    [told] = geetest.told("validate")
    assert (told["captchaid"], told["seccode"]) == (awkward, "a&challenge=b%20+|jordan")


@pytest.mark.parametrize("address", ["2001:db8::1", "203.0.113.7"])
def test_the_clients_address_is_told_to_register_and_validate(site, geetest, address):
    world = site()
    world.post(data=solved(world.challenge(client=(address, 1))["challenge"]), client=(address, 1))
    assert [told["ip_address"] for call in ("register", "validate") for told in geetest.told(call)] == [address] * 2


def test_a_trusted_proxy_tells_the_clients_address_and_nobody_else_does(site, geetest):
    world = site(top={"client_ip": {"trusted_proxies": ["10.0.0.0/8"]}})
    headers = {"X-Forwarded-For": "198.51.100.9"}
    world.challenge(client=("10.0.0.1", 1), headers=headers)
    world.challenge(client=("203.0.113.7", 1), headers=headers)
    assert [told["ip_address"] for told in geetest.told("register")] == ["198.51.100.9", "203.0.113.7"]


def test_an_unknown_address_is_called_unknown():
    geetest = GeeTest()
    by_hand(account().challenge(context()), geetest)
    assert geetest.told("register")[0]["ip_address"] == "unknown"


def test_the_challenge_stands_at_a_path_of_the_sites_own_too_and_is_never_cached(site):
    world = site(challenge_path="/getcaptcha")
    challenges = set()
    for path in (CHALLENGE_PATH, "/getcaptcha", CHALLENGE_PATH):
        response = world.request("GET", path)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["content-type"] == "application/json"
        challenges.add(response.json()["challenge"])
    assert (len(challenges), world.seen) == (3, [])
    assert world.request("POST", CHALLENGE_PATH).status_code == 405


# ---- the user


def test_a_random_user_is_the_same_at_register_and_at_validate(site, geetest):
    world = site(user="random")
    for _ in range(2):
        world.post(data=solved(world.challenge()["challenge"] + "iy"))
    registered = [told["user_id"] for told in geetest.told("register")]
    assert [told["user_id"] for told in geetest.told("validate")] == registered
    assert len(set(registered)) == 2


def test_random_users_keep_apart_where_many_ask_at_once(site, geetest):
    world = site()
    made = world.challenges_at_once(12)
    users = {told["user_id"] for told in geetest.told("register")}
    assert len(users) == len({each["challenge"] for each in made}) == 12
    issued = {md5(f"{number:032x}{KEY}") for number in range(1, 13)}
    assert {each["challenge"] for each in made} == issued
    responses = world.together(solved(each["challenge"]) for each in made)
    assert {response.status_code for response in responses} == {200}
    by_challenge = {told["challenge"]: told["user_id"] for told in geetest.told("validate")}
    assert by_challenge.keys() == issued
    assert set(by_challenge.values()) == users


def test_a_random_user_of_a_challenge_that_nobody_issued_is_not_made_up(site, geetest):
    world = site()
    assert world.concluded(TOKEN) == REFUSED
    assert "user_id" not in geetest.told("validate")[0]


def test_a_user_by_cookie_is_an_opaque_id_of_its_value(site, geetest):
    world = site(user={"cookie": "sessionid"})
    for session in ("alices-session", "bobs-session", "alices-session"):
        headers = {"Cookie": f"sessionid={session}"}
        world.post(data=solved(world.challenge(headers=headers)["challenge"]), headers=headers)
    alice, bob, again = [told["user_id"] for told in geetest.told("register")]
    assert [told["user_id"] for told in geetest.told("validate")] == [alice, bob, alice]
    assert alice == again != bob
    sent = b"".join(request.url.query + request.content for request in geetest.asked)
    assert b"session" not in sent
    for digest in ("md5", "sha1", "sha256"):
        assert not hashlib.new(digest, b"alices-session").hexdigest().startswith(alice)


def test_a_user_by_cookie_depends_on_the_key():
    users = []
    for key in (KEY, "f" * 32):
        geetest = GeeTest()
        provider = account(private_key=key, user={"cookie": "sid"})
        by_hand(provider.challenge(context(cookie={"sid": "alices"}.get)), geetest)
        users.append(geetest.told("register")[0]["user_id"])
    assert users[0] != users[1]


@pytest.mark.parametrize("cookie", [None, "sid=", "sid=a; sid=b", "other=a"])
def test_without_the_cookie_no_user_is_told(site, geetest, cookie):
    world = site(user={"cookie": "sid"})
    headers = {"Cookie": cookie} if cookie else {}
    assert world.post(data=solved(world.challenge(headers=headers)["challenge"]), headers=headers).status_code == 200
    assert all("user_id" not in parameters(request) for request in geetest.asked)


@pytest.mark.parametrize("value", [b"\xff\xfe", b'"\\355\\240\\200"', "日本".encode(), b"a%20b&gt=x"])
def test_an_odd_cookie_breaks_nothing(site, geetest, value):
    world = site(user={"cookie": "sid"})
    cookie = b"sid=" + value
    if world.kind == "wsgi":  # httpx sends none but ASCII there
        world.environ["HTTP_COOKIE"] = cookie.decode("latin-1")
    assert world.challenge(headers={"Cookie": cookie} if world.kind == "asgi" else {})["success"] == 1
    [told] = geetest.told("register")
    assert told["gt"] == ID
    assert int(told["user_id"], 16) >= 0


@pytest.mark.parametrize("user", ["alice", {"cookie": ""}, {"header": "x"}, {}, ["random"], 1])
def test_another_kind_of_user_is_an_error(user):
    with pytest.raises(PolicyError, match="user"):
        policy_of(providers={"gt": {**ACCOUNT, "user": user}})


@pytest.mark.parametrize(
    "keys", [{"digestmod": "sha1"}, {"private_key": ""}, {"captcha_id": ""}, {"bypass_url": "/bypass"}, {"offline": 1}]
)
def test_settings_of_the_wrong_kind_are_errors(keys):
    with pytest.raises(PolicyError, match=next(iter(keys))):
        policy_of(providers={"gt": {**ACCOUNT, **keys}})


# ---- validate


def test_validate_is_told_what_the_page_sent_and_the_account(site, geetest):
    world = site()
    issued = world.challenge()["challenge"]
    assert world.concluded(solved(issued + "iy")) == PASSED
    request = geetest.asked[-1]
    assert (request.method, str(request.url)) == ("POST", "https://api.geetest.com/validate.php")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    told = parameters(request)
    assert told.pop("sdk")
    assert told == {
        "seccode": solved(issued + "iy")["geetest_seccode"],
        "challenge": issued + "iy",
        "captchaid": ID,
        "json_format": "1",
        "client_type": "web",
        "ip_address": "127.0.0.1",
        "user_id": geetest.told("register")[0]["user_id"],
    }


@pytest.mark.parametrize(
    ("reply", "conclusion"),
    [
        ({"seccode": "false"}, ("failed", "invalid_token")),
        ({"seccode": False}, ("failed", "invalid_token")),
        ({"status": "fail"}, ("failed", "invalid_token")),
        ({"seccode": "0" * 32}, ("failed", "invalid_token")),
        ({"seccode": TOKEN["geetest_seccode"]}, ("unavailable", "bad_reply")),
        ({"seccode": True}, ("unavailable", "bad_reply")),
        ({"seccode": [ANSWERED[0][2]]}, ("unavailable", "bad_reply")),
        ({"seccode": {"md5": ANSWERED[0][2]}}, ("unavailable", "bad_reply")),
        ({"seccode": 1}, ("unavailable", "bad_reply")),
        ({"seccode": 1.5}, ("unavailable", "bad_reply")),
        ({"seccode": "true"}, ("unavailable", "bad_reply")),
        ({"seccode": ANSWERED[0][2] + "\n"}, ("unavailable", "bad_reply")),
        ({"status": "success"}, ("unavailable", "bad_reply")),
        ({"result": "success"}, ("unavailable", "bad_reply")),
        ([ANSWERED[0][2]], ("unavailable", "bad_reply")),
        (ANSWERED[0][2], ("unavailable", "bad_reply")),
        (says(200, ANSWERED[0][2]), ("unavailable", "bad_reply")),
        (says(200, "false"), ("unavailable", "bad_reply")),
        (says(200, ""), ("unavailable", "bad_reply")),
        (says(200, "<html>"), ("unavailable", "bad_reply")),
        (says(200, f'{{"seccode": "false", "seccode": "{ANSWERED[0][2]}"}}'), ("unavailable", "bad_reply")),
        (says(200, f'{{"seccode": "{ANSWERED[0][2]}"'), ("unavailable", "bad_reply")),
        (says(500, f'{{"seccode": "{ANSWERED[0][2]}"}}'), ("unavailable", "provider_error")),
        (says(429), ("unavailable", "throttled")),
        (says(302, location="https://elsewhere.invalid/"), ("unavailable", "bad_reply")),
        (says(403, f'{{"seccode": "{ANSWERED[0][2]}"}}'), ("unavailable", "bad_reply")),
        (says(403, "forbidden"), ("misconfigured", "bad_credentials")),
    ],
)
def test_each_reply_of_validate_has_its_verdict(reply, conclusion):
    assert conclusion_of(reply) == conclusion


@pytest.mark.parametrize("seccode", [None, "", "False", "0"])
def test_a_seccode_that_says_nothing_is_never_a_pass(seccode):
    assert conclusion_of({"seccode": seccode})[0] in ("failed", "unavailable")


@pytest.mark.parametrize("name", TOKEN)
@pytest.mark.parametrize("value", ["a b", "a\nb", 'a"b', "a\\b", "<b>", "é", "x" * 5000])
def test_what_no_script_sends_is_refused_before_any_call(site, geetest, name, value):
    world = site()
    assert world.concluded({**TOKEN, name: value}) == (403, "failed", "malformed_token")
    assert geetest.asked == []


# ---- bypass


def test_where_no_bypass_url_stands_nobody_asks_for_its_status(site, geetest):
    site().challenge()
    assert geetest.calls == ["register"]


def test_bypass_is_asked_at_its_own_url_and_before_register(site, geetest):
    assert site(bypass_url=BYPASS, base_url="https://private.example").challenge()["success"] == 1
    bypass, register = geetest.asked
    assert (bypass.method, str(bypass.url)) == ("GET", f"{BYPASS}?gt={ID}")
    assert register.url.host == "private.example"


def test_where_bypass_says_fail_register_is_not_even_asked(site, geetest):
    world = site(bypass_url=BYPASS)
    geetest.bypass = says_json({"status": "fail"})
    made = world.challenge()
    assert (made["success"], type(made["success"]), made["gt"], made["new_captcha"]) == (0, int, ID, True)
    assert len(made["challenge"]) == 32
    assert geetest.calls == ["bypass"]


@pytest.mark.parametrize(
    "answer",
    [
        *[says_json({"status": status}) for status in ("success", None, True, False, 0, 1, ["fail"], {"fail": 1}, "")],
        *[says_json(document) for document in ({}, [], "fail", None, {"result": "fail"})],
        says(200, '{"status": "fail"'),
        says(200, '{"status": "success", "status": "fail"}'),
        says(500, '{"status": "fail"}'),
        says(403, '{"status": "fail"}'),
        says(302, '{"status": "fail"}', location="https://elsewhere.invalid/"),
        says(200, "fail"),
        says(200, "<html>fail</html>"),
        raises(httpx.ConnectError("refused")),
        raises(httpx.ReadTimeout("silent")),
    ],
)
def test_register_decides_unless_bypass_itself_says_fail(site, geetest, answer):
    world = site(bypass_url=BYPASS)
    geetest.bypass = answer
    assert world.challenge()["success"] == 1
    assert geetest.calls == ["bypass", "register"]


def test_bypass_is_asked_once_in_ten_seconds_whoever_asks(site, geetest):
    world = site(bypass_url=BYPASS)
    world.challenges_at_once(8)
    assert geetest.calls.count("bypass") == 1
    for seconds, asked in ((9.9, 1), (0.2, 2), (9.7, 2), (0.4, 3)):
        world.clock.now += seconds
        world.challenge()
        assert geetest.calls.count("bypass") == asked


def test_a_bypass_that_does_not_answer_is_not_asked_again_at_once(site, geetest):
    world = site(bypass_url=BYPASS)
    geetest.bypass = raises(httpx.ReadTimeout("silent"))
    for _ in range(3):
        assert world.challenge()["success"] == 1
    assert geetest.calls.count("bypass") == 1


def silent(world: Site) -> Any:
    """A host that takes all the time it is given."""

    def answer(request: httpx.Request) -> httpx.Response:
        world.clock.now += request.extensions["timeout"]["read"]
        raise httpx.ReadTimeout("silent")

    return answer


@pytest.mark.parametrize("timeout", ["3s", "1s", "400ms", "50ms"])
def test_a_silent_bypass_host_leaves_register_its_time(site, geetest, timeout):
    """Register decides where bypass does not answer, so it must be left some time to do so."""
    world = site(bypass_url=BYPASS, timeout=timeout)
    geetest.bypass = silent(world)
    assert world.challenge()["success"] == 1
    assert geetest.calls == ["bypass", "register"]
    assert world.clock.now <= NOW + 1


# ---- register is down


DOWN = {
    "refused": raises(httpx.ConnectError("refused")),
    "no route": raises(httpx.ConnectTimeout("silent")),
    "silent": raises(httpx.ReadTimeout("silent")),
    "cut off": raises(httpx.RemoteProtocolError("closed")),
    "HTTP 500": says(500, '{"challenge": "0123456789abcdef0123456789abcdef"}'),
    "HTTP 502": says(502, "<html>"),
    "HTTP 503": says(503),
    "HTML": says(200, "<html>maintenance</html>"),
    "nothing": says(200),
    "truncated": says(200, '{"challenge": "0123456789abc'),
    "too long": says(200, b'{"challenge": "' + b"0" * 70_000 + b'"}'),
}
#: Register answers, and has no challenge to give.
NONE_TO_GIVE = {
    "zero": says_json({"challenge": "0"}),
    "a number": says_json({"challenge": 0}),
    "empty": says_json({"challenge": ""}),
    "a list": says_json({"challenge": [ORIGIN]}),
    "null": says_json({"challenge": None}),
    "true": says_json({"challenge": True}),
    "an object": says_json({"challenge": {"challenge": ORIGIN}}),
    "too short": says_json({"challenge": "abc"}),
    "no digits": says_json({"challenge": "<script>alert(1)</script>........"}),
    "missing": says_json({}),
    "no object": says_json([ORIGIN]),
}
#: It refuses us, or somebody stands between: no outage.
REFUSES = {
    **{f"HTTP {status}": says(status, "no") for status in (301, 302, 307, 400, 401, 403, 404, 429)},
    "HTTP 403 with a challenge": says(403, f'{{"challenge": "{ORIGIN}"}}'),
    "a redirect with a challenge": says(302, f'{{"challenge": "{ORIGIN}"}}', location="https://elsewhere.invalid/"),
    "a certificate that is not trusted": raises(untrusted()),
}


@pytest.mark.parametrize("how", [*DOWN, *NONE_TO_GIVE])
def test_where_register_fails_the_page_gets_an_offline_challenge(site, geetest, how):
    world = site()
    geetest.register = {**DOWN, **NONE_TO_GIVE}[how]
    made = world.challenge()
    challenge = made.pop("challenge")
    assert made == {"success": 0, "gt": ID, "new_captcha": True}
    assert type(made["success"]) is int
    assert len(challenge) == 32
    assert challenge.isalnum()
    assert challenge == challenge.lower()
    assert world.challenge()["challenge"] != challenge


@pytest.mark.parametrize("digestmod", ["sha256", "hmac-sha256"])
def test_an_offline_challenge_has_32_characters_whatever_the_digestmod(digestmod):
    made = by_hand(account(digestmod=digestmod).challenge(context()), says(503))
    assert len(made["challenge"]) == 32


@pytest.mark.parametrize("how", REFUSES)
def test_where_register_refuses_us_there_is_no_challenge_at_all(site, geetest, how):
    world = site()
    geetest.register = REFUSES[how]
    response = world.request("GET", CHALLENGE_PATH)
    assert response.status_code == 503
    assert "retry-after" in response.headers
    assert '"challenge"' not in response.text


@pytest.mark.parametrize("up", [True, False])
def test_above_the_cap_there_is_no_challenge_and_none_offline_either(site, geetest, monkeypatch, up):
    monkeypatch.setattr(geetest_v3, "MAX_REGISTERED", 3)
    world = site()
    if not up:
        geetest.falls_silent()
    assert [world.request("GET", CHALLENGE_PATH).status_code for _ in range(5)] == [200, 200, 200, 503, 503]
    asked = len(geetest.asked)
    world.clock.now += 11
    assert world.challenge()["success"] == int(up)
    assert len(geetest.asked) > asked


@pytest.mark.parametrize("same", [("203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::2")])
def test_one_client_cannot_use_up_everybodys_challenges(site, monkeypatch, same):
    monkeypatch.setattr(geetest_v3, "MAX_REGISTERED", 5)
    monkeypatch.setattr(geetest_v3, "MAX_OF_ONE", 2)
    world = site()

    def asks(address):
        return world.request("GET", CHALLENGE_PATH, client=(address, 1)).status_code

    assert [asks(address) for address in same * 5] == [200, 200, *[503] * 8]
    assert [asks("2001:db8:0:1::1") for _ in range(3)] == [200, 200, 503]
    assert [asks(f"198.51.100.{last}") for last in range(3)] == [200, 503, 503]  # the cap of all together
    world.clock.now += 11
    assert asks(same[0]) == 200


def test_clients_whose_address_nobody_knows_share_the_cap_of_all(site, monkeypatch):
    monkeypatch.setattr(geetest_v3, "MAX_REGISTERED", 2)
    monkeypatch.setattr(geetest_v3, "MAX_OF_ONE", 1)
    world = site()
    statuses = [world.request("GET", CHALLENGE_PATH, client=("/run/app.sock", 0)).status_code for _ in range(3)]
    assert statuses == [200, 200, 503]


def test_offline_challenges_that_bypass_asks_for_need_no_register_and_no_cap(site, geetest, monkeypatch):
    monkeypatch.setattr(geetest_v3, "MAX_REGISTERED", 0)
    world = site(bypass_url=BYPASS)
    geetest.bypass = says_json({"status": "fail"})
    assert world.challenge()["success"] == 0


# ---- what an offline answer is worth


@pytest.fixture
def outage(site, geetest):
    """A site whose GeeTest is silent, and an offline challenge of it."""

    def build(rule: Mapping[str, Any] = LOGIN, **keys: Any) -> tuple[Site, str]:
        world = site(rule, **keys)
        geetest.falls_silent()
        made = world.challenge()
        assert made["success"] == 0
        geetest.asked.clear()
        return world, made["challenge"]

    return build


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("more", ["", "iy"])
def test_an_offline_answer_is_unavailable_and_never_verified(outage, geetest, version, more):
    world, challenge = outage()
    assert world.concluded(offline_answers(challenge + more)[version]) == CLOSED
    decision = world.decisions[-1]
    assert (decision.verified, decision.allowed, world.seen, geetest.asked) == (False, False, [], [])


@pytest.mark.parametrize("digestmod", ["md5", "sha256", "hmac-sha256"])
def test_an_offline_answer_that_opens_is_not_verified_and_good_once(outage, digestmod):
    world, challenge = outage(OPENS, digestmod=digestmod)
    assert world.concluded(offline_answers(challenge)[0]) == OPENED
    decision = world.decisions[-1]
    assert (decision.opened, decision.verified, decision.provider) == (True, False, "gt")
    assert world.seen[-1].decision == decision
    for again in [*offline_answers(challenge), *offline_answers(challenge + "iy"), *offline_answers(challenge + "a")]:
        assert world.concluded(again) == REPLAYED
    assert len(world.seen) == 1


def test_of_many_who_send_one_offline_answer_at_once_one_is_let_through(outage):
    world, challenge = outage(OPENS)
    responses = world.together([offline_answers(challenge)[0]] * 8)
    assert sorted(response.status_code for response in responses) == [200] + [403] * 7


def test_a_refused_offline_answer_is_given_back(outage):
    world, challenge = outage()
    for _ in range(2):
        assert world.concluded(offline_answers(challenge)[0]) == CLOSED


def test_an_offline_answer_expires(outage):
    world, challenge = outage(OPENS)
    world.clock.now += LIFE + 1
    assert world.concluded(offline_answers(challenge)[0]) == (403, "failed", "expired")
    world.clock.now -= 2
    assert world.concluded(offline_answers(challenge)[0]) == OPENED
    world.clock.now += 1000
    assert world.concluded(offline_answers(challenge)[0]) == (403, "failed", "expired")


def test_every_process_of_the_account_knows_an_offline_challenge(outage, site):
    _, challenge = outage()
    assert site().concluded(offline_answers(challenge)[0]) == CLOSED


def is_offline(challenge: str, **keys: Any) -> bool:
    """Whether a provider takes a challenge for one of its own offline ones: then it asks nobody."""
    return conclusion_of(says_json({"seccode": "false"}), offline_answers(challenge)[0], **keys) == (
        "unavailable",
        "offline",
    )


def an_offline_challenge(**keys: Any) -> str:
    return by_hand(account(**keys).challenge(context()), says(503))["challenge"]


def test_no_character_of_an_offline_challenge_can_be_changed():
    challenge = an_offline_challenge()
    assert is_offline(challenge)
    for place, character in itertools.product(range(32), "abcdefghijklmnopqrstuvwxyz0123456789-_="):
        if challenge[place] != character:
            assert not is_offline(challenge[:place] + character + challenge[place + 1 :])


def test_an_offline_challenge_is_nobody_elses():
    challenge = an_offline_challenge()
    assert not is_offline(challenge, private_key="f" * 32)
    assert not is_offline(challenge, captcha_id="f" * 32)
    assert not is_offline(challenge.upper())
    assert not is_offline(challenge[:16] + challenge[16:].upper())
    for odd in (challenge[:-1], challenge + "aaa", "a" + challenge, challenge + "=" * 8, "a" * 32, "0" * 32, ORIGIN):
        assert not is_offline(odd)


@pytest.mark.parametrize("how", ["changed", "other key", "upper case", "longer", "made up"])
def test_a_forged_offline_challenge_is_an_online_one_that_geetest_refuses(outage, geetest, how):
    world, challenge = outage(OPENS)
    geetest.recovers()
    forged = {
        "changed": ("b" if challenge[0] == "a" else "a") + challenge[1:],
        "other key": an_offline_challenge(private_key="f" * 32),
        "upper case": challenge.upper(),
        "longer": challenge + "abc",
        "made up": "a" * 32,
    }[how]
    for answer in offline_answers(forged):
        assert world.concluded(answer) in (REFUSED, REPLAYED)
    assert geetest.calls == ["validate"]
    assert world.seen == []


JUNK = {
    "another validate": {"geetest_validate": "0" * 32},
    "a solved one": None,
    "another seccode": {"geetest_seccode": "0" * 32 + "|jordan"},
    "no jordan": {"geetest_seccode": "0" * 32},
    "somebody else's digest": {"geetest_validate": md5("x"), "geetest_seccode": md5("x") + "|jordan"},
    "the image puzzle": {"geetest_validate": "cccccc00001a_ccccccda_cccccc011"},
}


@pytest.mark.parametrize("how", JUNK)
def test_junk_for_an_offline_challenge_fails_and_claims_nothing(outage, geetest, how):
    world, challenge = outage(OPENS)
    junk = solved(challenge) if JUNK[how] is None else {**offline_answers(challenge)[0], **JUNK[how]}
    assert world.concluded(junk) == REFUSED
    assert geetest.asked == []
    assert world.concluded(offline_answers(challenge)[0]) == OPENED


def test_an_offline_answer_to_a_challenge_of_the_old_packages_is_none():
    """Those made 34 characters of two small numbers, or the MD5 of nothing: ten thousand challenges at most."""
    for old in ("a1d0c6e83f027327d8461063f4ac58a68f", "cfcd208495d565ef66e7dff9f98764dacf", md5("")):
        assert not is_offline(old)


# ---- opening needs proof


@pytest.mark.parametrize("how", DOWN)
def test_an_offline_answer_opens_while_register_does_not_answer(outage, geetest, how):
    world, challenge = outage(OPENS)
    geetest.recovers()
    geetest.register = DOWN[how]
    assert world.concluded(offline_answers(challenge)[0]) == OPENED
    assert set(geetest.calls) == {"register"}


#: What the vendor documents: "empty or 0 means failed".
@pytest.mark.parametrize("how", ["zero", "a number", "empty", "null"])
def test_a_register_that_has_no_challenge_to_give_locks_nobody_out(site, geetest, how):
    """It makes the challenge an offline one; asked again by the probe, the same words cannot mean the reverse."""
    world = site(OPENS)
    geetest.register = NONE_TO_GIVE[how]
    made = world.challenge()
    assert made["success"] == 0
    assert world.concluded(offline_answers(made["challenge"])[0]) == OPENED


def test_junk_tokens_lock_nobody_out_while_geetest_says_that_it_is_out_of_order(site, geetest):
    """Its own word on its state is no client's to take back: validate may well answer junk meanwhile."""
    world = site(OPENS, bypass_url=BYPASS)
    geetest.bypass = says_json({"status": "fail"})
    challenge = world.challenge()["challenge"]
    assert world.concluded(offline_answers("a" * 32)[0]) == REFUSED
    assert world.concluded(offline_answers(challenge)[0]) == OPENED


@pytest.mark.parametrize("how", [*REFUSES, "a challenge"])
def test_an_offline_answer_opens_nothing_where_register_answers(outage, geetest, how):
    world, challenge = outage(OPENS)
    geetest.recovers()
    if how in REFUSES:
        geetest.register = REFUSES[how]
    assert world.concluded(offline_answers(challenge)[0]) == CLOSED
    assert world.seen == []


def test_an_offline_answer_opens_while_bypass_says_fail(outage, geetest):
    world, challenge = outage(OPENS, bypass_url=BYPASS)
    geetest.recovers()
    geetest.bypass = says_json({"status": "fail"})
    assert world.concluded(offline_answers(challenge)[0]) == OPENED
    assert geetest.calls == ["bypass"]


def test_bypass_that_says_success_opens_nothing_by_itself_and_keeps_nothing_closed(outage, geetest):
    world, challenge = outage(OPENS, bypass_url=BYPASS)
    geetest.bypass = says_json({"status": "success"})
    assert world.concluded(offline_answers(challenge)[0]) == OPENED
    world.clock.now += 6
    geetest.recovers()
    other = an_offline_challenge()
    assert world.concluded(offline_answers(other)[0]) == CLOSED


@pytest.mark.parametrize("timeout", ["3s", "1s", "300ms"])
def test_a_silent_bypass_host_opens_nothing_while_register_answers(outage, geetest, timeout):
    """What was not asked has not failed to answer."""
    world, challenge = outage(OPENS, bypass_url=BYPASS, timeout=timeout)
    geetest.recovers()
    geetest.bypass = silent(world)
    assert world.concluded(offline_answers(challenge)[0]) == CLOSED
    assert world.seen == []


def test_the_probe_bears_nothing_of_the_clients_answer(outage, geetest):
    world, challenge = outage(OPENS, user={"cookie": "sid"})
    world.post(data=offline_answers(challenge)[0], headers={"Cookie": "sid=alices"})
    for told in geetest.told("register"):
        assert challenge not in str(told)
        assert "alices" not in str(told)
    [user] = {told["user_id"] for told in geetest.told("register")}
    geetest.asked.clear()
    geetest.recovers()
    world.challenge(headers={"Cookie": "sid=alices"})
    assert geetest.told("register")[0]["user_id"] != user


def test_an_answer_to_anybody_closes_the_gate_for_five_seconds(outage, geetest):
    world, challenge = outage(OPENS)
    geetest.recovers()
    assert world.challenge()["success"] == 1
    geetest.falls_silent()
    assert world.concluded(offline_answers(challenge)[0]) == CLOSED
    world.clock.now += 5.1
    assert world.concluded(offline_answers(challenge)[0]) == OPENED


# ---- the state changes between register and validate


def test_geetest_comes_back_before_an_offline_answer_is_sent(outage, geetest):
    world, challenge = outage(OPENS)
    geetest.recovers()
    assert world.concluded(offline_answers(challenge)[0]) == CLOSED
    assert world.concluded(solved(world.challenge()["challenge"])) == PASSED
    assert len(world.seen) == 1


@pytest.mark.parametrize("rule", [LOGIN, OPENS])
def test_geetest_goes_down_before_an_online_answer_is_sent(site, geetest, rule):
    world = site(rule)
    challenge = world.challenge()["challenge"]
    world.clock.now += 6
    geetest.falls_silent()
    opens = rule is OPENS
    assert world.concluded(solved(challenge)) == (200 if opens else 503, "unavailable", "network")
    assert world.decisions[-1].verified is False
    world.clock.now += 6
    geetest.recovers()
    # What was let through is used; what was refused for the outage is not.
    assert world.concluded(solved(challenge)) == (REPLAYED if opens else PASSED)


def test_bypass_turns_to_fail_before_an_online_answer_is_sent(site, geetest):
    world = site(OPENS, bypass_url=BYPASS)
    good, bad = (world.challenge()["challenge"] for _ in range(2))
    geetest.bypass = says_json({"status": "fail"})
    assert world.concluded(solved(good)) == PASSED
    assert world.concluded({**solved(bad), "geetest_seccode": "x|jordan"}) == REFUSED


def test_bypass_turns_to_success_before_an_offline_answer_is_sent(site, geetest):
    world = site(OPENS, bypass_url=BYPASS)
    geetest.bypass = says_json({"status": "fail"})
    challenge = world.challenge()["challenge"]
    geetest.bypass = says_json({"status": "success"})
    assert world.concluded(offline_answers(challenge)[0]) == CLOSED
    world.clock.now += 10.1
    assert world.concluded(solved(world.challenge()["challenge"])) == PASSED


# ---- the client lies about the mode


def test_an_offline_answer_to_an_online_challenge_is_refused_by_geetest(site, geetest):
    world = site(OPENS)
    for version in (0, 1):
        challenge = world.challenge()["challenge"]
        assert world.concluded(offline_answers(challenge)[version]) == REFUSED
    assert geetest.calls.count("validate") == 2
    assert world.seen == []


@pytest.mark.parametrize("up", [True, False])
def test_an_online_answer_to_an_offline_challenge_is_refused_without_a_call(outage, geetest, up):
    world, challenge = outage(OPENS)
    if up:
        geetest.recovers()
    assert world.concluded(solved(challenge)) == REFUSED
    assert geetest.asked == []


@pytest.mark.parametrize("more", [{"success": "0"}, {"offline": "true"}, {"gt_server_status": "0"}])
def test_further_fields_choose_no_mode(site, geetest, more):
    world = site(OPENS)
    for answer in offline_answers(CLICK):
        assert world.concluded({**answer, **more})[0] == 403
    assert geetest.calls == ["validate"]


def test_without_a_challenge_nothing_is_let_through(outage):
    world, challenge = outage(OPENS)
    for missing in TOKEN:
        fields = {name: value for name, value in offline_answers(challenge)[0].items() if name != missing}
        assert world.concluded(fields) == (403, "missing", "missing_token")


@pytest.mark.parametrize("status", [302, 400, 403, 429])
@pytest.mark.parametrize("body", ['{"challenge": "0"}', '{"challenge": ""}', '{"challenge": 0}'])
def test_a_refusal_without_a_challenge_opens_nothing(kind, status, body):
    """The challenge endpoint takes it for a refusal (503, none offline); the probe must not take it for less."""
    geetest = GeeTest()
    world = Site(kind, geetest, OPENS)
    try:
        geetest.falls_silent()
        challenge = world.challenge()["challenge"]
        geetest.register = says(status, body)
        assert world.concluded(offline_answers(challenge)[0]) == CLOSED
        assert world.seen == []
    finally:
        world.close()
