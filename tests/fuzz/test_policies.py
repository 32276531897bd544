"""Any text as a policy file: a policy or a PolicyError, without much work and without any other exception."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from fuzz.budget import fuzzed
from hypothesis import example, given
from hypothesis import strategies as st
from support.world import GEETEST

from captcha_gate import Policy, PolicyError, load_policy

SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[2] / "policies").rglob("*.yaml"))]
MANY = "".join(f"  - {{name: r{number}, match: /r{number}/*}}\n" for number in range(30))
LARGE = f"version: 1\nproviders:\n  cn: {{type: geetest-v4, captcha_id: a, captcha_key: b}}\nrules:\n{MANY}"
TEXTS = [*SHIPPED, LARGE]
ENVIRONMENT = {"V": "v", "EMPTY": "", "YAML": "x: [", "GEETEST_ID": "a" * 32, "GEETEST_KEY": "b" * 32}

PIECES = st.sampled_from(
    ["\n", "  ", ": ", "- ", "{", "}", "[", "]", ",", "&a ", "*a", "*a: 1", "<<: *a", "!!python/object:os.system ",
    "!!str ",
     "---\n", "...", "? ", "| \n", ">", "'", '"', "#", "%YAML 1.1\n", "@", "`", "\t", "\x00", "\x85", "\u2028",
     "\ufeff", "😀",
     "~", "null", "NO", "on", "014", "1:30", "1e400", "-1", "99999999999999999999", "0.5", "nan", "2s", "1MiB",
     "-5m", "10/s",
     "${V}", "${", "${}", "${V:-", "${V:?", "${file:}", "${file:/nowhere}", "${file:/}", "$$", "$", "${YAML}",
     "${EMPTY}",
     "include: *.yaml", "- include: ../**", "- include: policy.yaml", "version: 1\n", "rules:\n", "name: a\n",
     "match: /a\n",
     "action: deny\n", "mode: monitor\n", "path_regex: (a+)+\n", "path_regex: '['\n", "path: /**/**",
     "not: {not: {path: /}}",
     "client_ip: 1.2.3.4/99", "methods: [any, POST]", "score: {min: 2}", "prefix: /", "max_body: 1",
     "store: redis://[", "store: x"]
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> str:
    """A policy that is shipped, with pieces put in and lines cut out, doubled or moved."""
    lines = draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
        end = min(end, start + 8)
        change = draw(st.sampled_from(["cut", "double", "indent", "insert", "move"]))
        block = lines[start:end]
        if change == "insert" and lines:
            number = min(start, len(lines) - 1)
            place = draw(st.integers(0, len(lines[number])))
            lines[number] = lines[number][:place] + draw(PIECES) + lines[number][place:]
        else:
            instead = {"double": block * 2, "indent": ["  " + line for line in block], "move": block[::-1]}
            lines[start:end] = instead.get(change, [])
    return "".join(lines)


KEYS = st.sampled_from(
    ["version", "mode", "providers", "rules", "defaults", "name", "match", "path", "methods", "not", "action", "cn",
    "type",
     "captcha_id", "captcha_key", "token", "from", "fields", "score", "min", "on_unavailable", "limits", "include",
     "networks",
     "client_ip", "trusted_proxies", "store", "endpoints", "prefix", "host", "header", "cookie", "query",
     "path_regex", "x"]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), PIECES, st.just(1), st.just("/a")
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)
PROVIDER = st.one_of(st.just(GEETEST), st.dictionaries(KEYS, VALUES, max_size=4))
RULE = st.fixed_dictionaries(
    {}, optional={"name": VALUES, "match": VALUES, "action": VALUES, "token": VALUES, "score": VALUES}
)
MAPPINGS = st.fixed_dictionaries(
    {"version": st.just(1), "providers": st.dictionaries(st.sampled_from(["cn", ""]), PROVIDER)},
    optional={
        "rules": st.lists(RULE, max_size=4),
        "defaults": RULE,
        "networks": VALUES,
        "client_ip": VALUES,
        "store": VALUES,
    },
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def load(source: Any, **options: Any) -> Policy | PolicyError:
    """What a policy comes to. Every other exception is a failure, and so is a problem that is not one line."""
    try:
        return load_policy(source, **options)
    except PolicyError as error:
        refused = error
    assert refused.problems
    assert [problem for problem in refused.problems if "\n" in problem] == []
    return refused


def load_text(folder: Path, text: str) -> Policy | PolicyError:
    file = folder / "policy.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return load(file, environment=ENVIRONMENT)


@fuzzed
@given(text=st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join)))
@example(text="\ud800")
@example(text="a: &a [*a]")
@example(text="? [a]\n: b")
@example(text="[" * 10_000)
@example(text="{a: " * 10_000)
@example(text="- " * 10_000)
def test_any_text_is_a_policy_or_a_policy_error(folder, text):
    load_text(folder, text)


@fuzzed
@given(text=bent())
def test_a_bent_policy_is_a_policy_or_a_policy_error(folder, text):
    load_text(folder, text)


@fuzzed
@given(data=MAPPINGS)
def test_any_mapping_is_a_policy_or_a_policy_error(data):
    load(data)


@fuzzed
@given(data=MAPPINGS)
def test_a_mapping_and_the_file_that_spells_it_are_taken_or_refused_alike(folder, data):
    try:
        text = yaml.safe_dump(data, allow_unicode=True).replace("$", "$$")
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    if "include" in text:
        return  # in files only
    assert isinstance(load(yaml.safe_load(text.replace("$$", "$"))), Policy) <= isinstance(
        load_text(folder, text), Policy
    )


# Bounded work: calls are counted instead of seconds.


def calls(folder: Path, text: str) -> int:
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        load_text(folder, text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "repeated",
    [
        lambda count: "a: 1\n" * count,
        lambda count: "- x\n" * count,
        lambda count: "[" * count,
        lambda count: "x: &a 1\n" + "y: *a\n" * count,
        lambda count: LARGE + "".join(f"  - {{name: a, match: /{n}}}\n" for n in range(count)),
        lambda count: (
            LARGE + "".join(f"  - {{name: n{n}, match: {{path_regex: '/{n}/(a+)+'}}}}\n" for n in range(count))
        ),
        lambda count: LARGE + "".join(f"  - {{name: n{n}, match: {{host: a{n}, path: /{n}}}}}\n" for n in range(count)),
        lambda count: "version: 1\nx: " + "${V}" * count,
    ],
    ids=["keys twice", "items", "depth", "aliases", "names twice", "hazards", "rules to leave", "references"],
)
def test_twice_the_text_is_about_twice_the_work(folder, repeated):
    few, many = calls(folder, repeated(400)), calls(folder, repeated(800))
    assert many < 2.5 * few + 20_000


def test_a_billion_laughs_are_refused_before_they_are_all_heard(folder):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert calls(folder, "\n".join(lines)) < 50_000
