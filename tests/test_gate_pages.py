"""The gate's own URLs and pages: config, verify, gate.js, the challenge page; what they show, and what stays inert."""

from __future__ import annotations

import asyncio
import html
import json
import re
from urllib.parse import urljoin, urlsplit

import altcha
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support.world import ALTCHA, GEETEST, LOGIN, PASSES, REFUSES, TOKEN, answering, policy_of
from werkzeug import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from captcha_gate import PolicyError, load_policy, widget
from captcha_gate.asgi import CaptchaGate as AsgiGate
from captcha_gate.wsgi import CaptchaGate as WsgiGate

ALIYUN = {"type": "aliyun", "access_key_id": "a", "access_key_secret": "s", "scene_id": "1ns8ckkp"}
KEY = "a key for tests that has at least 32 bytes"
ASKS = {**LOGIN, "clearance": {"ttl": "10m"}, "challenge": "page"}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SENT_HERE = {**BROWSER, "sec-fetch-site": "same-origin"}
HEADERS = {f"x-captcha-{name.replace('_', '-')}": value for name, value in TOKEN.items()}


@pytest.fixture
def site(world):
    def build(*rules, reply=PASSES, **top):
        policy = policy_of(*(rules or [ASKS]), **{"secret_key": KEY, **top})
        return world(policy, answering(reply))

    return build


def inputs(page):
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return [(html.unescape(name), html.unescape(value)) for name, value in found]


# {prefix}/config


def test_config_tells_a_script_what_it_needs_and_nothing_else(site):
    rule = {**ASKS, "providers": ["cn", "pow"], "token": {"fields": {"lot_number": "captcha.lot"}}}
    response = site(rule, providers={"cn": GEETEST, "pow": ALTCHA}).request("GET", "/captcha-gate/config?rule=login")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    told = response.json()
    assert told["rule"] == "login"
    assert told["verify"] == "/captcha-gate/verify?rule=login"
    cn, pow_ = told["providers"]
    assert (cn["name"], cn["type"], cn["site_key"], cn["challenge"]) == (
        "cn",
        "geetest-v4",
        GEETEST["captcha_id"],
        None,
    )
    assert cn["script"].startswith("https://static.geetest.com/")
    assert cn["fields"]["lot_number"] == "captcha.lot"
    assert cn["headers"]["lot_number"] == "X-Captcha-Lot-Number"
    assert pow_["challenge"] == "/captcha-gate/pow/challenge"
    assert pow_["headers"] == {"altcha": "X-Captcha-Token"}
    for secret in (GEETEST["captcha_key"], ALTCHA["hmac_key"], KEY):
        assert secret not in response.text


def test_config_tells_what_the_widget_must_be_bound_to(site):
    rule = {**LOGIN, "providers": "t", "bind": {"action": "login", "cdata": "abc"}}
    world = site(rule, providers={"t": {"type": "turnstile", "site_key": "a-key", "secret": "a-secret"}})
    told = world.request("GET", "/captcha-gate/config?rule=login").json()
    assert told["providers"][0]["options"] == {"size": "normal", "action": "login", "cdata": "abc"}
    assert told["verify"] is None


@pytest.mark.parametrize("query", ["", "?rule=", "?rule=other", "?rule=closed", "?rule[]=login", "?rule=login%00"])
@pytest.mark.parametrize("endpoint", ["config", "verify"])
def test_rules_that_verify_nothing_are_not_spoken_of(site, endpoint, query):
    world = site(ASKS, {"name": "closed", "match": "/closed", "action": "deny"})
    method = "GET" if endpoint == "config" else "POST"
    assert world.request(method, f"/captcha-gate/{endpoint}{query}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "config?rule=login", "GET, HEAD"), ("GET", "verify?rule=login", "POST"), ("PUT", "gate.js", "GET, HEAD")],
)
def test_an_endpoint_says_how_it_is_asked(site, method, path, allowed):
    response = site().request(method, f"/captcha-gate/{path}")
    assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("top", [{"default_action": "deny"}, {"mode": "disabled"}, {"mode": "monitor"}])
def test_the_gates_own_urls_are_answered_before_any_rule(site, top):
    everything = {"name": "all", "match": "/**", "action": "deny"}
    world = site(ASKS, everything, **top)
    assert world.request("GET", "/captcha-gate/config?rule=login").status_code == 200
    script = world.request("GET", "/captcha-gate/gate.js")
    assert script.status_code == 200
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "captchaGate" in script.text
    assert world.seen == []


def test_head_gets_the_headers_alone(site):
    world = site()
    for path in ("gate.js", "config?rule=login"):
        head = world.request("HEAD", f"/captcha-gate/{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(world.request("GET", f"/captcha-gate/{path}").content)


def test_another_prefix_moves_them_all(site):
    world = site(endpoints={"prefix": "/gate"})
    told = world.request("GET", "/gate/config?rule=login").json()
    assert told["verify"] == "/gate/verify?rule=login"
    assert world.request("GET", "/captcha-gate/config?rule=login").text == "hello"  # the application's


# {prefix}/verify


def test_a_token_is_traded_for_a_clearance(site):
    world = site()
    response = world.post("/captcha-gate/verify?rule=login", headers=HEADERS)
    assert (response.status_code, response.json()) == (200, {"verified": True})
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"].partition(";")[0]
    assert world.request("GET", "/login", headers={**BROWSER, "cookie": cookie}).status_code == 200
    assert [f"{decision.outcome}" for decision in world.decisions] == ["passed", "cleared"]
    assert world.post("/captcha-gate/verify?rule=login", headers=HEADERS).json()["code"] == "replayed"


@pytest.mark.parametrize(
    ("reply", "headers", "status", "code"),
    [(REFUSES, HEADERS, 403, "expired"), (PASSES, {}, 403, "missing_token"), ("{", HEADERS, 503, "bad_reply")],
)
def test_what_does_not_pass_gets_no_clearance(site, reply, headers, status, code):
    reply = {**REFUSES, "reason": "pass_token expire"} if reply is REFUSES else reply
    response = site({**LOGIN, "clearance": {"ttl": "10m"}, "on_fail": "annotate"}, reply=reply).post(
        "/captcha-gate/verify?rule=login", headers=headers
    )
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "set-cookie" not in response.headers


def test_a_clearance_that_one_has_is_no_token(site):
    world = site()
    cookie = world.post("/captcha-gate/verify?rule=login", headers=HEADERS).headers["set-cookie"].partition(";")[0]
    again = world.post("/captcha-gate/verify?rule=login", headers={"cookie": cookie})
    assert again.json()["code"] == "missing_token"


def test_limits_hold_here_too(site):
    world = site({**ASKS, "limits": {"failed": "2/m"}}, reply=REFUSES)
    tokens = [{**HEADERS, "x-captcha-lot-number": f"{number:032x}"} for number in range(4)]
    statuses = [world.post("/captcha-gate/verify?rule=login", headers=token).status_code for token in tokens]
    assert statuses == [403, 403, 429, 429]


# The challenge page


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_browser_without_a_token_gets_the_page(site, method):
    response = site().request(method, "/login", headers=BROWSER)
    assert response.status_code == 403
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    if method != "HEAD":
        assert 'data-captcha-gate-page="login"' in response.text
        assert 'src="/captcha-gate/gate.js"' in response.text


def test_a_client_that_is_no_browser_gets_problem_details(site):
    response = site().request("GET", "/login", headers={"accept": "*/*"})
    assert (response.status_code, response.json()["code"]) == (403, "missing_token")


def test_a_rule_without_the_page_leaves_visits_alone(site):
    assert site({**LOGIN, "clearance": {"ttl": "10m"}}).request("GET", "/login", headers=BROWSER).text == "hello"


def test_only_what_may_be_solved_gets_the_page(site):
    world = site({**ASKS, "limits": {"failed": "1/m"}}, reply=REFUSES)
    failed = world.post(headers=BROWSER, data=TOKEN)
    assert "data-captcha-gate-page" in failed.text
    throttled = world.post(headers=BROWSER, data={**TOKEN, "lot_number": "b" * 32})
    assert throttled.status_code == 429
    assert "data-captcha-gate-page" not in throttled.text
    out_of_order = site(reply="{").post(headers=BROWSER, data=TOKEN)
    assert out_of_order.status_code == 503
    assert "data-captcha-gate-page" not in out_of_order.text


FORM = {"name": "Ann", "text": "two\r\nlines & <more> \"quoted\" 'so'", "empty": "", "é": "ü€😀"}


def test_a_form_of_our_own_origin_waits_in_the_page(site):
    page = site().post(headers=SENT_HERE, data=FORM).text
    assert inputs(page) == list(FORM.items())
    assert 'method="post"' in page


def test_a_form_that_failed_waits_without_its_spent_token(site):
    page = site(reply=REFUSES).post(headers=SENT_HERE, data={**FORM, **TOKEN}).text
    assert inputs(page) == list(FORM.items())


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        pytest.param(BROWSER, b"a=1", id="a browser that does not say where from"),
        pytest.param({**BROWSER, "sec-fetch-site": "cross-site"}, b"a=1", id="another site's form"),
        pytest.param({**BROWSER, "sec-fetch-site": "same-site"}, b"a=1", id="another host's form"),
        pytest.param(SENT_HERE, b"a=" + b"x" * 65536, id="a long form"),
        pytest.param(SENT_HERE, b"a=%ff", id="no UTF-8"),
        pytest.param(SENT_HERE, b"a=\xff", id="no ASCII"),
    ],
)
def test_no_other_form_is_sent_again(site, headers, content):
    headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
    response = site().post(headers=headers, content=content)
    assert response.status_code in (400, 403)
    assert inputs(response.text) == []
    if response.status_code == 403:
        assert "still in the form" in response.text


def test_a_multipart_form_is_not_sent_again_and_the_page_says_so(site):
    page = site().post(headers=SENT_HERE, data={"a": "1"}, files={"f": b"x"}).text
    assert inputs(page) == []
    assert "still in the form" in page


HOSTILE = ['"><script>alert(1)</script>', "javascript:alert(1)", "$nonce", "${action}", "</form><form action=//evil>"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_client_sends_stays_text(site, hostile):
    page = site().post(f"/login?{hostile}", headers=SENT_HERE, data={hostile: hostile}).text
    assert inputs(page) == [(hostile, hostile)]
    assert page.count("<script") == 1
    assert page.count("<form") == 1


@pytest.mark.parametrize(
    "path", ["//evil.example/login", "/login;//evil.example", "/\\evil.example/login", "/.//evil.example/login"]
)
def test_the_page_goes_back_to_this_origin_and_nowhere_else(site, path):
    rule = {**ASKS, "match": "/**"}
    response = site(rule).request("GET", f"http://testserver{path}", headers=BROWSER)
    action = html.unescape(re.search(r'action="([^"]*)"', response.text)[1])
    assert urlsplit(urljoin("https://site.example/x", action)).netloc == "site.example"


def test_the_page_loads_only_what_its_policy_names_and_each_has_a_nonce_of_its_own(site):
    world = site()
    policies = []
    for _ in range(2):
        response = world.request("GET", "/login", headers=BROWSER)
        csp = response.headers["content-security-policy"]
        [nonce] = set(re.findall(r"'nonce-([^']+)'", csp))
        assert set(re.findall(r'nonce="([^"]+)"', response.text)) == {nonce}
        assert len(nonce) >= 20
        for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert directive in csp
        assert "script-src 'unsafe" not in csp
        policies.append(csp)
    assert policies[0] != policies[1]


@pytest.mark.parametrize(
    ("accepted", "language", "said"),
    [
        ("en-GB,en;q=0.9", "en", "CAPTCHA required"),
        ("zh-CN,zh;q=0.9,en;q=0.5", "zh-Hans", "需要验证"),
        ("zh-TW", "zh-Hans", "需要验证"),
        ("fr", "en", "CAPTCHA required"),
        ("", "en", "CAPTCHA required"),
        ("*;q=0", "en", "CAPTCHA required"),
        ("fr, zh;q=0.5, en;q=0.2", "zh-Hans", "需要验证"),
    ],
)
def test_refusals_are_in_the_language_that_the_client_prefers(site, accepted, language, said):
    world = site()
    response = world.post(headers={"accept-language": accepted})
    assert (response.json()["title"], response.headers["content-language"]) == (said, language)
    page = world.request("GET", "/login", headers={**BROWSER, "accept-language": accepted}).text
    assert f'lang="{language}"' in page
    config = world.request("GET", "/captcha-gate/config?rule=login", headers={"accept-language": accepted})
    assert config.json()["language"] == language


def test_every_language_has_every_word():
    from importlib.resources import files

    languages = json.loads(files("captcha_gate.pages").joinpath("words.json").read_text(encoding="utf-8"))
    first = languages["en"]
    for words in languages.values():
        assert words.keys() == first.keys()
        assert words["refusals"].keys() == first["refusals"].keys()
        assert all(isinstance(text, str) and text for name, text in words.items() if name != "refusals")


def test_the_page_of_a_mounted_application_knows_where_it_is(kind):
    policy = policy_of(ASKS, secret_key=KEY)
    if kind == "wsgi":
        app = DispatcherMiddleware(Response("none"), {"/shop": WsgiGate(Response("hello"), policy)})
        client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://testserver")
        get = client.get
    else:
        app = Starlette(routes=[Mount("/shop", AsgiGate(Starlette(), policy))])

        def get(url, **options):
            async def main():
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
                    return await http.get(url, **options)

            return asyncio.run(main())

    page = get("/shop/login?next=1", headers=BROWSER).text
    assert 'src="/shop/captcha-gate/gate.js"' in page
    assert 'action="/shop/login?next=1"' in page
    told = get("/shop/captcha-gate/config?rule=login").json()
    assert told["verify"] == "/shop/captcha-gate/verify?rule=login"


# Reading across origins


ORIGIN = "https://app.example.com"


@pytest.mark.parametrize(("origin", "readable"), [(ORIGIN, True), ("https://evil.example", False), (None, False)])
def test_a_page_of_an_allowed_origin_can_read_why_it_was_refused(site, origin, readable):
    world = site(cors={"origins": [ORIGIN]})
    for path in ("/login", "/captcha-gate/verify?rule=login"):
        response = world.post(path, headers={"origin": origin} if origin else {})
        assert response.status_code == 403
        assert response.headers.get("access-control-allow-origin") == (origin if readable else None)
        assert "Origin" in ", ".join(response.headers.get_list("vary"))
    # The application's own answers are its own affair.
    passed = world.post(headers={**HEADERS, **({"origin": origin} if origin else {})})
    assert passed.status_code == 200
    assert "access-control-allow-origin" not in passed.headers


@pytest.mark.parametrize(("origin", "status"), [(ORIGIN, 204), ("https://evil.example", 403)])
def test_a_preflight_of_the_gates_own_urls_is_answered_by_the_gate(site, origin, status):
    asks = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-captcha-lot-number",
    }
    response = site(cors={"origins": [ORIGIN]}).request("OPTIONS", "/captcha-gate/verify?rule=login", headers=asks)
    assert response.status_code == status
    if status == 204:
        assert response.headers["access-control-allow-methods"] == "POST"
        assert response.headers["access-control-allow-headers"] == "x-captcha-lot-number"


def test_a_preflight_of_a_rules_path_goes_to_the_application(site):
    world = site(cors={"origins": [ORIGIN]})
    world.request("OPTIONS", "/login", headers={"origin": ORIGIN, "access-control-request-method": "POST"})
    assert len(world.seen) == 1


# The operator's own


def test_own_templates_stand_in_the_gates_stead_with_everything_escaped(tmp_path):
    from support.world import World

    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "refusal.html").write_text("<h1>Oh: $title</h1><p>$advice $$5 $contact</p>")
    text = json.dumps(
        {
            "version": 1,
            "providers": {"cn": GEETEST},
            "pages": {"directory": "pages", "contact": "https://shop.example/help?a=1&b=2"},
            "rules": [{"name": "closed", "match": "/closed", "action": "deny"}],
        }
    )
    (tmp_path / "policy.yaml").write_text(text)
    world = World("wsgi", load_policy(tmp_path / "policy.yaml"), answering(PASSES))
    page = world.request("GET", "/closed", headers=BROWSER).text
    assert page.startswith("<h1>Oh: Not allowed</h1><p>This address is closed. $5 <a href=")
    assert "https://shop.example/help?a=1&amp;b=2" in page


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("refusal.html", "$titel", "refusal.html has an unknown place $titel"),
        ("refusal.html", "costs 5$ only", "refusal.html has a lone $"),
        ("challenge.html", "$nonce $script $rule $method $action", "challenge.html lacks the place $fields"),
        ("other.html", "", "there is neither refusal.html nor challenge.html in"),
        ("refusal.html", "x" * 300_000, "refusal.html is longer than"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_load(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    policy = f"version: 1\npages: {{directory: {tmp_path}}}\nrules: []\n"
    (tmp_path / "policy.yaml").write_text(policy)
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "policy.yaml")
    assert "policy.yaml:2:20: pages.directory: " in str(caught.value)
    assert said in str(caught.value)


def test_the_widgets_markup_is_taken_by_templates_as_it_is():
    from django.template import Context, Engine
    from jinja2 import Environment

    made = widget("login", nonce="abc", prefix="/shop/captcha-gate")
    expected = (
        '<div data-captcha-gate-widget="login"></div>'
        '<script src="/shop/captcha-gate/gate.js" nonce="abc" defer></script>'
    )
    assert Environment(autoescape=True).from_string("{{ w }}").render(w=made) == expected
    assert Engine().from_string("{{ w }}").render(Context({"w": made})) == expected
    assert str(made) == expected
    assert "<" not in str(widget('"><b>')).replace("<div", "").replace("</div", "").replace("<script", "").replace(
        "</script", ""
    )


def test_the_proof_of_work_gets_a_browser_past_the_page(site):
    """From the page to the application, as a browser goes: challenge, answer, clearance."""
    world = site({**ASKS, "providers": "pow"}, providers={"pow": ALTCHA})
    assert world.request("GET", "/login", headers=BROWSER).status_code == 403
    challenge = altcha.Challenge.from_dict(world.request("GET", "/captcha-gate/pow/challenge").json())
    answer = altcha.Payload(challenge=challenge, solution=altcha.solve_challenge(challenge)).to_base64()
    verified = world.post("/captcha-gate/verify?rule=login", headers={"x-captcha-token": answer})
    cookie = verified.headers["set-cookie"].partition(";")[0]
    assert world.request("GET", "/login", headers={**BROWSER, "cookie": cookie}).text == "hello"


# When the vendor is down


OPENS = {**ASKS, "on_unavailable": "allow"}


def down(request):
    return httpx.Response(503)


def test_an_outage_locks_nobody_out_of_a_page(site):
    """The token goes ahead of the visit: that its rule opened is remembered for the one request that follows."""
    world = site(OPENS)
    world.vendor = down
    ahead = world.post("/captcha-gate/verify?rule=login", headers=HEADERS)
    assert (ahead.status_code, ahead.json()) == (200, {"verified": False})
    cookie = {"cookie": ahead.headers["set-cookie"].partition(";")[0]}
    assert world.request("GET", "/login", headers={**BROWSER, **cookie}).text == "hello"
    assert world.decisions[-1].opened
    assert not world.decisions[-1].verified
    assert world.request("GET", "/login", headers={**BROWSER, **cookie}).status_code == 403


def test_a_rule_that_does_not_open_lets_nobody_by(site):
    world = site(ASKS)
    world.vendor = down
    ahead = world.post("/captcha-gate/verify?rule=login", headers=HEADERS)
    assert (ahead.status_code, "set-cookie" in ahead.headers) == (503, False)


def test_where_no_widget_loads_the_page_has_something_to_send_that_opens_only_on_proof(site):
    world = site(OPENS)
    told = world.request("GET", "/captcha-gate/config?rule=login").json()["unloaded"]
    assert told["provider"] == "cn"
    headers = {f"x-captcha-{name.replace('_', '-')}": value for name, value in told["token"].items()}
    world.vendor = answering(REFUSES)
    assert world.post("/captcha-gate/verify?rule=login", headers=headers).status_code == 403
    fresh = world.request("GET", "/captcha-gate/config?rule=login").json()["unloaded"]["token"]
    assert fresh != told["token"]
    assert site(ASKS).request("GET", "/captcha-gate/config?rule=login").json()["unloaded"] is None


# What widgets must be told


@pytest.mark.parametrize(
    ("account", "options"),
    [
        (
            {"type": "cap", "base_url": "https://cap.example.com/", "site_key": "a/b", "secret": "s"},
            {"endpoint": "https://cap.example.com/a%2Fb/"},
        ),
        (
            {"type": "friendly-v2", "base_url": "https://eu.frcapi.com", "site_key": "a", "api_key": "s"},
            {"api_endpoint": "https://eu.frcapi.com"},
        ),
        (
            {"type": "friendly-v1", "base_url": "https://eu-api.friendlycaptcha.eu", "site_key": "a", "secret": "s"},
            {"puzzle_endpoint": "https://eu-api.friendlycaptcha.eu/api/v1/puzzle"},
        ),
        (
            {"type": "mcaptcha", "base_url": "https://mcaptcha.example.com", "site_key": "a&b", "secret": "s"},
            {"widget": "https://mcaptcha.example.com/widget/?sitekey=a%26b"},
        ),
        ({**ALIYUN, "prefix": "abc123"}, {"prefix": "abc123", "region": "cn"}),
        (ALIYUN, {"prefix": None, "region": "cn"}),
        ({"type": "vaptcha", "vid": "5b4d9c33a485e50410192331", "key": "s", "scene": 3}, {"scene": 3}),
        ({**GEETEST, "product": "bind"}, {"product": "bind"}),
        ({"type": "geetest-v3", "captcha_id": GEETEST["captcha_id"], "private_key": "s"}, {"product": "popup"}),
        ({"type": "hcaptcha", "site_key": "a", "secret": "s", "size": "invisible"}, {"size": "invisible"}),
        ({"type": "recaptcha-v2", "site_key": "a", "secret": "s"}, {"size": "normal"}),
    ],
)
def test_a_widget_is_told_what_its_account_needs(site, account, options):
    world = site({**LOGIN, "providers": "it"}, providers={"it": account})
    assert world.request("GET", "/captcha-gate/config?rule=login").json()["providers"][0]["options"] == options


def test_a_page_with_a_vendors_widget_names_the_vendors_places_and_lets_only_scripts_compile(site):
    cap = {"type": "cap", "base_url": "https://cap.example.com", "site_key": "a", "secret": "s"}
    response = site({**ASKS, "providers": "it"}, providers={"it": cap}).request("GET", "/login", headers=BROWSER)
    directives = dict(
        item.strip().partition(" ")[::2] for item in response.headers["content-security-policy"].split(";")
    )
    assert "https://cap.example.com" in directives["connect-src"]
    assert "'wasm-unsafe-eval'" in directives["script-src"]
    assert "blob:" in directives["worker-src"]
    assert not any(
        word in value
        for name, value in directives.items()
        for word in ("wasm", "blob:")
        if name not in ("script-src", "worker-src")
    )


@pytest.mark.parametrize("path", ["http://evil.example/login", "javascript:alert(1)//x", "evil", "//evil.example"])
def test_an_address_that_no_browser_sends_is_a_path_of_ours_all_the_same(path):
    from policy.views import view_of

    from captcha_gate.replies.page import _address

    assert urlsplit(urljoin("https://site.example/x", _address(view_of("GET", path)))).netloc == "site.example"


def test_a_form_that_is_sent_again_says_where_from_and_may_be_redirected_anywhere(site):
    response = site().post(headers=SENT_HERE, data=FORM)
    assert response.headers["referrer-policy"] == "same-origin"
    assert "form-action" not in response.headers["content-security-policy"]
    assert "form-action 'self'" in site().request("GET", "/login", headers=BROWSER).headers["content-security-policy"]


def test_a_preflight_that_asks_for_everything_at_once_is_answered(site):
    asks = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "x-http-method-override": "A,B,C,D,E,F,G,H,I,J",
    }
    assert site().request("OPTIONS", "/captcha-gate/verify?rule=login", headers=asks).status_code == 403


def test_a_page_and_annotate_do_not_go_together():
    for wrong in ({"on_fail": "annotate"}, {"providers": "g", "score": {"min": 0.5, "below": "annotate"}}):
        g = {"type": "recaptcha-v3", "site_key": "a-site-key", "secret": "a-secret"}
        with pytest.raises(PolicyError, match="its page lets nobody on who failed"):
            policy_of({**ASKS, "providers": "cn", **wrong}, secret_key=KEY, providers={"cn": GEETEST, "g": g})
