"""Which requests a rule matches, and which of several rules decides."""

from __future__ import annotations

import time

import pytest
from policy.views import decided_by, matches, policy_of, rule, sent, view_of

from captcha_gate.errors import UnreadableRequest
from captcha_gate.paths import MAX_EXPANDED, MAX_PATH, readings
from captcha_gate.patterns import PathPattern

# Paths


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("/", ["/", "", "//"], ["/a", "/index"]),
        ("/login", ["/login", "/login/", "/login//"], ["/", "/Login", "/login2", "/login/x", "/x/login", "/logi"]),
        ("/login/", ["/login", "/login/"], ["/login/x"]),
        ("/a.b", ["/a.b"], ["/aXb"]),
        ("/a+b(c)", ["/a+b(c)"], ["/aab(c)", "/aabc"]),
        ("/café", ["/café"], ["/cafe"]),
        ("/*", ["/a", "/a/", "/a.b"], ["/", "/a/b"]),
        ("/a/*", ["/a/b", "/a/b/"], ["/a", "/a/", "/a/b/c", "/ab"]),
        ("/a/*/c", ["/a/b/c"], ["/a/c", "/a/b/b/c", "/a/b/cc"]),
        (
            "/posts/{id}/comments",
            ["/posts/1/comments", "/posts/a b/comments"],
            ["/posts//comments2", "/posts/comments"],
        ),
        ("/**", ["/", "/a", "/a/b/c/d"], []),
        ("/a/**", ["/a", "/a/", "/a/b", "/a/b/c"], ["/", "/ab", "/b/a"]),
        ("/**/a", ["/a", "/b/a", "/b/c/a", "/a/a"], ["/", "/a/b", "/ba"]),
        ("/a/**/b", ["/a/b", "/a/x/b", "/a/x/y/b", "/a/b/b"], ["/a", "/b", "/a/bb", "/a/x/b/c", "/ab"]),
        ("/**/a/**", ["/ab/a", "/ab/a/y", "/a", "/x/a/y", "/a/a"], ["/", "/xa/y", "/x/ab"]),
        ("/**/a/b/**/c", ["/a/b/c", "/x/a/a/b/c", "/a/a/b/b/c/c"], ["/a/c/b", "/a/bc", "/a/x/b/c"]),
        ("/**/*/x", ["/a/x", "/a/b/x", "/x/x"], ["/x"]),
        ("/*/**", ["/a", "/a/b"], ["/"]),
    ],
)
def test_a_pattern_matches_whole_segments(pattern, paths, others):
    policy = policy_of(rule({"path": pattern, "methods": "any"}))
    assert [path for path in paths if decided_by(policy, view_of(path=path)) != "rule"] == []
    assert [path for path in others if decided_by(policy, view_of(path=path)) is not None] == []


@pytest.mark.parametrize("pattern", ["/**/a/**/b", "/**/a/**/a/**/b", "/**/*/**/*/**/*/**/b", "/**/a/*/**/a/*/**/b"])
def test_no_path_takes_long_to_match(pattern):
    compiled = PathPattern.parse(pattern)
    start = time.process_time()
    assert not compiled.matches("/a" * 4000)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("expression", "paths", "others"),
    [
        (r"/users/\d+", ["/users/1", "/users/12/"], ["/users/", "/users/1a", "/x/users/1"]),
        (r"/users/\d+/", ["/users/1", "/users/12/"], ["/users/1/x"]),
        (r"/a|/b", ["/a", "/b"], ["/ab", "/a/b"]),
        (r"(?i)/login", ["/Login", "/LOGIN"], ["/log"]),
        (r".*\.php", ["/a.php", "/x/y.php"], ["/a.php7"]),
        (r"/", ["/"], ["/a"]),
    ],
)
def test_a_path_regex_is_for_the_whole_path_and_ignores_a_trailing_slash(expression, paths, others):
    policy = policy_of(rule({"path_regex": expression}))
    assert [path for path in paths if decided_by(policy, view_of(path=path)) != "rule"] == []
    assert [path for path in others if decided_by(policy, view_of(path=path)) is not None] == []


def test_path_and_path_regex_must_both_hold():
    match = {"path": "/a/**", "path_regex": ".*[.]php"}
    assert [matches(match, view_of(path=path)) for path in ("/a/x.php", "/a/x", "/x.php")] == [True, False, False]


# Methods

UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "WEBSOCKET", "BREW"]
SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"]


def methods_matched(match, among=(*UNSAFE, *SAFE), **keys):
    policy = policy_of(rule(match, **keys))
    return [method for method in among if decided_by(policy, view_of(method)) == "rule"]


def test_verify_concerns_every_unsafe_method_unless_methods_say_otherwise():
    assert methods_matched("/a") == UNSAFE
    assert methods_matched({"path": "/a", "methods": "unsafe"}) == UNSAFE
    assert methods_matched({"path": "/a", "methods": ["UNSAFE"]}) == UNSAFE


@pytest.mark.parametrize("action", ["allow", "deny"])
def test_allow_and_deny_concern_every_method_unless_methods_say_otherwise(action):
    assert methods_matched("/a", action=action) == [*UNSAFE, *SAFE]
    assert methods_matched({"path": "/a", "methods": "unsafe"}, action=action) == UNSAFE


def test_any_is_every_method():
    assert methods_matched({"path": "/a", "methods": "any"}) == [*UNSAFE, *SAFE]


def test_named_methods_are_those_and_head_follows_get():
    assert methods_matched({"path": "/a", "methods": ["post", "Get"]}) == ["POST", "GET", "HEAD"]
    assert methods_matched({"path": "/a", "methods": "HEAD"}) == ["HEAD"]


@pytest.mark.parametrize("method", ["post", "Post", "pOST"])
def test_a_method_is_compared_upper_cased(method):
    assert matches("/a", view_of(method))
    assert matches({"path": "/a", "methods": "POST"}, view_of(method))


@pytest.mark.parametrize("method", ["get", "Head", "options"])
def test_a_safe_method_in_lower_case_is_safe(method):
    assert not matches("/a", view_of(method))


def test_a_websocket_handshake_is_unsafe():
    assert matches("/a", view_of("WEBSOCKET", kind="websocket"))
    assert matches({"path": "/a", "methods": "websocket"}, view_of("WEBSOCKET", kind="websocket"))


@pytest.mark.parametrize(
    "asking",
    [
        {"headers": {"x-http-method-override": "POST"}},
        {"headers": {"x-http-method": "post"}},
        {"headers": {"x-method-override": " POST "}},
        {"headers": {"x-method-override": ["GET", "POST"]}},
        {"headers": {"x-method-override": "GET, POST"}},
        {"query": "_method=post"},
        {"query": "_method=GET&_method=POST"},
    ],
)
def test_an_override_adds_a_method(asking):
    assert matches("/a", view_of("GET", **asking))


@pytest.mark.parametrize(
    "asking", [{"headers": {"x-http-method-override": "GET"}}, {"query": "_method=GET"}, {"query": "_method=%00"}]
)
def test_an_override_never_takes_the_method_away(asking):
    assert matches("/a", view_of("POST", **asking))


@pytest.mark.parametrize("method", ["", "PO ST", "POST\n", "POST\x00", "PÖST", "P" * 65, "GET/1"])
def test_a_method_that_is_no_token_cannot_be_read(method):
    assert decided_by(policy_of(rule("/a")), view_of(method)) == "bad_method"


# What clients choose


@pytest.mark.parametrize(
    ("pattern", "hosts", "others"),
    [
        (
            "example.com",
            ["example.com", "EXAMPLE.com", "example.com:8443", "example.com:", " example.com "],
            ["www.example.com", "example.com.evil.test", "evil-example.com", "example.com:x", "example.com:1:2", ""],
        ),
        ("Example.COM", ["example.com"], []),
        ("*.example.com", ["www.example.com", "a.b.example.com:80"], ["example.com", "wwwexample.com"]),
        ("[::1]", ["[::1]", "[::1]:8000"], ["::1", "[::2]"]),
        ("127.0.0.1", ["127.0.0.1", "127.0.0.1:5000"], ["127.0.0.11"]),
    ],
)
def test_a_host_is_compared_without_port_and_case(pattern, hosts, others):
    match = {"path": "/a", "host": pattern}
    assert [host for host in hosts if not matches(match, view_of(headers={"host": host}))] == []
    assert [host for host in others if matches(match, view_of(headers={"host": host}))] == []


def test_two_host_headers_are_no_host():
    match = {"path": "/a", "host": "example.com"}
    assert not matches(match, view_of(headers={"host": ["example.com", "example.com"]}))


def test_a_header_must_have_one_of_the_values_in_any_of_its_lines():
    match = {"path": "/a", "header": {"X-App": ["web", "mobile"]}}
    assert matches(match, view_of(headers={"x-app": "web"}))
    assert matches(match, view_of(headers={"x-app": ["other", "mobile"]}))
    assert not matches(match, view_of(headers={"x-app": "Web"}))
    assert not matches(match, view_of(headers={"x-app": "web2"}))
    assert not matches(match, view_of())


def test_every_name_must_hold():
    match = {"path": "/a", "header": {"x-a": "1", "x-b": "*"}}
    assert matches(match, view_of(headers={"x-a": "1", "x-b": ""}))
    assert not matches(match, view_of(headers={"x-a": "1"}))
    assert not matches(match, view_of(headers={"x-b": "1"}))


def test_a_cookie_may_be_present_or_have_a_value():
    def with_cookie(wanted, header):
        return matches({"path": "/a", "cookie": {"c": wanted}}, view_of(headers={"cookie": header}))

    assert with_cookie("*", "b=1; c=anything")
    assert with_cookie("*", "c=")
    assert with_cookie("x", "c=y; c=x")
    assert not with_cookie("*", "cc=1")
    assert not with_cookie("x", "c=X")
    assert not matches({"path": "/a", "cookie": {"c": "*"}}, view_of())


def test_a_query_parameter_is_compared_decoded():
    def with_query(wanted, query):
        return matches({"path": "/a", "query": {"q": wanted}}, view_of(query=query))

    assert with_query("a b", "q=a%20b")
    assert with_query("a b", "q=a+b")
    assert with_query("2", "q=1&q=2")
    assert with_query("*", "q=")
    assert with_query("*", "q")
    assert not with_query("2", "Q=2")
    assert not with_query("2", "x=q%3D2")
    assert not with_query("2", "")


def test_a_media_type_is_compared_without_parameters_and_case():
    def with_type(wanted, header):
        return matches({"path": "/a", "content_type": wanted}, view_of(headers={"content-type": header}))

    assert with_type("application/json", "Application/JSON; charset=utf-8")
    assert with_type("multipart/*", "multipart/form-data; boundary=x")
    assert with_type(["text/plain", "application/json"], "application/json")
    assert not with_type("application/json", "application/json+x")
    assert not with_type("text/*", "textual/plain")
    assert not matches({"path": "/a", "content_type": "text/plain"}, view_of())


def test_values_that_are_no_ascii_are_compared_too():
    assert matches({"path": "/a", "query": {"q": "é\U0001f600"}}, view_of(query="q=%C3%A9%F0%9F%98%80"))
    assert not matches({"path": "/a", "header": {"x": "é"}}, view_of(headers={"x": "\udce9"}))


def test_not_turns_the_whole_of_its_conditions_around():
    match = {"path": "/a", "not": {"client_ip": "203.0.113.0/24", "header": {"x-app": "mobile"}}}
    assert not matches(match, view_of(headers={"x-app": "mobile"}))
    assert matches(match, view_of())
    assert matches(match, view_of(headers={"x-app": "mobile"}, peer="192.0.2.1"))


def test_not_may_hold_a_not():
    assert [matches({"path": "/a/**", "not": {"path": "/a/b"}}, view_of(path=path)) for path in ("/a", "/a/b")] == [
        True,
        False,
    ]
    twice = {"path": "/a/**", "not": {"path": "/a/**", "not": {"path": "/a/b"}}}
    assert [matches(twice, view_of(path=path)) for path in ("/a", "/a/b")] == [False, True]


def test_the_inside_of_a_not_has_no_methods_of_its_own():
    assert not matches({"path": "/a/**", "methods": "any", "not": {"path": "/a/b"}}, view_of("GET", "/a/b"))


# The client's address


def from_office(peer, forwarded=(), **client_ip):
    policy = policy_of(
        rule({"path": "/a", "client_ip": "office"}),
        networks={"office": ["198.51.100.0/24", "2001:db8::/32"]},
        client_ip=client_ip,
    )
    view = view_of(peer=peer, headers={"x-forwarded-for": forwarded}, proxies=policy.proxies)
    return decided_by(policy, view) == "rule"


@pytest.mark.parametrize(
    "peer", ["198.51.100.7", "2001:db8::1", "2001:0DB8:0::1", "::ffff:198.51.100.7", "::ffff:c633:6407"]
)
def test_an_address_is_found_in_its_network_in_any_spelling(peer):
    assert from_office(peer)


@pytest.mark.parametrize("peer", ["198.51.101.7", "2001:db9::1", "", "garbage", "198.51.100.7:80", None])
def test_an_address_elsewhere_or_none_is_in_no_network(peer):
    assert not from_office(peer)


def test_a_network_in_mapped_form_means_the_addresses_it_maps():
    assert matches({"path": "/a", "client_ip": "::ffff:203.0.113.0/120"}, view_of())


def test_a_single_address_is_a_network_of_one():
    assert matches({"path": "/a", "client_ip": ["203.0.113.5"]}, view_of())
    assert not matches({"path": "/a", "client_ip": "203.0.113.6"}, view_of())


def test_nobody_is_believed_by_default():
    assert not from_office("203.0.113.5", "198.51.100.7")


PROXIES = ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("198.51.100.7", True),
        ("203.0.113.9, 198.51.100.7", True),
        ("198.51.100.7, 203.0.113.9", False),  # what stands left of a stranger is the stranger's word
        ("198.51.100.7, 10.0.0.2", True),
        ("198.51.100.7, fd00::1, 10.0.0.2", True),
        (["203.0.113.9", "198.51.100.7"], True),
        (["198.51.100.7", "203.0.113.9"], False),
        ("198.51.100.7:1234", True),
        ("[2001:db8::1]:1234", True),
        ("2001:db8::1", True),
        ("::ffff:198.51.100.7", True),
        ("198.51.100.7, garbage", False),
        ("198.51.100.7, , 10.0.0.2", False),
        ("198.51.100.7,", False),
        ("", False),
        ((), False),
    ],
)
def test_behind_trusted_proxies_hops_are_counted_from_the_right(forwarded, expected):
    assert from_office("10.0.0.1", forwarded, trusted_proxies=PROXIES) is expected


def test_a_peer_that_is_no_proxy_is_the_client_whatever_it_says():
    assert not from_office("203.0.113.5", "198.51.100.7", trusted_proxies=PROXIES)
    assert from_office("198.51.100.7", "203.0.113.5", trusted_proxies=PROXIES)


def test_a_unix_socket_is_a_proxy_only_where_the_policy_says_so():
    assert from_office(None, "198.51.100.7", trusted_proxies=["unix"])
    assert not from_office(None, "198.51.100.7", trusted_proxies=PROXIES)
    assert not from_office(None, trusted_proxies=["unix"])


def test_trusted_proxies_may_be_a_network_by_name():
    assert from_office("198.51.100.1", "198.51.100.2, 2001:db8::7", trusted_proxies="office")
    assert not from_office("198.51.100.1", "203.0.113.9", trusted_proxies="office")


# Several rules


def test_the_first_rule_that_matches_decides():
    policy = policy_of(
        rule({"path": "/a", "methods": "PUT"}, "put"), rule("/a", "first"), rule("/a", "second"), rule("/**", "rest")
    )
    assert decided_by(policy, view_of("PUT")) == "put"
    assert decided_by(policy, view_of()) == "first"
    assert decided_by(policy, view_of(path="/b")) == "rest"
    assert decided_by(policy, view_of("GET")) is None


def test_where_no_rule_matches_the_default_decides():
    policy = policy_of(rule("/a", action="allow"), default_action="deny")
    assert decided_by(policy, view_of(path="/b")) == "default"
    assert decided_by(policy, view_of(path="/a")) == "rule"
    assert not policy.ignores("/b")


def test_a_disabled_rule_still_matches():
    policy = policy_of(rule("/a", "off", mode="disabled"), rule("/a", "on"))
    assert decided_by(policy, view_of()) == "off"


# Readings

LOGIN = [
    "/login", "//login", "/./login", "/x/../login", "/../login", "/x//../login", "/login/", "/login/.", "/login/x/..",
    "/%6cogin", "/%6Cogin", "/%256cogin", "/%25256cogin", "/login%2f", "/%2flogin", "/x%2f..%2flogin", "/%2e/login",
    "/x/%2e%2e/login", "/login;x", "/login;x=1/", "/;x/login", "/x/..;/login", "/login%3bx", "/login%23x", "/login%3fx",
    "\\login", "/x\\..\\login", "/%5clogin", "login", "http://example.com/login", "http://example.com//login",
    "HTTPS://u:p@[::1]:80/x/../login",
]  # fmt: skip


@pytest.mark.parametrize("tells", [True, False], ids=["raw-path", "no-raw-path"])
@pytest.mark.parametrize("raw", LOGIN)
def test_whatever_a_framework_may_take_for_login_is_verified(raw, tells):
    policy = policy_of(rule("/login"))
    assert decided_by(policy, sent(raw, tells=tells)) == "rule"


@pytest.mark.parametrize("raw", ["/loginx", "/x/login", "/LOGIN", "/log/in", "/login%2fx", "/x;/login", "/login.", "/"])
def test_what_nobody_takes_for_login_is_not(raw):
    assert decided_by(policy_of(rule("/login")), sent(raw)) is None


def test_an_encoded_slash_is_read_as_a_slash_and_as_part_of_its_segment():
    assert decided_by(policy_of(rule("/files/*")), sent("/files/a%2Fb")) == "rule"
    assert decided_by(policy_of(rule("/files/a/b")), sent("/files/a%2fb")) == "rule"


STRENGTHS = [
    {"action": "deny"},
    {},
    {"on_fail": "annotate"},
    {"mode": "monitor"},
    {"action": "allow"},
    None,
]
PAIRS = [(strict, weak) for number, strict in enumerate(STRENGTHS) for weak in STRENGTHS[number + 1 :]]


@pytest.mark.parametrize("path", ["/strict/..;/weak", "/weak/..;/strict", "/weak%2f../strict", "/strict%2f../weak"])
@pytest.mark.parametrize(("strict", "weak"), PAIRS)
def test_where_readings_differ_the_stricter_rule_decides(strict, weak, path):
    rules = [rule("/strict/**", "strict", **strict)] + ([rule("/weak/**", "weak", **weak)] if weak is not None else [])
    assert decided_by(policy_of(*rules), sent(path)) == "strict"
    assert decided_by(policy_of(*reversed(rules)), sent(path)) == "strict"


def test_a_monitored_deny_is_no_stronger_than_any_monitored_rule():
    policy = policy_of(rule("/a/**", "watched", action="deny", mode="monitor"), rule("/b/**", "kept"))
    assert decided_by(policy, sent("/a/..;/b")) == "kept"


@pytest.mark.parametrize("keys", [{}, {"on_fail": "annotate"}, {"mode": "monitor"}])
def test_two_different_verifications_are_ambiguous(keys):
    policy = policy_of(rule("/a/**", "one", **keys), rule("/b/**", "two", **keys))
    assert decided_by(policy, sent("/a/..;/b")) == "ambiguous_path"


def test_one_rule_by_two_readings_is_not_ambiguous():
    assert decided_by(policy_of(rule({"path": ["/a/**", "/b/**"]}, "both")), sent("/a/..;/b")) == "both"


def test_a_default_that_denies_is_picked_by_a_reading_too():
    policy = policy_of(rule("/a/**", "open", action="allow"), default_action="deny")
    assert decided_by(policy, sent("/a/..;/b")) == "default"
    assert decided_by(policy, sent("/a/b")) == "open"


def test_each_reading_is_matched_by_the_whole_match_and_by_not():
    policy = policy_of(rule({"path": "/api/**", "not": {"path": "/api/health"}}))
    assert decided_by(policy, sent("/api/health")) is None
    assert decided_by(policy, sent("/api/health;/../login")) == "rule"
    assert decided_by(policy, sent("/api/login;/../health")) == "rule"


@pytest.mark.parametrize("raw", ["/login%2500", "/login%25ff", "/login%250a", "/%25c0%25aflogin", "/%256cogin"])
def test_what_only_a_second_decoding_brings_to_light_still_finds_the_rule(raw):
    assert decided_by(policy_of(rule("/login")), sent(raw)) == "rule"


@pytest.mark.parametrize(
    "raw",
    [
        "/search/100%25fat%20free", "/search/20%25access", "/search/5%25de", "/search/50%2500", "/wiki/%EF%BF%BD",
        "/web/2020/https://example.com/a;b=1/c%23d/..%2Fe?x=1#y", "/wiki/C%23/%E4%B8%AD%E6%96%87/a..b;c=d",
    ],
)  # fmt: skip
@pytest.mark.parametrize("tells", [True, False], ids=["raw-path", "no-raw-path"])
def test_an_odd_but_honest_path_is_no_reason_to_refuse(raw, tells):
    assert decided_by(policy_of(rule("/login")), sent(raw.partition("?")[0], tells=tells)) is None


@pytest.mark.parametrize(
    ("mount", "path"),
    [
        ("/shop", "/shoplogin"), ("/shop", "/x/shop/login"), ("/shop", "/a/shoplogin"), ("shop", "/shop/login"),
        ("/shop/", "/shop/login"), ("/shop", "//shop//login"),
    ],
)  # fmt: skip
def test_a_mount_point_that_frameworks_cut_off_in_their_own_ways_hides_no_rule(mount, path):
    assert decided_by(policy_of(rule("/login")), view_of(path=path, mount=mount)) == "rule"


@pytest.mark.parametrize(
    "path", ["x:/login", "x:login", " /login", "http://h/login", "http:/login", "x/login", "%u006c/login", "*/login"]
)
def test_a_target_without_leading_slash_hides_no_rule(path):
    assert decided_by(policy_of(rule("/login")), view_of(path=path)) == "rule"


def test_an_empty_segment_is_a_segment_to_falcon():
    policy = policy_of(rule("/posts/{id}/comments"))
    assert decided_by(policy, view_of(path="/posts//comments")) == "rule"
    assert decided_by(policy_of(rule("/*")), view_of(path="/")) is None


@pytest.mark.parametrize(
    "query",
    ["%5Fmethod=POST", "_%6dethod=POST", "a&" * 1000 + "_method=POST", "a=1;_method=post"],
    ids=["escaped", "half escaped", "in a crowd", "lower case"],
)
def test_no_escape_and_no_crowd_hides_an_override_in_the_query(query):
    assert decided_by(policy_of(rule("/login")), view_of("GET", "/login", query=query)) == "rule"


@pytest.mark.parametrize("query", ["_method=po%C5%BFt", "_method=%C5%BF&_method=po%c5%bft", "a=1;_method=PO%C5%BFt"])
def test_a_method_in_the_query_is_what_a_frameworks_upper_case_makes_of_it(query):
    """With a long s it is no token, and its upper case is POST."""
    assert decided_by(policy_of(rule("/login")), view_of("GET", "/login", query=query)) == "rule"


@pytest.mark.parametrize("methods", [["GET", "POST"], "GET"])
def test_a_websocket_handshake_is_the_get_that_it_was_sent_as(methods):
    policy = policy_of(rule({"path": "/login", "methods": methods}))
    assert decided_by(policy, view_of("WEBSOCKET", "/login", kind="websocket")) == "rule"
    assert decided_by(policy, view_of("GET", "/login", headers={"upgrade": "websocket"})) == "rule"


def test_an_exemption_of_get_lets_no_handshake_off():
    policy = policy_of(rule({"path": "/a", "methods": "GET"}, "free", action="allow"), rule("/a", "gated"))
    assert decided_by(policy, view_of("WEBSOCKET", "/a", kind="websocket")) == "gated"


def test_an_upgrade_to_a_websocket_is_one_wherever_it_is_taken_up():
    policy = policy_of(rule("/login"))
    assert decided_by(policy, view_of("GET", "/login", headers={"upgrade": "WebSocket"})) == "rule"
    assert decided_by(policy, view_of("GET", "/login", headers={"upgrade": "h2c"})) is None


@pytest.mark.parametrize("name", ["x_http_method_override", "x-http_method-override", "x_http-method"])
def test_an_override_with_underscores_is_one_too(name):
    assert decided_by(policy_of(rule("/login")), view_of("GET", "/login", headers={name: "POST"})) == "rule"


def test_a_crowd_of_overrides_is_refused():
    many = ",".join(f"M{number}" for number in range(1000))
    view = view_of("GET", "/about", headers={"x-http-method-override": many})
    assert decided_by(policy_of(rule("/login")), view) == "bad_method"


@pytest.mark.parametrize(
    "raw",
    [
        "/login%00", "/login%0a", "/%0dlogin", "/login%7f", "/login%1b", "/login%ff", "/%c0%afogin", "/log%80in",
        "/" + "a" * 9000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("tells", [True, False], ids=["raw-path", "no-raw-path"])
def test_control_characters_invalid_utf8_and_puzzles_cannot_be_read(raw, tells):
    assert decided_by(policy_of(rule("/login")), sent(raw, tells=tells)) == "ambiguous_path"


def test_bytes_that_a_server_dropped_are_still_seen_in_the_raw_path():
    view = view_of(path="/login", raw_path=b"/lo%ffgin")
    assert decided_by(policy_of(rule("/login")), view) == "ambiguous_path"


@pytest.mark.parametrize(
    ("mount", "path", "expected"),
    [
        ("/v1", "/v1/login", "rule"),
        ("/v1/", "/v1/login", "rule"),
        ("/v1", "/v1//login", "rule"),
        ("/v1", "//v1/login", "rule"),
        ("/v1", "/v1/x/../login", "rule"),
        ("/v1", "/login", "rule"),
        ("/v", "/v1/login", None),
        ("/v1", "/v1x/login", None),
        ("/v1/v2", "/v1/login", None),
        ("", "/v1/login", None),
    ],
)
def test_what_is_matched_is_the_path_below_the_mount_point(mount, path, expected):
    assert decided_by(policy_of(rule("/login")), view_of(path=path, mount=mount)) == expected


def test_the_root_below_a_mount_point_is_the_root():
    assert decided_by(policy_of(rule("/")), view_of(path="/v1", mount="/v1")) == "rule"
    assert decided_by(policy_of(rule("/")), view_of(path="/v1/", mount="/v1")) == "rule"


def test_a_long_path_may_have_fewer_readings_than_a_short_one():
    """Each reading is matched, and a regular expression may take it squared."""
    puzzle = "/%250%2561;x/../." * 2
    ways = len(readings("/" + puzzle))
    assert ways > MAX_EXPANDED // MAX_PATH  # so that the length of the path alone is no reason
    assert readings("/" + "b" * 1000 + puzzle)
    with pytest.raises(UnreadableRequest):
        readings("/" + "b" * (2 * MAX_EXPANDED // ways) + puzzle)
