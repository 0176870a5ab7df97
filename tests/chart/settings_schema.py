"""The part of the chart's values.schema.json that is about settings, from the settings' own model.

Helm refuses with it, before anything is installed, what the controller would refuse in a loop of crashes. It says no
more than the model does, but for durations: each number has at most eight digits, hours six.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from okra.api.crd_schema import structural
from okra.api.durations import MAX_LENGTH
from okra.api.provider import Provider
from okra.app.settings import Settings

Schema = dict[str, Any]

SET_BY_THE_CHART = frozenset({"listen"})
"""Settings that are not values: the chart's own parts depend on them."""
DURATION = r"([0-9]{1,8}(\.[0-9]+)?(ns|us|µs|ms|s|m)|[0-9]{1,6}(\.[0-9]+)?h)+"
ABOVE_ZERO = {"pattern": "[1-9]"}
NO_TIME = {"type": ["string", "integer"], "minimum": 0, "maximum": 0}
"""`--set settings.bakeTime=0` is a number, and the only one that is a duration."""


def settings_schema() -> Schema:
    """Of the value `settings`: each by its name in camel case."""
    known: Schema = Settings.model_json_schema()
    fields = {name: each for name, each in Settings.model_fields.items() if name not in SET_BY_THE_CHART}
    properties = {camel(name): _value(each, known["properties"][name], known["$defs"]) for name, each in fields.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _value(field: FieldInfo, said: Schema, definitions: Mapping[str, Schema]) -> Schema:
    described = {"description": said["description"]}
    if "$ref" in said:
        return described | {"enum": definitions[said["$ref"].rpartition("/")[2]]["enum"]}
    if said.get("x-kubernetes-int-or-string"):
        return described | {"anyOf": _quantity(said["minimum"], said["maximum"])}
    if "anyOf" in said:
        return {**described, **_closed(structural(Provider)), "minProperties": 1, "maxProperties": 1}
    if NoDecode in field.metadata:
        return described | (_durations() if said["type"] == "array" else _duration("exclusiveMinimum" in said))
    kept = {key: said[key] for key in ("type", "pattern", "minimum", "maximum", "exclusiveMinimum") if key in said}
    if said["type"] == "number":  # `--set` knows no fractions: 0.3 is a string
        kept |= {"type": ["number", "string"], "pattern": _up_to(said["maximum"])}
    return described | kept


def _duration(above_zero: bool) -> Schema:
    form = {"type": "string", "maxLength": MAX_LENGTH, "pattern": f"^(0|{DURATION})$"}
    return form | ({"allOf": [ABOVE_ZERO]} if above_zero else NO_TIME)


def _durations() -> Schema:
    one = f"(0|{DURATION})"
    return {"type": "string", "pattern": f"^ *{one} *(, *{one} *)*$"}


def _quantity(least: int, most: int) -> list[Schema]:
    return [
        {"type": "integer", "minimum": least, "maximum": most},
        {"type": "string", "maxLength": len(str(most)), "pattern": "^0*[1-9][0-9]*$"},
        {"type": "string", "maxLength": len(str(most)) + 1, "pattern": "^0*([0-9]{1,2}|100)%$"},
    ]


def _up_to(hundred: int) -> str:
    """A decimal fraction above zero."""
    assert hundred == 100
    return r"^(0?\.[0-9]*[1-9][0-9]*|[1-9][0-9]?(\.[0-9]*)?|100(\.0*)?)$"


def _closed(schema: Any) -> Any:
    """What a CRD says of a kind's part, as JSON schema says it: the API server refuses unknown fields by itself."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("description", "default", "nullable")}
    kept = {key: value for key, value in kept.items() if not key.startswith("x-kubernetes-")}
    below = {name: _closed(each) for name, each in kept.get("properties", {}).items()}
    closed = {"properties": below, "additionalProperties": False} if below else {}
    return kept | {key: _closed(kept[key]) for key in ("items", "additionalProperties") if key in kept} | closed
