"""`${NAME}` and `${file:…}` in a policy file's values. Works on parsed scalars, so that no value can inject YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["Unset", "interpolate"]

#: A secret longer than this is no secret but a wrong file.
_MAX_FILE: Final = 64 * 1024
_REFERENCE: Final = re.compile(r"\$\$|\$\{([^}]*)\}|\$\{")
_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?", re.DOTALL)


class Unset(Exception):
    """A reference has no value. The message says which, never a value."""

    def __init__(self, message: str, *, is_variable: bool = False) -> None:
        self.is_variable = is_variable
        super().__init__(message)


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """The text with its references replaced.

    `${V}` is an error when unset; `${V:-default}` and `${V:?message}` also count an empty variable as unset, as shells
    do; `${file:/run/secrets/x}` is a file's content without one trailing newline; `$$` is a dollar sign.

    Raises:
        Unset: a reference has no value, or is none.
    """
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda match: _value(match, environment), text)


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match[0] == "$$":
        return "$"
    inner: str | None = match[1]
    if inner is None:
        raise Unset("a '${' without its '}' (close it, or write $${ for the characters themselves)")
    if inner.startswith("file:"):
        return _content(inner.removeprefix("file:"))
    variable = _VARIABLE.fullmatch(inner)
    if not variable:
        # What stands between the braces is not quoted: it may be a piece of a secret.
        raise Unset(
            "no reference (write ${NAME}, ${NAME:-default} or ${file:/path}; $${ for the characters themselves)"
        )
    name, operator, rest = variable.groups()
    value = environment.get(name)
    if operator == ":-":
        return value or rest
    if operator == ":?" and not value:
        raise Unset(f"the variable {name} is not set: {rest}", is_variable=True)
    if value is None:
        raise Unset(f"the variable {name} is not set (set it before starting)", is_variable=True)
    return value


def _content(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_FILE + 1)
        text = content.decode("utf-8")
    except OSError as error:
        message = f"the file {name} cannot be read: {error.strerror} (write ${{file:/an/absolute/path}})"
        raise Unset(message, is_variable=True) from None
    except UnicodeDecodeError:
        raise Unset(f"the file {name} is not text in UTF-8") from None
    if len(content) > _MAX_FILE:
        raise Unset(f"the file {name} is longer than {_MAX_FILE} bytes")
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\r\n") else text.removesuffix("\n")
