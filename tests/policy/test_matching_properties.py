"""What holds of matching for whatever paths and patterns there are."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from policy.disguises import disguised
from policy.views import decided_by, policy_of, rule, sent, view_of

from captcha_gate.patterns import MANY, ONE, PathIndex, PathPattern

POLICY = policy_of(
    rule("/login", "login"),
    rule("/account/*/password", "password"),
    rule("/shop/**/pay", "pay"),
    rule({"path_regex": r"/wiki/\w+/edit"}, "edit"),
)
CONCERNED = {
    "/login": "login",
    "/account/7/password": "password",
    "/shop/pay": "pay",
    "/shop/a/b/pay": "pay",
    "/wiki/Main/edit": "edit",
}

PATHLIKE = st.lists(st.sampled_from(["login", "wiki", "a", "/", "//", ".", "..", "%2f", ";", "\\", "#", "x"])).map(
    "".join
)


@settings(max_examples=600, deadline=None)
@given(disguised(CONCERNED), st.booleans(), st.sampled_from(["", "/v1", "/v1/"]))
@example(("/login", "/x%252f..%252flogin"), True, "")
def test_no_disguise_of_a_path_gets_past_its_rule(pair, tells, mount):
    path, raw = pair
    view = sent(mount.rstrip("/") + raw, tells=tells, mount=mount)
    assert decided_by(POLICY, view) in (CONCERNED[path], "ambiguous_path"), raw


@settings(max_examples=300, deadline=None)
@given(st.one_of(PATHLIKE, disguised(CONCERNED).map(lambda pair: sent(pair[1]).path)))
def test_a_path_that_the_gate_ignores_is_one_that_no_rule_matches(path):
    if POLICY.ignores(path):
        assert decided_by(POLICY, view_of(path=path)) is None


def named(rule):
    return rule and (rule.name or "default")


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND"])
WITH_VISITS = policy_of(
    rule({"path": "/login", "methods": ["GET", "POST"]}, "visits"),
    rule("/login", "sent"),
    rule({"path": "/account/*/password", "methods": "PUT", "header": {"x": "y"}}, "put"),
    rule({"path_regex": "/wiki/.+", "methods": "POST"}, "wiki"),
    rule({"path": "/shop/**", "methods": "any", "not": {"methods": "POST"}}, "not"),
)

DENYING = policy_of(rule("/a"), rule({"path": "/login", "client_ip": "192.0.2.1"}, "near"), default_action="deny")


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([POLICY, WITH_VISITS, DENYING]), METHODS, st.one_of(PATHLIKE, st.sampled_from(sorted(CONCERNED)))
)
def test_what_method_and_path_settle_is_what_matching_finds(policy, method, path):
    for _ in range(2):  # found out, then remembered
        settled = policy.settled(method, path)
        if settled is not None:
            assert decided_by(policy, view_of(method, path=path)) == named(settled.rule)


@pytest.mark.parametrize(
    ("policy", "method", "path", "name"),
    [
        (POLICY, "POST", "/login", "login"),
        (POLICY, "POST", "/login/", "login"),
        (POLICY, "GET", "/login/", None),
        (POLICY, "HEAD", "/shop/a/b/pay", None),
        (POLICY, "POST", "/shop/a/b/pay", "pay"),
        (POLICY, "POST", "/shop/a/b/pays", None),
        (WITH_VISITS, "GET", "/login", "visits"),
        (WITH_VISITS, "PUT", "/login", "sent"),
        (WITH_VISITS, "POST", "/account/7/password", None),
        (POLICY, "POST", "/wiki/Main/edit", "edit"),
        (POLICY, "POST", "/wiki/Main/edits", None),
        (DENYING, "GET", "/b", "default"),
    ],
)
def test_method_and_path_settle_what_most_rules_are_about(policy, method, path, name):
    settled = policy.settled(method, path)
    assert settled is not None
    assert named(settled.rule) == name


@pytest.mark.parametrize(
    ("policy", "method", "path"),
    [
        pytest.param(POLICY, "POST", "//login", id="several readings"),
        pytest.param(WITH_VISITS, "PUT", "/account/7/password", id="a header"),
        pytest.param(WITH_VISITS, "GET", "/shop/x", id="a match within"),
        pytest.param(policy_of(rule("/a"), rule({"host": "b"}, "b")), "POST", "/b", id="a rule for any path"),
    ],
)
def test_what_more_than_method_and_path_decides_is_not_settled(policy, method, path):
    assert policy.settled(method, path) is None


# Patterns

SEGMENT = st.sampled_from(["a", "b", "ab", "a.b"])
PATHS = st.lists(SEGMENT, max_size=6).map(lambda segments: "/" + "/".join(segments))
PIECES = st.lists(st.one_of(SEGMENT, st.sampled_from([ONE, MANY, "{id}"])), max_size=5)


def pattern_of(pieces: list[str]) -> PathPattern:
    """Without `**` twice in a row, which is refused."""
    kept = [piece for n, piece in enumerate(pieces) if piece != MANY or n == 0 or pieces[n - 1] != MANY]
    return PathPattern.parse("/" + "/".join(kept))


PATTERNS = PIECES.map(pattern_of)


def naively(segments: tuple[str, ...], path: list[str]) -> bool:
    """What a pattern means, written as plainly as can be."""
    if not segments:
        return not path
    if segments[0] == MANY:
        return any(naively(segments[1:], path[n:]) for n in range(len(path) + 1))
    return bool(path) and segments[0] in (ONE, path[0]) and naively(segments[1:], path[1:])


def parts(path: str) -> list[str]:
    return path.strip("/").split("/") if path != "/" else []


@settings(max_examples=600, deadline=None)
@given(PATTERNS, PATHS)
def test_a_pattern_matches_what_it_means(pattern, path):
    assert pattern.matches(path) == naively(pattern.segments, parts(path))


@settings(max_examples=500, deadline=None)
@given(st.lists(PATTERNS, max_size=8), PATHS)
def test_the_index_agrees_with_looking_at_every_pattern(patterns, path):
    index = PathIndex(list(enumerate(patterns)), always=[len(patterns)])
    candidates = index.candidates(path)
    assert candidates == sorted(set(candidates))
    found = [number for number in candidates if number == len(patterns) or patterns[number].matches(path)]
    assert found == [number for number, pattern in enumerate(patterns) if pattern.matches(path)] + [len(patterns)]


@settings(max_examples=300, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=8), PATHS)
def test_the_first_rule_is_the_one_that_a_linear_scan_finds(patterns, path):
    policy = policy_of(*(rule(pattern.text, f"r{number}") for number, pattern in enumerate(patterns)))
    expected = next((f"r{number}" for number, pattern in enumerate(patterns) if pattern.matches(path)), None)
    assert decided_by(policy, view_of(path=path)) == expected


def fitting(pattern: PathPattern) -> st.SearchStrategy[str]:
    """Paths that fit a pattern."""
    pieces = [
        st.lists(SEGMENT, max_size=3)
        if piece == MANY
        else SEGMENT.map(lambda s: [s])
        if piece == ONE
        else st.just([piece])
        for piece in pattern.segments
    ]
    return st.tuples(*pieces).map(lambda found: "/" + "/".join(segment for piece in found for segment in piece))


@settings(max_examples=600, deadline=None)
@given(st.data(), PATTERNS, PATTERNS)
def test_a_pattern_that_covers_another_matches_all_its_paths(data, wide, narrow):
    if wide.covers(narrow):
        path = data.draw(fitting(narrow))
        assert narrow.matches(path)
        assert wide.matches(path)


@settings(max_examples=600, deadline=None)
@given(st.data(), PATTERNS, PATTERNS)
def test_patterns_that_do_not_overlap_share_no_path(data, one, other):
    path = data.draw(fitting(one))
    assert one.matches(path)
    if other.matches(path):
        assert one.overlaps(other)
        assert other.overlaps(one)


@given(PATTERNS)
def test_a_pattern_covers_and_overlaps_itself(pattern):
    assert pattern.covers(pattern)
    assert pattern.overlaps(pattern)
