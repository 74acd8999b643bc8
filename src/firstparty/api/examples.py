"""An example of a value for its schema in the OpenAPI document. Pure."""

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

RANDOM: Final = "8Qm2xT4nB7vK1cD5sW9e"
IDENTIFIERS: Final = {
    name: f"{kind}_{RANDOM}"
    for name, kind in (
        ("workspace_id", "wsp"),
        ("source_id", "src"),
        ("domain_id", "dom"),
        ("token_id", "tok"),
        ("person_id", "per"),
        ("invitation_id", "inv"),
        ("channel_id", "chn"),
    )
}
_BY_FORMAT: Final = {
    "date-time": "2026-11-22T10:30:00Z",
    "date": "2026-11-22",
    "time": "22:00:00",
}
_BY_TYPE: Final[Mapping[str, Any]] = {"number": 0.5, "boolean": True, "null": None}


def build_example(schema: Schema, schemas: Mapping[str, Schema], *, name: str = "") -> Any:
    """A value that fits ``schema``; its own example where it has one. ``name``: of the property."""
    if "$ref" in schema:
        return build_example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name=name)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    for known in ("example", "const"):
        if known in schema:
            return schema[known]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return build_example(schema[choice][0], schemas, name=name)
    return _build_of_type(schema, schemas, name)


def _build_of_type(schema: Schema, schemas: Mapping[str, Schema], name: str) -> Any:
    match schema.get("type"):
        case "object":
            return _build_object(schema, schemas)
        case "array":
            return [build_example(schema.get("items", {}), schemas, name=name.removesuffix("s"))]
        case "string" if "format" in schema:
            return _BY_FORMAT.get(schema["format"], "text")
        case "string":
            return IDENTIFIERS.get(name, "text")
        case "integer":
            return max(schema.get("minimum", 0), 1)
        case other:
            return _BY_TYPE.get(str(other), {})


def _build_object(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if properties:
        return {name: build_example(one, schemas, name=name) for name, one in properties.items()}
    values = schema.get("additionalProperties")
    if not isinstance(values, dict):
        return {}
    key = build_example(schema.get("propertyNames", {"example": "key"}), schemas)
    return {str(key): build_example(values, schemas)}
