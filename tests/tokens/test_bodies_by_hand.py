"""The search for token fields in bodies, driven by hand: one table of bodies, each cut in several ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.body_corpus import CORPUS
from support.token_flow import CHUNKINGS, cut_at, search, search_body, view_of
from support.world import TOKEN


@pytest.mark.parametrize("size", CHUNKINGS)
@pytest.mark.parametrize("name", CORPUS)
def test_each_body_comes_to_what_the_table_says_however_it_is_cut(name, size):
    body = CORPUS[name]
    found = search_body(body.content_type, body.data, size)
    assert found.outcome == body.outcome
    if body.outcome == "token" and "value" not in name:
        assert found.token.fields == (body.fields or TOKEN)


def test_a_value_that_looks_like_a_delimiter_is_found_whole():
    body = CORPUS["multipart: value with line breaks"]
    assert search_body(body.content_type, body.data, 3).token.fields["lot_number"] == "a\r\n--X\r\n\nb"


@given(data=st.data())
def test_how_a_body_is_cut_never_matters(data):
    name = data.draw(st.sampled_from(sorted(CORPUS)), label="body")
    body = CORPUS[name]
    places = data.draw(st.sets(st.integers(1, max(1, len(body.data))), max_size=40), label="places")
    view = view_of(("content-type", body.content_type))
    pieces = search(view, cut_at(body.data, places))
    whole = search(view, [body.data])
    assert pieces.conclusion == whole.conclusion


@pytest.mark.parametrize("name", [name for name, body in CORPUS.items() if len(body.data) < 1500])
def test_no_single_cut_of_a_body_matters(name):
    body = CORPUS[name]
    view = view_of(("content-type", body.content_type))
    whole = search(view, [body.data]).conclusion
    places = range(1, len(body.data))
    assert [place for place in places if search(view, cut_at(body.data, [place])).conclusion != whole] == []
