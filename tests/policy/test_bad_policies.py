"""Each file in policies/bad holds mistakes and says, in its first lines, what loading must say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from captcha_gate import PolicyError, load_policy

FOLDER = Path(__file__).parent.parent / "policies" / "bad"
FILES = sorted(FOLDER.glob("*.yaml"))
EXPECT = "# expect: "
#: Every secret in these files, and in this environment, has this word in it.
CANARY = "canary"
ENVIRONMENT = {"SECRET": f"{CANARY}-of-the-environment", "EMPTY": "", "HOST": "example.com:8443"}


def problems_of(path: Path) -> list[str]:
    """What loading says, with the places as the files write them: `LINE:COLUMN: …`, or `FILE:LINE:COLUMN: …`."""
    with pytest.raises(PolicyError) as caught:
        load_policy(path, environment=ENVIRONMENT)
    return [problem.removeprefix(f"{path}:").removeprefix(f"{FOLDER}/").lstrip() for problem in caught.value.problems]


def expected_in(path: Path) -> list[str]:
    return [line.removeprefix(EXPECT) for line in path.read_text().splitlines() if line.startswith(EXPECT)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_loading_says_all_that_is_wrong_and_where(path):
    problems, expected = problems_of(path), expected_in(path)
    beginnings = [problem[: len(begin)] for problem, begin in zip(problems, expected, strict=False)]
    assert beginnings == expected
    assert len(problems) == len(expected), problems[len(expected) :]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_message_holds_a_secret(path):
    assert CANARY not in "\n".join(problems_of(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_message_is_one_line(path):
    assert [problem for problem in problems_of(path) if "\n" in problem] == []


def test_there_are_files_to_test():
    assert len(FILES) > 60


def test_every_file_expects_something():
    assert [path.name for path in FILES if not expected_in(path)] == []


def test_the_exception_lists_every_problem_on_a_line_of_its_own():
    with pytest.raises(PolicyError) as caught:
        load_policy(FOLDER / "duplicate-keys.yaml", environment=ENVIRONMENT)
    assert str(caught.value).splitlines()[1:] == [f"  {problem}" for problem in caught.value.problems]


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(PolicyError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_policy(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"version: 1\nrules: []  # caf\xe9\n")
    with pytest.raises(PolicyError, match="is not text in UTF-8"):
        load_policy(file)


def test_what_lies_outside_the_folder_is_not_included_through_a_link(tmp_path):
    (tmp_path / "outside.yaml").write_text("- {name: a, match: /a, action: deny}\n")
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "inside.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "policy.yaml").write_text("version: 1\nrules:\n  - include: inside.yaml\n")
    with pytest.raises(PolicyError, match=r"policy.yaml:3:14: rules\[0\].include: outside.yaml lies outside"):
        load_policy(folder / "policy.yaml")
