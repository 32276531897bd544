"""VAPTCHA v3 by its documents: which servers may be asked, the request, every reply, and whose fault an outage is."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from support.live import LiveWorld, ManualClock
from support.world import LOGIN, World, policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.errors import BadReply
from captcha_gate.providers.context import Context
from captcha_gate.providers.vaptcha import Vaptcha

VID, KEY = "5b4d9c33a485e50410192331", "9d3aca4c00000000000000000000acc4"
ACCOUNT = {"type": "vaptcha", "vid": VID, "key": KEY}
NODES = ["node1.vaptcha.net", "node2.vaptcha.com"]
LISTED = {"allowed_servers": NODES}
SERVER = "https://node1.vaptcha.net/verify"
TOKEN = {"vaptcha_server": SERVER, "vaptcha_token": "2b0e8b1c5f7a4d6e9c3a1f5b7d9e2c4a"}
OPENS = {**LOGIN, "on_unavailable": "allow"}
SCORED = {**LOGIN, "score": {"min": 0.5}}
YES = {"success": 1, "score": 60, "msg": "0,1,2,3"}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


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


def policy(rule: Mapping[str, Any] = LOGIN, top: Mapping[str, Any] | None = None, **keys: Any) -> Any:
    return policy_of(rule, providers={"va": {**ACCOUNT, **keys}}, **(top or {}))


def conclusion(world: World, **kwargs: Any) -> tuple[int, str, str]:
    """Post something: the status, the outcome and its reason."""
    status = world.post(**kwargs).status_code
    return status, str(world.decisions[-1].outcome), str(world.decisions[-1].reason)


PASSED = (200, "passed", "ok")
MALFORMED = (403, "failed", "malformed_token")
REFUSED = (403, "failed", "invalid_token")
REPLAYED = (403, "failed", "replayed")


def account(**keys: Any) -> Vaptcha:
    return Vaptcha(**{**ACCOUNT, **keys})


def context(**more: Any) -> Context:
    return Context(now=1_760_000_000.0, token_hex=lambda size: "5a" * size, **more)


def verdict_of(reply: Any, status: int = 200, **keys: Any) -> Verdict:
    """The verdict of a listed server's reply: a document, or bytes."""
    flow = account(**{**LISTED, **keys}).verify(TOKEN, context())
    next(flow)
    content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    try:
        flow.send(httpx.Response(status, content=content))
    except StopIteration as end:
        return end.value
    except BadReply:
        return Verdict.unavailable("bad_reply")
    raise AssertionError("it asks once")


# ---- which servers may be asked


GOOD = [
    "https://a.vaptcha.net/verify",
    "https://0.vaptcha.com/verify",
    "https://node-7.cn.vaptcha.com/verify",
    "https://a.b.c.d.vaptcha.net/verify",
    f"https://{'a' * 63}.vaptcha.net/verify",
]
HOSTS = [
    # other domains
    "evilvaptcha.net", "vaptcha.com", "vaptcha.net", "a.vaptcha.org", "a.vaptcha.net.evil.com", "a.vaptcha.network",
    "a.vaptcha.comm", "avaptcha.com", "vaptcha.net.vaptcha.evil.com", "evil.com", "a.vaptcha.co", "vaptcha", "com",
    # user, port, and what some parsers take for them
    "user:pw@a.vaptcha.net", "user@a.vaptcha.net", "@a.vaptcha.net", ":@a.vaptcha.net", "a.vaptcha.net@evil.com",
    "a.vaptcha.net:8443", "a.vaptcha.net:443", "a.vaptcha.net:", "a.vaptcha.net:0", "a.vaptcha.net:80@evil.com",
    "evil.com\\@a.vaptcha.net", "evil.com\\.vaptcha.net", "a.vaptcha.net\\.evil.com", "evil.com:80\\a.vaptcha.net",
    "evil.com#@a.vaptcha.net", "evil.com?@a.vaptcha.net", "evil.com/@a.vaptcha.net", "evil.com;.vaptcha.net",
    # percent escapes and what ends a host
    "evil.com%2f.vaptcha.net", "evil.com%23.vaptcha.net", "evil.com%5c.vaptcha.net", "evil.com%00.vaptcha.net",
    "a%2evaptcha.net", "a.vaptcha%2enet", "%61.vaptcha.net", "evil.com#.vaptcha.net", "evil.com?.vaptcha.net",
    "evil.com/.vaptcha.net", "evil.com/a.vaptcha.net", "evil.com?a.vaptcha.net", "a.vaptcha.net%0d%0aX-Y:1",
    # dots
    "a.vaptcha.net.", "a.vaptcha.net..", ".vaptcha.net", "a..vaptcha.net", "..vaptcha.net", "a.vaptcha..net",
    ".a.vaptcha.net", "a.b.c.d.e.vaptcha.net", "a.b.c.d.e.f.g.h.i.j.vaptcha.com",
    # other dots, digits and letters that IDNA maps, and those that only look alike
    "a\u3002vaptcha\u3002net", "a\uff0evaptcha.net", "a\uff61vaptcha.net", "evil.com\uff0fa.vaptcha.net",
    "\uff41.vaptcha.net", "a.vaptch\u0430.net", "a.\u1d5baptcha.net", "a.vaptcha.n\u00e9t", "\u00df.vaptcha.net",
    "a\u200b.vaptcha.net", "a\u00ad.vaptcha.net", "\u0661.vaptcha.net", "a.vaptcha.\u212aom", "\U0001d41a.vaptcha.net",
    "xn--80ak6aa92e.vaptcha.net", "xn--a.vaptcha.com", "a.xn--b.vaptcha.com", "a.xn--vaptch-2fg.net",
    # letter case
    "A.VAPTCHA.NET", "a.Vaptcha.net", "A.vaptcha.net",
    # labels
    "-a.vaptcha.net", "a-.vaptcha.net", "-.vaptcha.net", "a_b.vaptcha.net", "*.vaptcha.net", "a*.vaptcha.net",
    f"{'a' * 64}.vaptcha.net", f"a.{'b' * 64}.vaptcha.net", f"{'.'.join(['a' * 60] * 4)}.vaptcha.net",
    "a b.vaptcha.net", "a\tb.vaptcha.net", "a,b.vaptcha.net", "a!.vaptcha.net", "a$.vaptcha.net", "a+b.vaptcha.net",
    "a\x00.vaptcha.net", "a\x7f.vaptcha.net", "a'.vaptcha.net", 'a".vaptcha.net', "a|b.vaptcha.net", "a(b).vaptcha.net",
    # what TAB, CR and LF do to parsers
    "a.vaptcha.net\t.evil.com", "a.vaptcha.net\n.evil.com", "a.vaptcha.net\r.evil.com", "evil.com\t.vaptcha.net",
    "a.vapt\ncha.net", "a.vaptcha.net\n", "a.vaptcha.net\r\nHost: evil.com", " a.vaptcha.net", "a.vaptcha.net ",
    # numbers
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "169.254.169.254", "10.0.0.1",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1].vaptcha.net", "[::1].vaptcha.net", "[fe80::1%25eth0]", "::1",
    "127.0.0.1.vaptcha.net.nip.io", "localhost", "localhost:80", "metadata.google.internal", "a.vaptcha.net.localhost",
]  # fmt: skip
REST = [
    "", "/", "/verify/", "//verify", "/verify/../admin", "/verify/..", "/./verify", "/x/../verify", "/other", "/Verify",
    "/VERIFY", "/verify?x", "/verify?", "/verify#", "/verify#x", "/verify;x", "/verify/device", "/verify%00",
    "/verify ", "/verify%2f", "/%76erify", "/verify\n", "/verify\r\n", "/verify\t", "/verify\x00", "\\verify",
    "/verify\\", "?/verify", "#/verify", "/verify/verify", "/verify&x=1", "verify", " /verify",
    "\n/verify", "/verifyx", "/xverify",
]  # fmt: skip
SCHEMES = [
    "http://", "ftp://", "file://", "//", "", "HTTPS://", "Https://", "https:", "https:/", "https:///", "https:////",
    "https:\\\\", "https:/\\", "javascript://", "gopher://", "ws://", "wss://", "data:", " https://", "\nhttps://",
    "\thttps://", "\x00https://", "ht\ntps://", "https ://", "https://https://", "view-source:https://", "\ufeffhttps://",
    "http\u017f://", "url:https://", "https://@", "https%3a//",
]  # fmt: skip
BAD = [
    *(f"https://{host}/verify" for host in HOSTS),
    *(f"https://a.vaptcha.net{rest}" for rest in REST),
    *(f"{scheme}a.vaptcha.net/verify" for scheme in SCHEMES),
    "file:///etc/passwd", "https://", "https:///verify", "a", "0", "null", "undefined", "[]", "/verify", "https",
    "http://127.0.0.1:9003/verify", "https://a.vaptcha.net/verify https://evil.com", "https://a.vaptcha.net/verify,",
    f"https://a.vaptcha.net/verify{'y' * 300}", f"https://{'a.' * 120}vaptcha.net/verify", "x" * 10_000,
    f"https://{'a' * 240}.vaptcha.net/verify",
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_a_server_below_the_vendors_domains_is_asked(world, url):
    gate = world(policy(), says_json(YES))
    assert conclusion(gate, data={**TOKEN, "vaptcha_server": url}) == PASSED
    [asked] = gate.asked
    assert (asked.method, str(asked.url)) == ("POST", url)
    assert KEY not in str(asked.url)


@pytest.mark.parametrize("keys", [{}, LISTED, {"allowed_servers": [*NODES, "*.vaptcha.com", "*.vaptcha.net"]}])
def test_every_other_url_is_refused_asks_nobody_and_claims_nothing(world, keys):
    gate = world(policy(**keys), says_json(YES))
    for url in BAD:
        assert conclusion(gate, json={**TOKEN, "vaptcha_server": url}) == MALFORMED, url
    assert gate.asked == []
    assert gate.seen == []
    assert conclusion(gate, data=TOKEN) == PASSED


def test_the_list_itself_names_no_server_for_them_whatever_the_fields_grammar_lets_through():
    servers = account(allowed_servers=["*.vaptcha.com", "*.vaptcha.net", *NODES]).servers
    for url in [*BAD, GOOD[0] + "\n", GOOD[0] + " ", " " + GOOD[0], SERVER + "\n", ""]:
        assert servers.named_by(url) is None, url
    assert servers.named_by(SERVER) == ("https://node1.vaptcha.net", True)
    assert servers.named_by(GOOD[0]) == ("https://a.vaptcha.net", False)


@pytest.mark.parametrize("url", ["", " ", "\n"])
def test_an_empty_url_is_refused(world, url):
    gate = world(policy(), says_json(YES))
    assert conclusion(gate, json={**TOKEN, "vaptcha_server": url})[0] == 403
    assert gate.asked == []


@pytest.mark.parametrize("url", [None, [SERVER], {"url": SERVER}, True, 1.5])
def test_a_url_that_is_no_text_is_refused(world, url):
    gate = world(policy(), says_json(YES))
    assert conclusion(gate, json={**TOKEN, "vaptcha_server": url})[0] == 403
    assert gate.asked == []


@pytest.fixture
def sockets(monkeypatch):
    """Every name that is looked up and every address that is connected to; none of them succeeds."""
    touched: list[Any] = []

    def getaddrinfo(host, *args, **kwargs):
        touched.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def connect(self, address):
        touched.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return touched


def test_a_refused_url_opens_no_socket_and_looks_no_name_up(kind, sockets):
    gate = LiveWorld(kind, policy())
    try:
        for url in BAD:
            assert conclusion(gate, json={**TOKEN, "vaptcha_server": url}) == MALFORMED, url
        assert sockets == []
        conclusion(gate, data=TOKEN)
        assert {host.decode() if isinstance(host, bytes) else host for host in sockets} == {"node1.vaptcha.net"}
    finally:
        gate.close()


def test_with_a_list_no_other_of_the_vendors_servers_is_asked(world):
    gate = world(policy(**LISTED), says_json(YES))
    for url in [*GOOD, "https://node1.vaptcha.com/verify", "https://x.node1.vaptcha.net/verify", SERVER + "/"]:
        assert conclusion(gate, data={**TOKEN, "vaptcha_server": url}) == MALFORMED
    assert gate.asked == []
    for number, node in enumerate(NODES):
        token = {"vaptcha_server": f"https://{node}/verify", "vaptcha_token": str(number)}
        assert conclusion(gate, data=token) == PASSED


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9003", "http://localhost:9003", "http://[::1]:9003"])
def test_a_loopback_origin_may_be_listed_and_holds_exactly(world, origin):
    gate = world(policy(allowed_servers=[origin]), says_json(YES))
    host = origin.partition("//")[2]
    for url in (f"https://{host}/verify", f"http://{host}0/verify", "http://127.0.0.1/verify", f"{origin}/", origin):
        assert conclusion(gate, data={**TOKEN, "vaptcha_server": url}) == MALFORMED
    assert conclusion(gate, data={**TOKEN, "vaptcha_server": f"{origin}/verify"}) == PASSED
    assert [str(request.url) for request in gate.asked] == [f"{origin}/verify"]


@pytest.mark.parametrize(
    "servers",
    [
        [], "", None, 1, {}, [1], [""], ["*"], ["*."], ["*.com"], ["*vaptcha.com"], ["a.*.vaptcha.com"], ["vaptcha"],
        ["https://a.vaptcha.com"], ["a.vaptcha.com/verify"], ["a.vaptcha.com:443"], ["A.vaptcha.com"],
        ["a.vaptcha.com."], ["http://a.vaptcha.com"], ["http://10.0.0.1"], ["http://127.0.0.1/verify"], ["127.0.0.1"],
        ["http://127.0.0.1.evil.com"], ["http://127.0.0.1@evil.com"], ["xn--a.vaptcha.com"], ["a.vaptcha.com\n"],
        ["http://localhost.evil.com"], ["a_b.vaptcha.com"],
    ],
    ids=repr,
)  # fmt: skip
def test_a_list_of_servers_that_could_let_others_in_is_an_error(servers):
    with pytest.raises(PolicyError, match="allowed_servers"):
        policy(allowed_servers=servers)


# ---- the request


@pytest.mark.parametrize("scene", [0, 3])
@pytest.mark.parametrize("encoding", ["json", "form"])
def test_the_request_bears_five_parameters(world, encoding, scene):
    gate = world(policy(encoding=encoding, scene=scene), says_json(YES))
    assert conclusion(gate, data=TOKEN, client=("2001:db8::7", 1)) == PASSED
    [asked] = gate.asked
    expected = {"id": VID, "secretkey": KEY, "scene": scene, "token": TOKEN["vaptcha_token"], "ip": "2001:db8::7"}
    if encoding == "json":
        assert asked.headers["content-type"] == JSON
        told = json.loads(asked.content)
        assert type(told["scene"]) is int
    else:
        assert asked.headers["content-type"] == FORM
        told = {name: value for name, [value] in parse_qs(asked.content.decode(), strict_parsing=True).items()}
        expected["scene"] = str(scene)
    assert told == expected


def test_a_token_with_every_visible_character_travels_whole(world):
    odd = "a&secretkey=b%20+;,!$()*/:=?@[]^_`{|}~#"
    for encoding in ("json", "form"):
        gate = world(policy(encoding=encoding), says_json(YES))
        assert conclusion(gate, json={**TOKEN, "vaptcha_token": odd}) == PASSED
        text = gate.asked[0].content.decode()
        assert (json.loads(text)["token"] if encoding == "json" else parse_qs(text)["token"][0]) == odd


def test_the_address_is_the_clients_as_a_trusted_proxy_tells_it(world):
    gate = world(policy(top={"client_ip": {"trusted_proxies": ["10.0.0.0/8"]}}), says_json(YES))
    headers = {"X-Forwarded-For": "192.0.2.66, 198.51.100.9, 10.0.0.2"}
    for number, peer in enumerate(("10.0.0.1", "203.0.113.7")):
        token = {**TOKEN, "vaptcha_token": str(number)}
        assert conclusion(gate, data=token, headers=headers, client=(peer, 1)) == PASSED
    assert [json.loads(request.content)["ip"] for request in gate.asked] == ["198.51.100.9", "203.0.113.7"]


@pytest.mark.parametrize("keys", [{"encoding": "xml"}, {"scene": -1}, {"scene": "x"}, {"key": ""}, {"vid": ""}])
def test_settings_of_the_wrong_kind_are_errors(keys):
    with pytest.raises(PolicyError, match=next(iter(keys))):
        policy(**keys)


# ---- the replies


@pytest.mark.parametrize(
    ("message", "outcome", "reason"),
    [
        ("token error", "failed", "invalid_token"),
        ("token expired", "failed", "expired"),
        ("userid error", "failed", "invalid_token"),
        ("bad request", "failed", "invalid_token"),
        ("param-error", "failed", "invalid_token"),
        ("something new", "failed", "invalid_token"),
        ("", "failed", "invalid_token"),
        ("id empty", "misconfigured", "bad_credentials"),
        ("id error", "misconfigured", "bad_credentials"),
        ("frequency overrun", "unavailable", "throttled"),
        ("0209", "misconfigured", "quota"),
    ],
)
def test_each_documented_refusal_has_its_verdict(message, outcome, reason):
    verdict = verdict_of({"success": 0, "score": 0, "msg": message})
    assert (verdict.outcome, verdict.reason, verdict.provider_reason) == (outcome, reason, message)


def test_a_wrong_scene_can_be_the_clients_doing_and_is_no_outage():
    assert verdict_of({"success": 0, "msg": "scene error"}).outcome in ("failed", "misconfigured")


def test_a_pass_tells_its_score_and_what_was_deducted_for(world):
    gate = world(policy(), says_json(YES))
    conclusion(gate, data=TOKEN)
    decision = gate.seen[0].decision
    assert (decision.verified, decision.score, decision.raw_score) == (True, 0.6, 60)
    assert decision.detail["deductions"] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("told", "deductions"),
    [
        ("0,1, 23 ,4567", ["0", "1", "23", "4567"]),
        ("1,,2,", ["1", "2"]),
        ("12345,-1,1.5,0x1,\u0661,one,1 2", []),
        (",".join("7" * 60), ["7"] * 50),
        (7, ["7"]),
        (None, []),
    ],
)
def test_a_deduction_is_a_number_of_four_digits_and_there_are_at_most_fifty(told, deductions):
    assert verdict_of({**YES, "msg": told}).detail["deductions"] == deductions


def test_a_token_that_is_repeated_in_pieces_is_no_deduction(world):
    token = {**TOKEN, "vaptcha_token": "2b0e8b1c,5f7a4d6e,secret,part"}
    gate = world(policy(), says_json({**YES, "msg": token["vaptcha_token"]}))
    conclusion(gate, data=token)
    assert gate.seen[0].decision.detail["deductions"] == []


@pytest.mark.parametrize("success", [True, "1", 1.0, [1], {"success": 1}, 2, -1, None, False, "0", 0.0, "true"])
@pytest.mark.parametrize("listed", [True, False])
def test_only_the_integer_one_passes(world, success, listed):
    gate = world(policy(**(LISTED if listed else {})), says_json({**YES, "success": success}))
    expected = (503, "unavailable", "bad_reply") if listed else REFUSED
    assert conclusion(gate, data=TOKEN) == expected


@pytest.mark.parametrize(
    "content",
    [b"", b"1", b"success", b"[1]", b"null", b'"success"', b"{}", b'{"success":1', b'{"success":0,"success":1}',
     b'{"success":NaN}', b'{"success":1}garbage', b"\xff", '{"success":1}'.encode("utf-16"), b"cb({\"success\":1})"],
)  # fmt: skip
def test_a_reply_that_is_none_passes_nobody(content):
    assert verdict_of(content) == Verdict.unavailable("bad_reply")


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 500, 302, 429])
def test_a_pass_with_another_status_is_none(status):
    assert verdict_of(YES, status).outcome in ("unavailable", "misconfigured")


@pytest.mark.parametrize(
    "raw", ['"60"', "101", "-1", "NaN", "Infinity", "true", "null", "[60]", "1e400", "100.5", None]
)
def test_a_score_that_is_none_does_not_meet_a_rule_that_demands_one(world, raw):
    score = "" if raw is None else f', "score": {raw}'
    reply = says(200, f'{{"success": 1, "msg": ""{score}}}')
    gate = world(policy(SCORED), reply)
    assert conclusion(gate, data=TOKEN) == (403, "failed", "missing_score")
    assert gate.decisions[0].score is None
    assert conclusion(world(policy(), reply), data=TOKEN) == PASSED


@pytest.mark.parametrize(
    ("raw", "score", "passes"), [(0, 0.0, False), (49, 0.49, False), (50, 0.5, True), (100, 1.0, True)]
)
def test_a_score_of_0_to_100_is_held_against_the_rule(world, raw, score, passes):
    gate = world(policy(SCORED), says_json({**YES, "score": raw}))
    assert conclusion(gate, data=TOKEN) == (PASSED if passes else (403, "failed", "low_score"))
    assert (gate.decisions[0].score, gate.decisions[0].raw_score) == (score, raw)


@pytest.mark.parametrize("key", ["bind", "max_age"])
def test_a_rule_may_not_demand_what_the_vendor_does_not_tell(key):
    demand = {"bind": {"action": "login"}, "max_age": "1m"}[key]
    with pytest.raises(PolicyError, match=key):
        policy({**LOGIN, key: demand})


def test_a_message_of_another_type_breaks_nothing():
    for message in (None, 1, ["a"], {"a": 1}, True):
        assert verdict_of({"success": 1, "score": 9, "msg": message}).outcome == "passed"
        assert verdict_of({"success": 0, "msg": message}).outcome == "failed"


# ---- the fields


def test_a_token_is_good_once_whatever_server_is_named_with_it(world):
    gate = world(policy(), says_json(YES))
    assert conclusion(gate, data=TOKEN) == PASSED
    assert conclusion(gate, data={**TOKEN, "vaptcha_server": GOOD[1]}) == REPLAYED
    assert len(gate.asked) == 1


def test_a_token_stays_claimed_longer_than_it_lives():
    claim = account().claimed(TOKEN, context())
    assert claim.value == TOKEN["vaptcha_token"]
    assert claim.ttl > 180


@pytest.mark.parametrize("token", ["offline", "offline0123", "OFFLINE-x", "Offline" + "0" * 64, "oFFlInE-a-b-1"])
@pytest.mark.parametrize("keys", [{}, LISTED])
def test_an_offline_token_is_refused_whatever_its_case(world, token, keys):
    gate = world(policy(**keys), says_json({**YES, "score": 100}))
    assert conclusion(gate, data={**TOKEN, "vaptcha_token": token}) == MALFORMED
    assert gate.asked == []


NAMES = [
    ("vaptcha_server", "vaptcha_token"),
    ("VAPTCHA_server", "VAPTCHA_token"),
    ("VAPTCHA_SERVER", "VAPTCHA_TOKEN"),
    ("Vaptcha_Server", "vaptcha_TOKEN"),
    ("server", "token"),
    ("Server", "TOKEN"),
]
EVERYWHERE = {**LOGIN, "token": {"from": ["header", "json", "form", "query", "cookie"]}}


def sent(how: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields in one of the places where they may stand, as keyword arguments of a request."""
    if how == "multipart":
        return {"files": {name: (None, value) for name, value in fields.items()}}
    if how == "cookie":
        return {"headers": {"Cookie": "; ".join(f"{name}={value}" for name, value in fields.items())}}
    return {{"form": "data", "json": "json", "query": "params"}[how]: dict(fields)}


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
@pytest.mark.parametrize("names", NAMES)
def test_fields_count_in_any_case_and_without_their_prefix(world, how, names):
    gate = world(policy(EVERYWHERE), says_json(YES))
    fields = dict(zip(names, TOKEN.values(), strict=True))
    assert conclusion(gate, **sent(how, fields)) == PASSED
    assert json.loads(gate.asked[0].content)["token"] == TOKEN["vaptcha_token"]


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
@pytest.mark.parametrize("own", ["vaptcha_token", "VAPTCHA_TOKEN"])
def test_two_whole_sets_that_differ_are_a_token_given_twice(world, how, own):
    """The application may well read the other one."""
    gate = world(policy(EVERYWHERE), says_json(YES))
    fields = {"server": "https://other.vaptcha.net/verify", "token": "other", "vaptcha_server": SERVER, own: "mine"}
    assert conclusion(gate, **sent(how, fields)) == (403, "failed", "malformed_token")
    assert gate.asked == []


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
def test_two_whole_sets_that_agree_are_one_token(world, how):
    gate = world(policy(EVERYWHERE), says_json(YES))
    assert (
        conclusion(
            gate, **sent(how, {"server": SERVER, "token": "mine", "vaptcha_server": SERVER, "vaptcha_token": "mine"})
        )
        == PASSED
    )


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
def test_an_unrelated_field_named_token_does_no_harm(world, how):
    gate = world(policy(EVERYWHERE), says_json(YES))
    fields = {"token": "of a form against forgery", "vaptcha_server": SERVER, "vaptcha_token": "mine"}
    assert conclusion(gate, **sent(how, fields)) == PASSED


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
@pytest.mark.parametrize("names", [("vaptcha_server", "token"), ("server", "vaptcha_token"), ("server",), ("token",)])
def test_half_of_each_set_is_no_token(world, how, names):
    gate = world(policy(EVERYWHERE), says_json(YES))
    fields = dict(zip(names, TOKEN.values(), strict=False))
    assert conclusion(gate, **sent(how, fields)) == (403, "missing", "missing_token")
    assert gate.asked == []


@pytest.mark.parametrize("how", ["form", "json", "multipart", "query", "cookie"])
@pytest.mark.parametrize(("name", "again"), [
    ("vaptcha_token", "VAPTCHA_token"), ("vaptcha_server", "Vaptcha_Server"), ("token", "Token"), ("server", "SERVER"),
])  # fmt: skip
@pytest.mark.parametrize("same", [True, False])
def test_a_field_in_two_cases_at_once_is_refused(world, how, name, again, same):
    gate = world(policy(EVERYWHERE), says_json(YES))
    names = ("server", "token") if not name.startswith("vaptcha") else ("vaptcha_server", "vaptcha_token")
    fields = dict(zip(names, TOKEN.values(), strict=True))
    fields[again] = fields[name] if same else "other"
    assert conclusion(gate, **sent(how, fields)) == MALFORMED
    assert gate.asked == []


def test_new_names_hold_exactly_and_alone(world):
    gate = world(policy(fields={"vaptcha_server": "s", "vaptcha_token": "t"}), says_json(YES))
    for names in [*NAMES, ("S", "T"), ("s", "T"), ("s", "vaptcha_token"), ("s", "token")]:
        fields = dict(zip(names, TOKEN.values(), strict=True))
        assert conclusion(gate, data=fields) == (403, "missing", "missing_token")
    assert conclusion(gate, data=dict(zip("st", TOKEN.values(), strict=True))) == PASSED


@pytest.mark.parametrize("token", ["a b", "a\nb", 'a"b', "a\\b", "<b>", "é", "x" * 5000])
def test_a_token_that_no_vendor_issues_is_refused_before_any_call(world, token):
    gate = world(policy(), says_json(YES))
    assert conclusion(gate, json={**TOKEN, "vaptcha_token": token}) == MALFORMED
    assert gate.asked == []


# ---- outages


FAULTS = {
    "refused": (raises(httpx.ConnectError("refused")), "network"),
    "no route": (raises(httpx.ConnectTimeout("silent")), "timeout"),
    "silent": (raises(httpx.ReadTimeout("silent")), "timeout"),
    "cut off": (raises(httpx.RemoteProtocolError("closed")), "network"),
    "HTTP 500": (says(500), "provider_error"),
    "HTTP 503 with a pass": (says(503, json.dumps(YES)), "provider_error"),
    "HTTP 408": (says(408), "provider_error"),
    "HTML": (says(200, "<html>"), "bad_reply"),
    "nothing": (says(200), "bad_reply"),
    "truncated": (says(200, '{"success": 1'), "bad_reply"),
    "too long": (says(200, b"[" * 70_000), "bad_reply"),
    "compressed": (says(200, b"x", **{"content-encoding": "br"}), "bad_reply"),
    "a redirect": (says(302, location="https://elsewhere.invalid/"), "bad_reply"),
    "a redirect that keeps the method": (says(307, json.dumps(YES), location="https://evil.invalid/"), "bad_reply"),
    "a certificate that is not trusted": (raises(untrusted()), "network"),
}
#: A server that is there, and is none of the vendor's verification servers.
OTHERS = {f"HTTP {status}": says(status, "no") for status in (400, 401, 403, 404, 405, 410)}


@pytest.mark.parametrize("how", [*FAULTS, *OTHERS])
def test_under_a_wildcard_nothing_that_a_named_server_does_is_an_outage(world, how):
    gate = world(policy(), FAULTS[how][0] if how in FAULTS else OTHERS[how])
    assert conclusion(gate, data=TOKEN) == REFUSED
    assert conclusion(gate, data=TOKEN) == REPLAYED
    assert all(str(request.url) == SERVER for request in gate.asked)


@pytest.mark.parametrize("how", FAULTS)
def test_of_a_listed_server_it_is_one_and_the_token_is_given_back(world, how):
    answer, reason = FAULTS[how]
    gate = world(policy(**LISTED), answer)
    for _ in range(2):
        assert conclusion(gate, data=TOKEN) == (503, "unavailable", reason)
    gate.vendor = says_json(YES)
    assert conclusion(gate, data=TOKEN) == PASSED
    assert all(str(request.url) == SERVER for request in gate.asked)


@pytest.mark.parametrize("how", OTHERS)
def test_a_listed_server_that_knows_no_verification_is_our_own_mistake(world, how):
    gate = world(policy(OPENS, **LISTED), OTHERS[how])
    assert conclusion(gate, data=TOKEN) == (503, "misconfigured", "bad_credentials")


@pytest.mark.parametrize("keys", [{}, LISTED])
@pytest.mark.parametrize("answer", [says(429), says_json({"success": 0, "msg": "frequency overrun"})])
def test_a_flood_is_throttling_and_no_bad_token(world, keys, answer):
    gate = world(policy(**keys), answer)
    assert conclusion(gate, data=TOKEN) == (503, "unavailable", "throttled")


@pytest.mark.parametrize("servers", [None, ["*.vaptcha.com"], [*NODES, "*.vaptcha.net"], "*.vaptcha.net"])
@pytest.mark.parametrize("allow", ["allow", {"allow": "60/m"}])
def test_a_rule_that_opens_needs_a_list_without_wildcard(servers, allow):
    keys = {} if servers is None else {"allowed_servers": servers}
    with pytest.raises(PolicyError, match=r"on_unavailable.*wildcard"):
        policy({**LOGIN, "on_unavailable": allow}, **keys)
    assert policy({**LOGIN, "on_unavailable": allow}, **LISTED).warnings == ()


class Nodes:
    """The servers of a list, each with its own answer to the client's token and to anything else."""

    def __init__(self, *probes: Any, to_the_client: Any = None) -> None:
        self.asked: list[httpx.Request] = []
        self._to_the_client = to_the_client or raises(httpx.ConnectError("refused"))
        self._probes = dict(zip(NODES, probes, strict=True))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        mine = json.loads(request.content)["token"] == TOKEN["vaptcha_token"]
        return (self._to_the_client if mine else self._probes[request.url.host])(request)

    @property
    def probed(self) -> list[str]:
        return [
            str(request.url) for request in self.asked if json.loads(request.content)["token"] != TOKEN["vaptcha_token"]
        ]


DEAD = [how for how in FAULTS if "certificate" not in how and "redirect" not in how and how != "HTTP 408"]


@pytest.mark.parametrize("how", DEAD)
def test_where_no_listed_server_answers_the_rule_opens(world, how):
    nodes = Nodes(FAULTS[how][0], FAULTS[how][0])
    gate = world(policy(OPENS, **LISTED), nodes)
    assert conclusion(gate, data=TOKEN) == (200, "unavailable", "network")
    assert gate.decisions[0].opened
    assert list(dict.fromkeys(nodes.probed)) == [f"https://{node}/verify" for node in NODES]
    assert conclusion(gate, data=TOKEN) == REPLAYED


ANSWERS = {
    "a refusal": says_json({"success": 0, "msg": "token error"}),
    "our key refused": says_json({"success": 0, "msg": "id error"}),
    "a pass": says_json(YES),
    "HTTP 429": says(429),
    "HTTP 403": says(403),
    "a redirect": says(302, location="https://elsewhere.invalid/"),
}


@pytest.mark.parametrize("how", [*ANSWERS, "an untrusted certificate"])
@pytest.mark.parametrize("first", [True, False])
def test_one_listed_server_that_answers_refuses(world, how, first):
    answer = ANSWERS.get(how) or raises(untrusted())
    dead = raises(httpx.ConnectError("refused"))
    gate = world(policy(OPENS, **LISTED), Nodes(answer, dead) if first else Nodes(dead, answer))
    assert conclusion(gate, data=TOKEN) == (503, "unavailable", "network")
    assert gate.seen == []


@pytest.mark.parametrize("timeout", ["3s", "400ms"])
def test_a_first_server_that_hangs_leaves_the_second_its_time(kind, timeout):
    clock = ManualClock()

    def hangs(request):
        clock.now += request.extensions["timeout"]["read"]
        raise httpx.ReadTimeout("silent")

    nodes = Nodes(hangs, says_json({"success": 0, "msg": "token error"}), to_the_client=says(503))
    gate = World(kind, policy(OPENS, timeout=timeout, **LISTED), nodes)
    clock.rule(gate.gate)
    assert conclusion(gate, data=TOKEN) == (503, "unavailable", "provider_error")
    assert nodes.probed == [f"https://{node}/verify" for node in NODES]
    assert clock.now - 1000 <= min(1.0, 3.0 if timeout == "3s" else 0.4)


def test_the_probes_token_is_no_clients(world):
    nodes = Nodes(says(503), says(503))
    gate = world(policy(OPENS, **LISTED), nodes)
    conclusion(gate, data=TOKEN)
    tokens = {json.loads(request.content)["token"] for request in nodes.asked}
    assert len(tokens) >= 2
    assert not any(token.lower().startswith("offline") for token in tokens)


def test_no_decision_repeats_the_token_the_server_or_the_key(world, caplog):
    echo = {"success": 0, "msg": f"{TOKEN['vaptcha_token']} is no token of {VID}"}
    gate = world(policy(), says_json(echo))
    conclusion(gate, data=TOKEN)
    for secret in (TOKEN["vaptcha_token"], KEY):
        assert secret not in str(gate.decisions[0].as_dict())
        assert secret not in caplog.text


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_no_server_can_have_is_an_error(port):
    """The two adapters would not even agree on what it is: an outage to one, a mistake of ours to the other."""
    with pytest.raises(PolicyError, match="allowed_servers"):
        policy(allowed_servers=[f"http://127.0.0.1:{port}"])
