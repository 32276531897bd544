"""What loading says of a wrong key: in our words, with what to write instead, never the value itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from captcha_gate.policy.document import KeyPath, Problem
from captcha_gate.policy.models import RuleModel
from captcha_gate.providers.registry import known_types

__all__ = ["meant", "no_such_field", "translated", "unknown_type", "validated"]

M = TypeVar("M", bound=BaseModel)

_A_MAPPING = "expected a mapping"
_EXPECTED = {
    "dict_type": "expected a mapping (write key: value)",
    "list_type": "expected a list (write [one, two], or each item on a line of its own after '- ')",
    "model_type": _A_MAPPING,
    "model_attributes_type": _A_MAPPING,
    "string_type": "expected text",
    "missing": "is missing (the key has to be there)",
}


def validated(model: type[M], data: Any, path: KeyPath, problems: list[Problem]) -> M | None:
    """The model of some values; `None` where they do not fit, and `problems` then says why."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems += [translated(item, model, path) for item in error.errors(include_url=False)]
        return None


def translated(error: Any, model: type[BaseModel], path: KeyPath) -> Problem:
    """A problem in our words: pydantic's may quote the value, and do not say what to write instead."""
    location = tuple(step for step in error["loc"] if step != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        message = _unknown_key(str(location[-1]), location[:-1], model)
    elif kind in ("enum", "literal_error"):
        message = f"expected {error['ctx']['expected']}"
    elif kind == "policy":
        message = error["msg"]
    else:
        message = _EXPECTED.get(kind, f"is not valid ({kind.replace('_', ' ')})")
        keys = _keys_at(model, location) if message == _A_MAPPING else []
        message += f" (its keys: {', '.join(sorted(keys))})" if keys else ""
    return Problem((*path, *location), message, of_key=kind == "extra_forbidden")


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at a place inside a model."""
    for step in location:
        inner = [field for name, field in model.model_fields.items() if step in (field.alias, name)]
        found = list(_models_in(inner[0].annotation)) if inner else []
        if not found:
            return []
        model = found[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def _unknown_key(key: str, location: KeyPath, model: type[BaseModel]) -> str:
    allowed = _keys_at(model, location)
    if location == ("defaults",) and key in RuleModel.model_fields:
        return "each rule has this key of its own (write it there)"
    if key == "<<":
        return "merge keys are not supported (write the keys out, or under defaults)"
    listed = f" (allowed here: {', '.join(sorted(allowed))})" if allowed else ""
    return f"unknown key{meant(key, allowed)}{listed}"


def unknown_type(kind: Any) -> str:
    """What is said of a provider whose type nobody provides."""
    if not isinstance(kind, str):
        return f"is missing (write one of: {', '.join(known_types())})"
    return f"no provider type has this name{meant(kind, known_types())} (known: {', '.join(known_types())})"


def no_such_field(declared: Sequence[str]) -> str:
    """What is said of a new name for a field that does not exist."""
    return f"no token field has this name (there are: {', '.join(declared)})"


def meant(text: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """A guess at what a misspelt name was to be; empty where there is none."""
    close = difflib.get_close_matches(text, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
