"""A status in which every field of its model holds something."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def filled(model: type[BaseModel]) -> dict[str, Any]:
    """As JSON, made from the model's JSON schema."""
    schema = model.model_json_schema(by_alias=True)
    value: dict[str, Any] = _value(schema, schema.get("$defs", {}))
    assert value.keys() == schema["properties"].keys()
    return value


def _value(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            if "properties" in schema:
                return {name: _value(each, definitions) for name, each in schema["properties"].items()}
            return {"key": _value(schema["additionalProperties"], definitions)}
        case "array":
            return [_value(schema["items"], definitions)]
        case "string":
            return "word"
        case "integer":
            return 3
        case "number":
            return 1.5
        case "boolean":
            return True
        case None:
            return {"any": ["thing", 1]}
        case other:
            raise ValueError(f"nothing known of type {other}")
