"""How much is read at most, where reading stops, and that the work grows with the body and not faster."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support.body_corpus import FORM, FORM_BODY, JSON, JSON_BODY, MULTIPART, file_part, joined, part, token_parts
from support.token_flow import CHUNKINGS, POW, cut, search, search_body, view_of
from support.world import TOKEN

from captcha_gate.tokens.extractor import Extractor
from captcha_gate.tokens.fields import FieldNames
from captcha_gate.tokens.json_body import JsonExtractor
from captcha_gate.tokens.multipart_body import MultipartExtractor
from captcha_gate.tokens.urlencoded import UrlEncodedExtractor

NAMES = FieldNames(frozenset(TOKEN))

GOOD = {FORM: FORM_BODY, JSON: JSON_BODY, MULTIPART: joined(*token_parts())}


@pytest.mark.parametrize("size", CHUNKINGS)
@pytest.mark.parametrize("content_type", GOOD)
def test_a_body_of_exactly_the_limit_passes(content_type, size):
    body = GOOD[content_type]
    assert search_body(content_type, body, size, max_body=len(body)).outcome == "token"


@pytest.mark.parametrize("size", CHUNKINGS)
@pytest.mark.parametrize("content_type", GOOD)
def test_one_byte_more_than_the_limit_is_too_large(content_type, size):
    body = GOOD[content_type]
    assert search_body(content_type, body, size, max_body=len(body) - 1).outcome == "body_too_large"


@pytest.mark.parametrize("size", CHUNKINGS)
def test_multipart_reading_stops_where_a_file_begins_once_the_fields_are_complete(size):
    before = joined(*token_parts(), end=b"\r\n")
    head = b"\r\n".join(file_part().split(b"\r\n")[:3]) + b"\r\n"
    body = before + head + b"\xff" * 100_000
    found = search_body(MULTIPART, body, size, max_body=len(before) + len(head))
    assert found.outcome == "token"
    assert size is None or found.taken <= len(before) + len(head) + size


@pytest.mark.parametrize("size", CHUNKINGS)
def test_a_file_that_begins_behind_the_limit_is_too_late(size):
    before = joined(*token_parts(), end=b"\r\n")
    body = before + file_part(value=b"\xff" * 1000) + b"\r\n--XX--\r\n"
    assert search_body(MULTIPART, body, size, max_body=len(before) + 20).outcome == "body_too_large"


def test_a_file_before_the_fields_is_read_over_to_find_them():
    body = joined(file_part(value=b"x" * 3000), *token_parts(), file_part())
    assert search_body(MULTIPART, body, 64).outcome == "token"
    assert search_body(MULTIPART, body, 64, max_body=3000).outcome == "body_too_large"


def test_what_stands_behind_the_place_where_reading_stopped_does_not_matter():
    body = joined(*token_parts(), file_part(), part("lot_number", "other"), end=b"junk")
    assert search_body(MULTIPART, body, 32).outcome == "token"


def test_a_text_part_does_not_stop_reading():
    body = joined(*token_parts(), part("comment", "x"), part("lot_number", "other"))
    assert search_body(MULTIPART, body, 32).outcome == "repeated"


def test_any_complete_provider_of_the_rule_stops_multipart_reading():
    body = joined(part("altcha", "proof"), file_part(value=b"x" * 5000), *token_parts())
    found = search_body(MULTIPART, body, 64, wanted=[POW])
    assert (found.token.provider, found.taken < 1000) == ("pow", True)


@pytest.mark.parametrize("content_type", [FORM, JSON])
def test_a_declared_length_above_the_limit_refuses_before_anything_is_read(content_type):
    view = view_of(("content-type", content_type), ("content-length", "1001"))
    found = search(view, [b"{}"], max_body=1000)
    assert (found.outcome, found.asked) == ("body_too_large", 0)


def test_a_declared_length_does_not_refuse_a_multipart_upload():
    view = view_of(("content-type", MULTIPART), ("content-length", "999999999"))
    assert search(view, cut(joined(*token_parts(), file_part()), 64), max_body=1000).outcome == "token"


@pytest.mark.parametrize("length", ["+28", "2_8", "-1", "28, 28", "", " ", "1e3", "\u0662", "9" * 19, "0x1"])
@pytest.mark.parametrize("content_type", GOOD)
def test_a_length_that_is_no_number_is_malformed(content_type, length):
    found = search(view_of(("content-type", content_type), ("content-length", length)), [GOOD[content_type]])
    assert (found.outcome, found.asked) == ("body_malformed", 0)


def test_two_lengths_are_malformed():
    view = view_of(("content-type", JSON), ("content-length", "28"), ("content-length", "28"))
    assert search(view, [JSON_BODY]).outcome == "body_malformed"


B70 = b"--" + b"b" * 70 + b"\r\n"

# The work. What is held between two chunks as `bytes` is copied whenever it grows, so it may not grow with the body;
# calls are counted instead of seconds.


def _fed_with_single_bytes(extractor: Extractor, body: bytes) -> int:
    """Feed a body byte by byte; the most bytes that were held in unchangeable form in between."""
    held = 0
    for place in range(len(body)):
        extractor.feed(body[place : place + 1])
        kept = [*vars(extractor).values(), *vars(getattr(extractor, "_parser", extractor)).values()]
        held = max([held, *(len(value) for value in kept if isinstance(value, bytes))])
    return held


@pytest.mark.parametrize(
    ("extractor", "start", "filling"),
    [
        (lambda: UrlEncodedExtractor(NAMES), b"lot_number=", b"a"),
        (lambda: UrlEncodedExtractor(NAMES), b"lot_number=", b"%"),
        (lambda: JsonExtractor(NAMES), b'{"lot_number": "', b"a"),
        (lambda: MultipartExtractor(NAMES, "XX", lambda _: False), b"--XX\r\n" + part("lot_number", ""), b"a"),
        (lambda: MultipartExtractor(NAMES, "XX", lambda _: False), b"--XX\r\n" + part("lot_number", ""), b"\r"),
        (lambda: MultipartExtractor(NAMES, "XX", lambda _: False), b"--XX\r\n" + part("x", ""), b"\r\n--X"),
        (
            lambda: MultipartExtractor(NAMES, "b" * 70, lambda _: False),
            b"--" + b"b" * 70 + b"\r\n" + part("x", ""),
            b"b",
        ),
    ],
)
def test_a_body_in_single_bytes_is_not_copied_again_with_each(extractor, start, filling):
    assert _fed_with_single_bytes(extractor(), start + filling * (50_000 // len(filling))) < 300


def test_a_megabyte_in_single_bytes_is_read():
    body = joined(*token_parts(), part("x", "y" * (1024 * 1024 - 2000)))
    found = search_body(MULTIPART, body, 1)
    assert (found.outcome, found.taken) == ("token", len(body))


def _calls(work: Callable[[], Any]) -> int:
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("content_type", "repeated"),
    [
        (JSON, lambda count: b"{" + b'"lot_number":"a",' * count + b'"x":1}'),
        (JSON, lambda count: b"[" + b'{"a":1,"a":2},' * count + b"1]"),
        (JSON, lambda count: json.dumps({str(number): "[" for number in range(count)}).encode()),
        (JSON, lambda count: b'{"x":"' + b'\\"[' * count + b'"}'),
        (FORM, lambda count: b"lot_number=" + b"%41" * count),
        (MULTIPART, lambda count: joined(part("lot_number", b"\r\n--X" * count))),
        (MULTIPART, lambda count: joined(*[part("lot_number", "a")] * (count // 100))),
    ],
    ids=["names", "objects", "brackets in text", "escapes", "percent signs", "half delimiters", "parts"],
)
def test_twice_the_body_is_twice_the_work(content_type, repeated):
    few, many = (_calls(partial(search_body, content_type, repeated(count), 4096)) for count in (20_000, 40_000))
    assert many < 2.3 * few


LONG_TEXT = b"x" * 100_000


@pytest.mark.parametrize(
    ("content_type", "body", "computed"),
    [
        pytest.param(FORM, b"text=" + LONG_TEXT + b"&" + FORM_BODY, 0, id="a form"),
        pytest.param(FORM, FORM_BODY + b"&text=" + LONG_TEXT, 1, id="a form that ends with it"),
        pytest.param(JSON, JSON_BODY[:-1] + b',"text":"' + LONG_TEXT + b'"}', 1, id="JSON"),
        pytest.param(JSON, JSON_BODY, 0, id="JSON that is short"),
        pytest.param(MULTIPART, joined(part("text", LONG_TEXT), *token_parts()), 0, id="multipart"),
    ],
)
@pytest.mark.parametrize("size", [None, 5000])
def test_what_is_much_work_at_the_end_does_not_hold_up_a_loop(content_type, body, computed, size):
    found = search_body(content_type, body, size)
    assert (found.outcome, found.computed) == ("token", computed)


def test_a_hundred_thousand_repetitions_are_seen_as_one():
    assert search_body(JSON, b"{" + b'"lot_number":"a",' * 100_000 + b'"x":1}', max_body=2**22).outcome == "repeated"


@pytest.mark.parametrize(
    "body",
    [
        b'{"lot_number": "' + b"a" * 1_000_000 + b'", "x": [' + b"[]," * 200 + b"0]}",
        b'{"lot_number": "' + b"\\n" * 500_000 + b'", "x": [' + b"[]," * 200 + b"0]}",
        b'"' * 1_000_000 + b"[" * 200,
        b'["' + b"\\" * 1_000_000 + b"[" * 200,
        b"[" * 1_000_000,
        b"[{}," * 250_000,
    ],
    ids=["text", "escapes", "quotes", "backslashes", "open lists", "lists in lists"],
)
def test_a_megabyte_of_json_takes_a_few_megabytes(body):
    tracemalloc.start()
    try:
        search_body(JSON, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * len(body)


@pytest.mark.parametrize("content_type", [FORM, JSON, MULTIPART])
def test_a_token_of_a_megabyte_is_found_whole_and_left_to_the_fields_grammar(content_type):
    body = GOOD[content_type].replace(TOKEN["lot_number"].encode(), b"a" * 1_000_000)
    assert len(search_body(content_type, body, 65536).token.fields["lot_number"]) == 1_000_000
