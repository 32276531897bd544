"""Regular expressions that a client could make take for ever are refused at load; honest ones are not."""

from __future__ import annotations

import pytest

from captcha_gate import PolicyError, load_policy
from captcha_gate.policy.regexes import hazard_of


@pytest.mark.parametrize(
    "expression",
    [
        "/(a+)+",
        "^/(a+)+$",
        "/(a*)*b",
        "/([a-z]+)*",
        "/(?:a|a)*",
        "/(?:/(?:a.|ab))*",
        "/(a|aa)+",
        "/(.*)*",
        "/((ab?)+c?)+",
        "/(x+x+)+y",
        "/(?:\\w+\\s?)*",
        "/(/a*/?)+",
        "/(a+){20}",
        "/(a+){2,}",
        "/(?P<n>(?P<m>a?)+)",
        "/(-[\\w-]+)*",
        "/(/.+)*",
        "/(/[^a]+)*",
        "/(?i:(a+)+)",
        "/(?=(a+)+b).*",
        "/(a)\\1",
        "/(?P<x>a)(?P=x)",
        "(?i)/(?:a[A-Z]+)*",  # led by a letter that the rest takes in its other case
        "(?i)/(?:k\u212a+)*",
        "/(?:a|(?i:A))*b",
        "(?:/a?a?)*",  # well led, and ambiguous in each round
        "(?:/[a-z]*[a-z]*)*",
        "(?:/[a-z][a-z0-9]*-?[a-z0-9]*)*",
        "/(?:a{1,16}){1,16}",
        "/(?:(?:a|aa){1,16}){1,16}",
        "/(?:[a-z]{2}|[a-z]{3})+",
        "/(?:a|b|ab)*c",
        "/(?:(?>a)|a)*b",
        "/(?:(?>ab)|ab)*c",
        "/(?>(a+)+b)",
        "/(?!(a+)+b)x",
        "(/(?(1)a|a)+)+",
        "/(?:a|a){30}b",  # no end to it in one's life, though it repeats a fixed number of times
        "/(?:\\d\\d?){20}",
    ],
)
def test_a_choice_within_a_repetition_is_refused(expression):
    assert hazard_of(expression) is not None


@pytest.mark.parametrize(
    "expression",
    [
        "/login",
        "/posts/[0-9]+/comments",
        "/(?:login|signup)",
        "/.*",
        "/a.*b.*",
        "(/[a-z0-9-]+)*",
        "/blog(?:/[^/]+)+",
        "/v[12]/.*\\.json",
        "/(?:[a-z]{2})+",
        "/(ab)+",
        "/(?:/(?:posts|users))*",
        "/[a-z]{1,64}",
        "/(?:/x?(?:b|))*",
        "/(?:[a-z]+\\.)*[a-z]+",
        "/(?:[a-z0-9]+(?:-[a-z0-9]+)*/)*",
        "/(?:\\d{1,3}\\.){3}\\d{1,3}",
        "/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "/wiki/[^/]+(?:/[^/]+)*/edit",
        "/[\\w-]+/[\\w-]+/[\\w-]+/[\\w.-]+",
        "(?:/(?:api|v\\d+))?/users/\\d+(?:/(?:edit|delete))?/?",
        "/(?:index|index\\.html)?",
        "/api/v[0-9]+/login",
        "/(en|de)/login",
        "/posts/[^/]+/comments",
        "/[^/]+/[^/]+/edit",
        "/.*/admin/.*",
        "/.*[.]php",
        "/.*/[^/]+/x",
        "/[a-z-]+-\\d+",
        "/(?:[0-9a-f]{8})+",
        "/(?:[0-9]|[a-f]){32}",
        "/[0-9a-f]{512}",
        "/x(?!y).*",
        "/(?>a+)+",
        "/(?:a++b)+",
        "/\\d{4}-\\d{2}",
        "(?i)/login/?",
    ],
)
def test_what_leaves_no_choice_is_accepted(expression):
    assert hazard_of(expression) is None


@pytest.mark.parametrize(
    "expression",
    [
        "/.*a.*b",
        "/api/.*/users/.*/edit",
        "/.*\\..*\\.[a-z]+",
        "/a*a*b",
        "/.*[^/]+/x",
        "/(a+){3}",
        "/.*.*.*!",
        "/.*/.*/.*!",
        "/[^/]*/?[^/]*/?[^/]*/?x",
        "/" + "a?" * 22 + "b",
        "/a*a*b*b*a*a*x",
    ],
)
def test_two_repetitions_that_share_a_text_are_refused(expression):
    assert hazard_of(expression).startswith("two of its repetitions")


def test_what_cannot_be_checked_in_a_bounded_time_is_refused():
    words = "|".join(f"{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}{n}" for n in range(600))
    assert hazard_of(f"/(?:{words})*") == "it is too intricate to be checked"
    assert hazard_of(f"/(?:{words})/x") is None


def test_the_policys_loading_says_where_and_what_to_write_instead():
    provider = {"type": "altcha", "hmac_key": "k" * 32}
    rule = {"name": "a", "match": {"path_regex": ["/fine", "/(a+)+"]}}
    with pytest.raises(PolicyError) as refused:
        load_policy({"version": 1, "providers": {"p": provider}, "rules": [rule]})
    [problem] = refused.value.problems
    assert problem.startswith("rules[0].match.path_regex[1]: it repeats what repeats")
    assert "'**'" in problem
