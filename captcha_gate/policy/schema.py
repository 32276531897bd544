"""The policy format as a JSON Schema, made from the models that load it. Validates nothing itself."""

from __future__ import annotations

from typing import Any, Final

from captcha_gate.policy.models import PolicyModel, RuleModel
from captcha_gate.providers.registry import known_types, provider_class

__all__ = ["json_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INCLUDE: Final = {
    "type": "object",
    "properties": {"include": {"type": "string", "description": "a glob of files with bare lists of rules"}},
    "required": ["include"],
    "additionalProperties": False,
}


def json_schema() -> dict[str, Any]:
    """The schema of a policy file with every provider type that is installed."""
    schema = PolicyModel.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    rule = _with_definitions(RuleModel.model_json_schema(by_alias=True), definitions)
    # `match: /login` is short for `match: {path: /login}`.
    rule["properties"]["match"] = {"anyOf": [{"type": "string", "pattern": "^(/|\\$)"}, rule["properties"]["match"]]}
    definitions["Rule"] = rule
    schema["properties"]["rules"] = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Rule"}, _INCLUDE]}}
    schema["properties"]["providers"] = {"type": "object", "additionalProperties": {"oneOf": _providers(definitions)}}
    return {"$schema": _DIALECT, "title": "captcha_gate policy", **_plain(schema)}


def _providers(definitions: dict[str, Any]) -> list[dict[str, str]]:
    references = []
    for name in known_types():
        found = provider_class(name)
        if found is not None:
            definitions[found.__name__] = _with_definitions(found.model_json_schema(by_alias=True), definitions)
            references.append({"$ref": f"#/$defs/{found.__name__}"})
    return references


def _with_definitions(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    definitions.update(schema.pop("$defs", {}))
    return schema


def _plain(node: Any) -> Any:
    """The schema without titles, typed defaults and `null`: pydantic adds them, and no policy holds them."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if key not in ("title", "default")}
    some = [item for item in kept.get("anyOf", []) if item != {"type": "null"}]
    if len(some) == 1:
        del kept["anyOf"]
        kept.update(some[0])
    elif some:
        kept["anyOf"] = some
    return kept
