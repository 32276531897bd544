"""Clearance and forgiveness: when an earlier pass stands for a request, for whom, how often, and when it does not."""

from __future__ import annotations

import asyncio
import json
import time
from http.cookies import SimpleCookie

import altcha
import httpx
import pytest
from support.live import ManualClock
from support.world import GEETEST, LOGIN, PASSES, REFUSES, TOKEN, answering, policy_of

from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.passes.signing import Signer
from captcha_gate.stores.memory import MemoryStore

KEY = "a key for tests that has at least 32 bytes"
CLEARS = {**LOGIN, "clearance": {"ttl": "10m", "uses": 2, "realm": "auth"}}
FORGIVES = {**LOGIN, "forgive": {"status": [401, 422], "ttl": "2m"}}
SCORED = {
    "global": {"type": "recaptcha-v3", "site_key": "a-site-key", "secret": "a-secret"},
    "other": {"type": "recaptcha-v3", "site_key": "another-site-key", "secret": "another-secret"},
}


class Visitor:
    """A browser's cookies, and a gate whose clock can be moved."""

    def __init__(self, world):
        self.world = world
        self.jar: dict[str, str] = {}
        self.clock = ManualClock()
        world.gate._mounted.gate._clock = self.clock

    def post(self, url="/login", token=None, **options):
        options.setdefault("data", token)
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        response = self.world.post(url, headers={"cookie": cookie} if cookie else {}, **options)
        for header in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.jar[name] = morsel.value
        return response

    @property
    def why(self):
        decision = self.world.decisions[-1]
        return f"{decision.outcome}/{decision.reason}"


@pytest.fixture
def visiting(world):
    def visitor(*rules, reply=PASSES, **top):
        policy = policy_of(*rules, **{"secret_key": KEY, **top})
        return Visitor(world(policy, answering(reply)))

    return visitor


def fresh(number):
    return {**TOKEN, "lot_number": f"{number:032x}"}


def test_a_clearance_stands_for_as_many_requests_as_it_has_uses(visiting):
    browser = visiting(CLEARS)
    assert browser.post(token=TOKEN).status_code == 200
    for _ in range(2):
        assert browser.post().status_code == 200
        assert browser.why == "cleared/clearance"
        assert browser.world.decisions[-1].verified
        assert browser.world.decisions[-1].provider == "cn"
    assert browser.post().status_code == 403
    assert browser.why == "missing/missing_token"
    assert len(browser.world.asked) == 1


def test_a_clearance_without_uses_lasts_for_its_time_and_no_longer(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "10m"}})
    browser.post(token=TOKEN)
    browser.clock.now += 599
    assert [browser.post().status_code for _ in range(5)] == [200] * 5
    browser.clock.now += 2
    assert browser.post().status_code == 403


def test_only_a_token_that_passed_just_now_gives_a_clearance(visiting):
    browser = visiting({**CLEARS, "on_fail": "annotate"}, reply=REFUSES)
    assert browser.post(token=TOKEN).status_code == 200  # annotated
    assert browser.jar == {}
    browser.world.vendor = answering(PASSES)
    browser.post(token=fresh(1))
    issued = dict(browser.jar)
    browser.post()
    assert browser.jar == issued  # a cleared request gives no other


def test_a_clearance_counts_for_its_realm_and_for_no_other(visiting):
    others = [
        {"name": "comments", "match": "/comments", "clearance": {"ttl": "10m", "realm": "auth"}},
        {"name": "signup", "match": "/signup", "clearance": {"ttl": "10m"}},
        {"name": "plain", "match": "/plain"},
    ]
    browser = visiting({**LOGIN, "clearance": {"ttl": "10m", "realm": "auth"}}, *others)
    browser.post(token=TOKEN)
    codes = {path: browser.post(path).status_code for path in ("/comments", "/signup", "/plain")}
    assert codes == {"/comments": 200, "/signup": 403, "/plain": 403}
    # Nor under the other realm's name.
    browser.jar = {name.replace("auth", "signup"): value for name, value in browser.jar.items()}
    assert browser.post("/signup").status_code == 403


def test_a_rule_takes_only_a_pass_that_it_would_have_accepted_itself(visiting):
    realm = {"clearance": {"ttl": "10m", "realm": "all"}}
    strict = {"name": "strict", "match": "/strict", "providers": "global", "score": {"min": 0.9}, **realm}
    bound = {"name": "bound", "match": "/bound", "providers": "global", "bind": {"action": "pay"}, **realm}
    elsewhere = {"name": "elsewhere", "match": "/elsewhere", "providers": "other", "score": {"min": 0.1}, **realm}
    aged = {"name": "aged", "match": "/aged", "providers": "global", "max_age": "1m", **realm}
    login = {**LOGIN, "providers": ["global"], "score": {"min": 0.5}, **realm}
    reply = {"success": True, "score": 0.7, "action": "login", "challenge_ts": "1970-01-01T00:16:30Z"}
    browser = visiting(login, strict, bound, elsewhere, aged, providers=SCORED, reply=reply)
    browser.post(token={"g-recaptcha-response": "a-token"})
    assert browser.post().status_code == 200
    assert browser.world.decisions[-1].score == 0.7
    assert browser.post("/aged").status_code == 200
    for path in ("/strict", "/bound", "/elsewhere"):
        assert browser.post(path).status_code == 403, path
    browser.clock.now += 120
    assert browser.post("/aged").status_code == 403


def test_a_clearance_that_was_changed_or_signed_by_others_is_none(visiting):
    browser = visiting(CLEARS)
    browser.post(token=TOKEN)
    [(name, value)] = browser.jar.items()
    forger = visiting(CLEARS, secret_key="another key that has at least 32 bytes, too")
    forger.post(token=TOKEN)
    for other in (value[:-2] + "xx", "x" + value, value.partition(".")[0], "", *forger.jar.values()):
        browser.jar = {name: other}
        assert browser.post().status_code == 403, other


@pytest.mark.parametrize("value", ["é.é.é", "\ufffd", "a.b", "..", ".e.e", "\0", "😀" * 2000])
def test_what_nobody_signed_is_read_as_nothing(value):
    assert Signer([KEY], "clearance").read(value) is None


def test_what_was_signed_for_another_purpose_is_not_read():
    assert Signer([KEY], "clearance").read(Signer([KEY], "another").sign({"id": "1"})) is None


def test_keys_rotate_and_removing_one_revokes_what_it_signed(visiting):
    new = "a newer key that has at least 32 bytes, of course"
    browser = visiting({**LOGIN, "clearance": {"ttl": "10m"}})
    browser.post(token=TOKEN)
    for keys, status in (([KEY, new], 200), ([new], 403)):
        later = visiting({**LOGIN, "clearance": {"ttl": "10m"}}, secret_key=keys)
        later.jar = browser.jar
        assert later.post().status_code == status
    rotated = visiting({**LOGIN, "clearance": {"ttl": "10m"}}, secret_key=[KEY, new])
    rotated.post(token=TOKEN)
    after = visiting({**LOGIN, "clearance": {"ttl": "10m"}}, secret_key=[new])
    after.jar = rotated.jar
    assert after.post().status_code == 200


def test_a_clearance_that_is_bound_to_a_network_stays_in_it(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "10m", "bind_network": "true"}})
    browser.post(token=TOKEN, client=("192.0.2.7", 1))
    assert browser.post(client=("192.0.2.99", 1)).status_code == 200
    assert browser.post(client=("192.0.3.7", 1)).status_code == 403
    assert browser.post(client=("2001:db8::1", 1)).status_code == 403


def test_over_tls_the_cookie_is_the_hosts_own_and_the_plain_name_is_not_read(visiting):
    browser = visiting(CLEARS)
    browser.world.scheme = "https"
    header = browser.post(token=TOKEN).headers["set-cookie"]
    assert header.startswith("__Host-captcha_gate_clearance_auth_")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"} <= set(header.split("; "))
    [(name, value)] = browser.jar.items()
    browser.jar = {name.removeprefix("__Host-"): value}
    assert browser.post().status_code == 403
    browser.jar = {name: value}
    assert browser.post().status_code == 200


def test_a_proxy_of_ours_may_say_that_the_client_came_by_tls(visiting):
    browser = visiting(CLEARS, client_ip={"trusted_proxies": ["127.0.0.1"]})
    trusted = browser.world.post(data=TOKEN, headers={"x-forwarded-proto": "https"})
    assert "Secure" in trusted.headers["set-cookie"]
    stranger = browser.world.post(data=fresh(1), headers={"x-forwarded-proto": "https"}, client=("192.0.2.1", 1))
    assert "Secure" not in stranger.headers["set-cookie"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([], "private"),
        ([("Cache-Control", "public, max-age=60")], "private, max-age=60"),
        ([("cache-control", "s-maxage=9"), ("Cache-Control", "max-age=5")], "private, max-age=5"),
        ([("Cache-Control", "no-store")], "no-store"),
    ],
)
def test_an_answer_that_carries_a_cookie_of_ours_is_kept_by_no_shared_cache(visiting, said, kept):
    browser = visiting(CLEARS)
    browser.world.headers = [*said, ("Set-Cookie", "theirs=1"), ("X-Other", "stays")]
    response = browser.post(token=TOKEN)
    assert response.headers["cache-control"] == kept
    assert response.headers["x-other"] == "stays"
    assert len(response.headers.get_list("set-cookie")) == 2
    # Where we add none, the answer is the application's.
    plain = browser.post()
    assert plain.headers.get_list("set-cookie") == ["theirs=1"]
    assert plain.headers.get("cache-control") == (", ".join(value for _, value in said) or None)


def test_a_store_that_is_full_counts_no_uses_and_clears_nobody(visiting):
    browser = visiting(CLEARS)
    browser.post(token=TOKEN)
    browser.world.gate._mounted.store._max_entries = 1
    response = browser.post()
    assert (response.status_code, response.json()["code"]) == (503, "store_error")


@pytest.mark.parametrize("status", ["401 Unauthorized", "422 Unprocessable Entity"])
def test_a_mistyped_password_costs_no_second_captcha_once(visiting, status):
    browser = visiting(FORGIVES)
    browser.world.status = status
    assert browser.post(token=TOKEN).status_code == int(status[:3])
    assert browser.post(token=TOKEN).status_code == int(status[:3])  # the same form, its spent token and all
    assert browser.why == "cleared/forgiven"
    assert browser.world.decisions[-1].verified
    assert browser.post(token=TOKEN).status_code == 403
    assert browser.why == "failed/replayed"
    assert len(browser.world.asked) == 1


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "403 Forbidden", "500 Oh"])
def test_no_other_answer_forgives(visiting, status):
    browser = visiting(FORGIVES)
    browser.world.status = status
    browser.post(token=TOKEN)
    assert browser.jar == {}


def test_what_was_not_verified_just_now_is_not_forgiven(visiting):
    browser = visiting({**FORGIVES, "on_fail": "annotate"}, reply=REFUSES)
    browser.world.status = "401 Unauthorized"
    browser.post(token=TOKEN)
    assert browser.jar == {}
    browser.world.vendor = answering(PASSES)
    browser.post(token=fresh(1))
    first = dict(browser.jar)
    browser.post()
    assert browser.why == "cleared/forgiven"
    assert browser.jar == first  # a forgiven try that fails again is not forgiven again


def test_forgiveness_ends_with_its_time(visiting, kind):
    clock = ManualClock()
    browser = visiting(FORGIVES)
    browser.world.gate._mounted.store._clock = clock
    browser.world.status = "401 Unauthorized"
    browser.post(token=TOKEN)
    clock.now += 121
    assert browser.post().status_code == 403


def test_tabs_do_not_use_up_each_others_forgiveness(visiting):
    browser = visiting(FORGIVES)
    browser.world.status = "401 Unauthorized"
    for number in range(3):
        browser.jar, before = {}, dict(browser.jar)
        browser.post(token=fresh(number))
        browser.jar = {**before, **browser.jar}
    assert len(browser.jar) == 3
    assert [browser.post().status_code for _ in range(4)] == [401, 401, 401, 403]


def test_forgiveness_counts_on_its_own_rule_only_and_cannot_be_made_up(visiting):
    browser = visiting(FORGIVES, {**FORGIVES, "name": "signup", "match": "/signup"})
    browser.world.status = "401 Unauthorized"
    browser.post(token=TOKEN)
    [(name, value)] = browser.jar.items()
    browser.jar = {name.replace("login", "signup"): value}
    assert browser.post("/signup").status_code == 403
    browser.jar = {f"captcha_gate_forgiven_login_{one[:8]}": one for one in ("0" * 32, "x" * 32, "", "a")}
    assert browser.post().status_code == 403


def test_a_crowd_of_made_up_cookies_costs_few_look_ups(visiting):
    store = MemoryStore()
    asked = []
    perform, store.perform = store.perform, lambda operation: asked.append(operation) or perform(operation)
    browser = visiting(FORGIVES)
    object.__setattr__(browser.world.gate._mounted, "store", store)
    browser.jar = {f"captcha_gate_forgiven_login_{n:08x}": f"{n:08x}" + "0" * 24 for n in range(300)}
    assert browser.post().status_code == 403
    assert len(asked) <= 8


def test_neither_cookie_holds_the_token_or_a_secret(visiting):
    import base64
    import zlib

    browser = visiting({**CLEARS, **FORGIVES, "clearance": {"ttl": "10m"}})
    browser.world.status = "401 Unauthorized"
    browser.post(token=TOKEN)
    assert len(browser.jar) == 2
    signed = next(value for name, value in browser.jar.items() if "clearance" in name).rpartition(".")[0]
    content = base64.urlsafe_b64decode(signed.lstrip(".") + "==")
    text = (zlib.decompress(content) if signed.startswith(".") else content).decode()
    assert json.loads(text)["realm"] == "login"
    for private in (*TOKEN.values(), KEY, "b09a7aafbfd83f73"):
        assert private not in text
        assert all(private not in value for value in browser.jar.values())


# A realm of several rules


STRICT = {"name": "pay", "match": "/pay", "clearance": {"ttl": "1m", "uses": 1, "realm": "auth"}}


def test_a_rules_own_uses_hold_for_a_clearance_that_another_rule_gave(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "realm": "auth"}}, STRICT)
    browser.post(token=TOKEN)
    assert [browser.post("/pay").status_code for _ in range(3)] == [200, 403, 403]
    assert [browser.post().status_code for _ in range(3)] == [200] * 3


def test_a_rules_own_time_holds_for_a_clearance_that_another_rule_gave(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "realm": "auth"}}, STRICT)
    browser.post(token=TOKEN)
    browser.clock.now += 61
    assert (browser.post("/pay").status_code, browser.post().status_code) == (403, 200)


def test_the_uses_of_a_clearance_hold_on_every_rule_of_its_realm(visiting):
    loose = {"name": "loose", "match": "/loose", "clearance": {"ttl": "1h", "realm": "auth"}}
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "uses": 2, "realm": "auth"}}, loose)
    browser.post(token=TOKEN)
    assert [browser.post("/loose").status_code for _ in range(4)] == [200, 200, 403, 403]


def test_rules_of_one_realm_keep_each_others_clearances(visiting):
    realm = {"providers": "global", "score": {"min": 0.1}, "clearance": {"ttl": "1h", "realm": "auth"}}
    rules = [{"name": name, "match": f"/{name}", "bind": {"action": name}, **realm} for name in ("login", "search")]
    browser = visiting(*rules, providers=SCORED)
    for name in ("login", "search"):
        browser.world.vendor = answering({"success": True, "score": 0.9, "action": name})
        browser.post(f"/{name}", token={"g-recaptcha-response": f"a-token-for-{name}"})
    assert [browser.post(f"/{name}").status_code for name in ("login", "search", "login")] == [200] * 3


def test_tabs_do_not_use_up_each_others_clearances(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "uses": 1}})
    for number in range(2):
        browser.jar, before = {}, browser.jar
        browser.post(token=fresh(number))
        browser.jar = {**before, **browser.jar}
    assert [browser.post().status_code for _ in range(3)] == [200, 200, 403]


def test_a_browser_keeps_few_clearances_and_the_newest_of_them(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "uses": 1}})
    for number in range(8):
        browser.clock.now += 1
        cookie = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
        # A clearance would be taken first, so each of these has one that is used up.
        browser.world.gate._mounted.store._entries.clear()
        response = browser.world.post(
            "/captcha-gate/verify?rule=login",
            headers={"cookie": cookie, **{f"x-captcha-{k.replace('_', '-')}": v for k, v in fresh(number).items()}},
        )
        for header in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                browser.jar[name] = morsel.value
                if morsel["max-age"] == "0":
                    del browser.jar[name]
    assert len(browser.jar) == 4


def test_two_accounts_of_one_key_are_two_providers(visiting):
    """`easy` and `hard` differ in their work alone: who did the easy one has not done the hard one."""
    pow_ = {"type": "altcha", "hmac_key": "one key for both, which is long enough"}
    providers = {"easy": {**pow_, "cost": 1}, "hard": {**pow_, "cost": 2}}
    realm = {"clearance": {"ttl": "1h", "realm": "all"}}
    rules = [{"name": name, "match": f"/{name}", "providers": name, **realm} for name in providers]
    browser = visiting(*rules, providers=providers)
    browser.clock.now = time.time()  # the library has a clock of its own
    challenge = altcha.Challenge.from_dict(browser.world.request("GET", "/captcha-gate/easy/challenge").json())
    answer = altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()
    assert browser.post("/easy", token={"altcha": answer}).status_code == 200
    assert (browser.post("/easy").status_code, browser.post("/hard").status_code) == (200, 403)


# Odd cookies, odd answers


@pytest.mark.parametrize("around", ["{name}=junk; {}", "{}; {name}=junk", 'a="x; {}; z=y"', '"; {}', "; ;{};", "{};{}"])
def test_no_other_cookie_hides_a_clearance(visiting, around):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h"}})
    browser.post(token=TOKEN)
    [(name, value)] = browser.jar.items()
    header = around.format(f"{name}={value}", f"{name}={value}", name=name)
    assert browser.world.post(headers={"cookie": header}).status_code == 200


def test_a_clearance_of_another_format_counts_as_none_and_costs_nobody_the_way_by_a_token(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h"}})
    signer = Signer([KEY], "clearance")
    for content in ({}, {"format": 2, "at": 1}, {"format": 1, "at": 0, "told": {}} | {"realm": "login"}):
        browser.jar = {"captcha_gate_clearance_login_00000000": signer.sign(content)}
        if "realm" not in content:
            assert browser.post().status_code == 403
    browser.jar = {"captcha_gate_clearance_login_00000000": signer.sign({"id": "1"})}
    assert browser.post(token=TOKEN).status_code == 200


def test_a_clearance_that_cannot_be_bound_is_not_given(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h", "bind_network": "true"}})
    assert browser.post(token=TOKEN, client=("", 0)).status_code == 200
    assert browser.jar == {}
    headers = {f"x-captcha-{name.replace('_', '-')}": value for name, value in fresh(1).items()}
    ahead = browser.world.post("/captcha-gate/verify?rule=login", headers=headers, client=("", 0))
    assert (ahead.status_code, "set-cookie" in ahead.headers) == (503, False)


def test_a_redirection_uses_up_no_clearance(visiting):
    browser = visiting({**LOGIN, "match": {"path": ["/login", "/old"]}, "clearance": {"ttl": "1h", "uses": 1}})
    browser.world.status, browser.world.headers = "307 Temporary Redirect", [("Location", "/login")]
    assert browser.post("/old", token=TOKEN).status_code == 307
    assert browser.jar == {}
    browser.world.status = "200 OK"
    assert browser.post(token=TOKEN).status_code == 200
    assert browser.why == "cleared/redirected"
    assert [browser.post().status_code for _ in range(2)] == [200, 403]


def test_what_a_visitor_gets_behind_a_page_is_kept_by_no_shared_cache(visiting):
    browser = visiting({**LOGIN, "clearance": {"ttl": "1h"}, "challenge": "page"})
    browser.post(token=TOKEN)
    browser.world.headers = [("Cache-Control", "public, max-age=600")]
    cookie = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    visit = browser.world.request("GET", "/login", headers={"cookie": cookie})
    assert (visit.status_code, visit.headers["cache-control"]) == (200, "private, max-age=600")


def test_a_cache_directive_with_a_list_in_it_stays_whole(visiting):
    browser = visiting(CLEARS)
    browser.world.headers = [("Cache-Control", 'no-cache="X-A, X-B", max-age=60')]
    assert browser.post(token=TOKEN).headers["cache-control"] == 'private, no-cache="X-A, X-B", max-age=60'


def test_headers_that_can_be_read_once_are_not_lost():
    async def app(scope, receive, send):
        headers = ((name, value) for name, value in [(b"x-one", b"1"), (b"location", b"/a")])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answering(PASSES)))
    gate = AsgiGate(app, policy_of(LOGIN), http_client=client)

    async def main():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as http:
            return await http.post("/login", data=TOKEN)

    assert asyncio.run(main()).headers["x-one"] == "1"


def test_forgiveness_is_the_accounts_and_not_the_names(visiting):
    """Two sites share a store, and call different accounts by one name."""
    store = MemoryStore()
    first, second = visiting(FORGIVES), visiting(FORGIVES, providers={"cn": {**GEETEST, "captcha_id": "b" * 32}})
    for browser in (first, second):
        object.__setattr__(browser.world.gate._mounted, "store", store)
        browser.world.status = "401 Unauthorized"
    first.post(token=TOKEN)
    second.jar = first.jar
    assert second.post().status_code == 403
    assert first.post().status_code == 401


def test_who_mistypes_often_is_forgiven_each_time(visiting):
    browser = visiting(FORGIVES)
    browser.world.status = "401 Unauthorized"
    for number in range(20):
        assert browser.post(token=fresh(number)).status_code == 401
        assert browser.why == "passed/ok"
        assert browser.post().status_code == 401, number
        assert browser.why == "cleared/forgiven"
