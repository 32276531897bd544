"""Where token fields are looked for besides bodies, in which order, and what is left alone."""

from __future__ import annotations

from itertools import permutations
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.body_corpus import FORM, FORM_BODY, JSON, JSON_BODY, document
from support.token_flow import CN, EVERYWHERE, GEETEST_FIELDS, POW, search, search_body, view_of
from support.world import TOKEN

from captcha_gate.tokens.fields import ClientField, Source, Wanted

HEADERS = [("X-Captcha-" + name.replace("_", "-"), value) for name, value in TOKEN.items()]
COOKIE = ("cookie", "; ".join(f"{name}={value}" for name, value in TOKEN.items()))
QUERY = urlencode(TOKEN)
BODY = ("content-type", JSON)


def headers_with(name: str, *values: str) -> list[tuple[str, str]]:
    """The token's headers, with these values for one of them."""
    others = [pair for pair in HEADERS if pair[0].lower() != name]
    return [*others, *[(name, value) for value in values]]


def test_a_header_per_field_makes_a_token():
    found = search(view_of(*HEADERS))
    assert (found.token.source, found.token.fields) == (Source.HEADER, TOKEN)


def test_a_provider_with_one_field_reads_x_captcha_token():
    found = search(view_of(("X-Captcha-Token", "abc")), wanted=[POW])
    assert found.token.fields == {"altcha": "abc"}


def test_single_field_providers_that_share_a_rule_read_a_header_each():
    pair = [Wanted.by(name, (ClientField(field),), {}, sole_single=False) for name, field in ("ab", "cd")]
    assert search(view_of(("X-Captcha-Token", "abc")), wanted=pair).outcome == "missing"
    assert search(view_of(("X-Captcha-D", "abc")), wanted=pair).token.provider == "c"


def test_the_names_of_headers_are_not_renamed_with_the_fields():
    renamed = Wanted.by("cn", GEETEST_FIELDS, {"lot_number": "captcha.lot"}, sole_single=True)
    assert search(view_of(*HEADERS), wanted=[renamed]).token.fields == TOKEN


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (["abc"], "token"),
        (["\t abc  "], "token"),
        ([], "missing"),
        ([""], "missing"),
        ([" \t"], "missing"),
        (["abc", "abc"], "repeated"),
        (["abc", ""], "repeated"),
        (["abc,def"], "repeated"),  # as WSGI servers join what was sent twice
        (["abc, "], "repeated"),
        ([","], "repeated"),
    ],
)
def test_a_header_counts_once_and_not_empty(values, outcome):
    assert search(view_of(*headers_with("x-captcha-lot-number", *values))).outcome == outcome


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        (QUERY, "token"),
        (QUERY.replace("lot_number", "%6Cot_number"), "token"),
        ("a=1&" + QUERY + "&", "token"),
        (QUERY.replace("&", ";"), "missing"),
        (QUERY.replace(TOKEN["lot_number"], ""), "missing"),
        (QUERY + "&lot_number=", "repeated"),
        (QUERY + "&lot%5Fnumber=x", "repeated"),
        ("a=1&" * 996 + QUERY, "token"),
        ("a=1&" * 997 + QUERY, "missing"),
        ("\xff%ff&" + QUERY, "token"),
        ("", "missing"),
    ],
)
def test_a_query_is_read_like_a_form(query, outcome):
    assert search(view_of(query=query)).outcome == outcome


@pytest.mark.parametrize(
    ("cookies", "outcome"),
    [
        ([COOKIE[1]], "token"),
        (COOKIE[1].split("; "), "token"),  # HTTP/2 sends them apart
        (["a=1; " + COOKIE[1] + ";"], "token"),
        ([COOKIE[1] + "; lot_number=x"], "repeated"),
        ([COOKIE[1], "lot_number=x"], "repeated"),
        ([COOKIE[1].replace(TOKEN["lot_number"], "")], "missing"),
        (["lot_number=x"], "missing"),
        ([";;=;\xff"], "missing"),
    ],
)
def test_cookies_count_once(cookies, outcome):
    assert search(view_of(*[("cookie", each) for each in cookies])).outcome == outcome


def test_a_field_of_a_token_is_never_taken_from_another_source():
    first, *rest = HEADERS
    view = view_of(first, BODY, query=urlencode(dict(list(TOKEN.items())[1:])))
    assert search(view, [b"{}"]).outcome == "missing"
    assert search(view_of(*rest, ("cookie", f"lot_number={TOKEN['lot_number']}"))).outcome == "missing"


@pytest.mark.parametrize("order", list(permutations([Source.HEADER, Source.JSON, Source.QUERY, Source.COOKIE])))
def test_the_first_source_in_the_rules_order_wins(order):
    found = search(view_of(*HEADERS, COOKIE, BODY, query=QUERY), [JSON_BODY], sources=order)
    assert found.token.source is order[0]


@pytest.mark.parametrize("absent", EVERYWHERE)
def test_a_source_that_the_rule_does_not_name_is_not_looked_at(absent):
    body = FORM_BODY if absent is Source.FORM else JSON_BODY
    content_type = FORM if absent is Source.FORM else JSON
    given_in = {
        Source.HEADER: view_of(*HEADERS),
        Source.QUERY: view_of(query=QUERY),
        Source.COOKIE: view_of(COOKIE),
    }.get(absent, view_of(("content-type", content_type)))
    assert search(given_in, [body]).token.source is absent
    left = tuple(source for source in EVERYWHERE if source is not absent)
    assert search(given_in, [body], sources=left).outcome == "missing"


def test_an_empty_field_in_the_first_source_lets_the_next_one_be_looked_at():
    found = search(view_of(*headers_with("x-captcha-lot-number", ""), BODY), [JSON_BODY])
    assert found.token.source is Source.JSON


def test_a_bad_value_in_the_first_source_is_the_token_and_the_next_is_not_tried():
    found = search(view_of(*headers_with("x-captcha-lot-number", "junk"), BODY), [JSON_BODY])
    assert (found.token.fields["lot_number"], found.asked) == ("junk", 0)


def test_the_first_provider_in_the_rules_order_wins_whatever_stands_first_in_the_body():
    body = document(altcha="proof")
    assert search_body(JSON, body, wanted=[CN, POW]).token.provider == "cn"
    assert search_body(JSON, body, wanted=[POW, CN]).token.provider == "pow"


def test_a_provider_whose_fields_lack_leaves_the_request_to_the_next():
    assert search_body(JSON, b'{"altcha": "proof", "lot_number": "x"}', wanted=[CN, POW]).token.provider == "pow"


@pytest.mark.parametrize("content_type", [JSON, FORM, "multipart/form-data; boundary=XX", "multipart/form-data"])
def test_nothing_of_the_body_is_read_where_the_header_has_the_token(content_type):
    view = view_of(
        *HEADERS, ("content-type", content_type), ("content-encoding", "gzip"), ("content-length", "999999999")
    )
    found = search(view, [b"junk"])
    assert (found.outcome, found.asked) == ("token", 0)


def test_nothing_of_the_body_is_read_where_the_rule_does_not_name_its_kind():
    assert search(view_of(BODY), [JSON_BODY], sources=(Source.HEADER, Source.FORM)).asked == 0
    assert search(view_of(("content-type", FORM)), [FORM_BODY], sources=(Source.HEADER, Source.JSON)).asked == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "multipart/mixed; boundary=XX", ""])
def test_nothing_of_a_type_that_is_not_ours_is_read(content_type):
    found = search(view_of(("content-type", content_type), ("content-encoding", "gzip")), [JSON_BODY])
    assert (found.outcome, found.asked) == ("missing", 0)


def test_a_content_type_given_twice_is_none():
    found = search(view_of(BODY, BODY), [JSON_BODY])
    assert (found.outcome, found.asked) == ("missing", 0)


def test_a_websocket_handshake_has_no_body_to_read():
    assert search(view_of(BODY, kind="websocket"), [JSON_BODY]).asked == 0
    assert search(view_of(BODY, COOKIE, kind="websocket"), [JSON_BODY]).token.source is Source.COOKIE


@pytest.mark.parametrize("encodings", [["gzip"], ["deflate"], ["br"], ["identity, gzip"], ["identity", "gzip"], ["x"]])
def test_a_compressed_body_is_refused_unread(encodings):
    found = search(view_of(BODY, *[("content-encoding", each) for each in encodings]), [JSON_BODY])
    assert (found.outcome, found.asked) == ("content_encoding", 0)


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_an_encoding_that_changes_nothing_is_none(encoding):
    assert search(view_of(BODY, ("content-encoding", encoding)), [JSON_BODY]).outcome == "token"


RENAMED = Wanted.by(
    "cn", GEETEST_FIELDS, {name: f"captcha.{name}" for name in TOKEN} | {"gen_time": "meta.a.b"}, sole_single=True
)


def nested(captcha: str, meta: str = '{"a": {"b": 1653302332}}') -> bytes:
    return f'{{"captcha": {captcha}, "meta": {meta}}}'.encode()


def captcha(more: str = "") -> str:
    fields = ", ".join(f'"{name}": "{value}"' for name, value in TOKEN.items() if name != "gen_time")
    return f"{{{fields}{more}}}"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (nested(captcha()), "token"),
        (nested(captcha(), '{"a": {"b": "1653302332"}}'), "token"),
        (nested(captcha(), '{"\\u0061": {"\\u0062": 1653302332}}'), "token"),
        (nested(captcha(', "other": 1, "other": 2')), "token"),
        (nested(captcha(', "lot_number": "x"')), "repeated"),
        (nested(captcha() + ', "captcha": {}'), "repeated"),
        (nested(captcha() + ', "captcha": null'), "repeated"),
        (nested("{}" + ', "captcha": ' + captcha()), "repeated"),
        (nested(captcha(), '{"a": {}, "a": {"b": 1653302332}}'), "repeated"),
        (nested(captcha(), '{"a": {"b": 1653302332, "\\u0062": 1}}'), "repeated"),
        (nested(captcha(), '{"a": [{"b": 1653302332}]}'), "missing"),
        (nested(captcha(), '{"a": {"b": null}}'), "missing"),
        (nested(captcha(), '{"a.b": 1653302332}'), "missing"),
        (nested(captcha(), "1653302332"), "missing"),
        (nested(f"[{captcha()}]"), "missing"),
        (JSON_BODY, "missing"),
    ],
)
def test_a_dotted_name_walks_into_json_and_sees_each_repetition_on_its_way(body, outcome):
    found = search_body(JSON, body, wanted=[RENAMED])
    assert found.outcome == outcome
    assert outcome != "token" or found.token.fields == TOKEN


def test_a_dotted_name_stands_as_it_is_in_a_form():
    body = urlencode({name: TOKEN[field] for field, name in RENAMED.names.items()}).encode()
    assert search_body(FORM, body, wanted=[RENAMED]).token.fields == TOKEN


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5), st.text(), st.sampled_from(["http", "websocket"]))
def test_headers_query_and_cookies_of_any_kind_raise_nothing_unnamed(pairs, query, kind):
    names = ["content-type", "cookie", "content-encoding", "content-length", *[name for name, _ in HEADERS]]
    headers = [(names[len(name) % len(names)], value) for name, value in pairs]
    assert search(view_of(*headers, query=query, kind=kind), [b"x"]).outcome
