"""A regular expression that a policy may hold takes no path in more than a few ways."""

from __future__ import annotations

import re
import time

from fuzz.budget import fuzzed
from hypothesis import assume, example, given
from hypothesis import strategies as st

from captcha_gate.policy.regexes import hazard_of

ATOMS = st.sampled_from(["a", "b", "/", "[ab]", "[^/]", "[^a]", ".", r"\w", r"\W", "(?i:A)", "-"])
TIMES = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "++", "{0,20}"])
EXPRESSIONS = st.recursive(
    st.one_of(ATOMS, st.tuples(ATOMS, TIMES).map("".join)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda several: f"(?:{'|'.join(several)})"),
        st.tuples(inner, TIMES).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        inner.map(lambda one: f"(?>{one})"),
    ),
    max_leaves=6,
)
ROUNDS = st.text("ab/-A", min_size=1, max_size=4)
#: Characters. Two ways for each of them, or for each pair, are seconds; what is accepted takes microseconds.
LENGTH = 44


@fuzzed
@given(expression=EXPRESSIONS, start=st.text("ab/", max_size=3), around=ROUNDS)
@example(expression="(?:/a?a?)*", start="", around="/a")
@example(expression="(?i:(?:ab|aA))*", start="", around="aA")
def test_no_accepted_expression_doubles_its_work_with_each_character(expression, start, around):
    assume(hazard_of(expression) is None)
    path = (start + around * LENGTH)[:LENGTH] + "!"
    compiled = re.compile(expression)
    begin = time.process_time()
    compiled.fullmatch(path)
    assert time.process_time() - begin < 0.5
