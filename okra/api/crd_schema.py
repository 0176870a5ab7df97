"""From pydantic's JSON schemas to the structural schemas of CRDs.

A structural schema has no references, no unions, no `null` type, one type at each node (or none: what may be one object
or a list of such has the fields of the one and the items of the other, and a policy says the rest). What pydantic says
with those becomes what the API server has instead; a key that is not known here is an error, so that no constraint is
lost in silence. Differences that are meant:

- An optional field of a spec is not nullable: the server then prunes `eks:` with nothing behind it, as the models do.
- Defaults are scalars only, and none in a status: there, what was written is what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from okra.api.crd_rule import Rule
from okra.api.crd_rules import rules_of

Schema = dict[str, Any]

_FREE = "x-kubernetes-preserve-unknown-fields"
_RULES = "x-kubernetes-validations"

_KEPT = frozenset(
    {
        *(
            "type",
            "description",
            "enum",
            "format",
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "minItems",
        ),
        *("maxItems", "minProperties", "maxProperties", "required"),
        *("x-kubernetes-int-or-string", _FREE),
        *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", _RULES),
    }
)
_DROPPED = frozenset({"title", "x-hint", "x-secret", "x-policy"})


class _Generator(GenerateJsonSchema):
    """Pydantic's, with each model's CEL rules beside its fields."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        rules = [rule.as_json() for rule in rules_of(schema["cls"])]
        return super().model_schema(schema) | ({_RULES: rules} if rules else {})


def structural(model: type[BaseModel], *, nullable: bool = False, defaults: bool = True) -> Schema:
    """The model's structural schema. `nullable`: a `None` may be stored. ValueError names what can't be said."""
    root = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _Structure(root.pop("$defs", {}), nullable=nullable, defaults=defaults).of(root)


class _Structure:
    """One conversion: the definitions, and what is wanted."""

    def __init__(self, definitions: Mapping[str, Schema], *, nullable: bool, defaults: bool) -> None:
        self._definitions = definitions
        self._nullable = nullable
        self._refuse_null = not nullable
        self._defaults = defaults

    def of(self, source: Schema) -> Schema:
        """The structural schema of one node and all below it."""
        source = self._resolved(source)
        result: Schema = {}
        for key, value in source.items():
            if key in _KEPT:
                result[key] = value
            elif handler := _HANDLERS.get(key):
                handler(self, source, result)
            elif key not in _DROPPED:
                raise ValueError(f"{key} has no counterpart in a structural schema: {source}")
        if source.get("x-secret"):
            self._secret(source, result)
        return _ordered(_without_rules(result) if result.get(_FREE) and "type" not in result else result)

    def _resolved(self, source: Schema) -> Schema:
        """Without `$ref` and without the union with null; what stands beside them wins."""
        while "$ref" in source or "anyOf" in source:
            beside = {key: value for key, value in source.items() if key not in ("$ref", "anyOf")}
            if "$ref" in source:
                below = self._definitions[source["$ref"].removeprefix("#/$defs/")]
            elif source.get("x-kubernetes-int-or-string"):
                return beside
            else:
                options = [self._resolved(each) for each in source["anyOf"]]
                some = [each for each in options if each != {"type": "null"}]
                below = some[0] if len(some) == 1 else _one_or_several(some)
                if self._nullable and len(some) < len(options):
                    beside["x-nullable"] = True
            source = below | beside
        return source

    def _properties(self, source: Schema, result: Schema) -> None:
        if source["properties"]:
            result["properties"] = {name: self.of(each) for name, each in source["properties"].items()}

    def _items(self, source: Schema, result: Schema) -> None:
        result["items"] = self.of(source["items"])

    def _additional(self, source: Schema, result: Schema) -> None:
        """A map's values. Beside properties they can't be said: then unknown keys are kept, for a policy to judge."""
        below = source["additionalProperties"]
        if not isinstance(below, dict):
            return
        if "properties" in source:
            result[_FREE] = True
        else:
            self._values(below, result)

    def _values(self, below: Schema, result: Schema) -> None:
        """A map's values. The server would prune a null, and a selector would select more than it says."""
        result["additionalProperties"] = self.of(below)
        if self._refuse_null:
            result["additionalProperties"]["nullable"] = True
            _add_rule(result, Rule("self.all(key, dyn(self[key]) != null)", "each key must have a value"))

    def _patterned(self, source: Schema, result: Schema) -> None:
        ((pattern, below),) = source["patternProperties"].items()
        self._values(below, result)
        hint = source.get("propertyNames", {}).get("x-hint", f"a string that matches {pattern}")
        _add_rule(result, Rule(f"self.all(key, key.matches({_quoted(pattern)}))", f"each key must be {hint}"))

    def _names(self, source: Schema, result: Schema) -> None:
        names = source["propertyNames"]
        low, high = names.get("minLength", 0), names["maxLength"]
        bounds = f"size(key) <= {high}" + (f" && size(key) >= {low}" if low else "")
        says = f"{low} to {high}" if low else f"at most {high}"
        _add_rule(result, Rule(f"self.all(key, {bounds})", f"each key must be {says} characters long"))

    def _secret(self, source: Schema, result: Schema) -> None:
        """What a pattern refuses the API server shows, what a rule refuses it doesn't."""
        pattern = result.pop("pattern")
        if not source.get("x-policy"):
            _add_rule(result, Rule(f"self.matches({_quoted(pattern)})", f"must be {source['x-hint']}"))

    def _default(self, source: Schema, result: Schema) -> None:
        value = source["default"]
        if self._defaults and isinstance(value, str | int | float) and not source.get("x-no-default"):
            result["default"] = value

    def _null(self, _: Schema, result: Schema) -> None:
        result["nullable"] = True


_HANDLERS: Mapping[str, Callable[[_Structure, Schema, Schema], None]] = {
    "properties": _Structure._properties,
    "items": _Structure._items,
    "additionalProperties": _Structure._additional,
    "patternProperties": _Structure._patterned,
    "propertyNames": _Structure._names,
    "default": _Structure._default,
    "x-no-default": lambda *_: None,
    "x-nullable": _Structure._null,
}

_FIRST = ("description", "type")


def _one_or_several(options: Sequence[Schema]) -> Schema:
    """An object or a list of such, without a type; nothing of any other union."""
    one, several = options[0], options[-1]
    if (one.get("type"), several.get("type")) != ("object", "array"):
        return {_FREE: True}
    bounds = {key: several[key] for key in ("items", "minItems", "maxItems")}
    return {**{key: one[key] for key in ("properties", "required")}, **bounds, _FREE: True}


def _without_rules(schema: Schema) -> Schema:
    """CEL doesn't see what has no type, nor what is in it."""
    found: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _without_rules(each) for name, each in value.items()}
        elif key != _RULES:
            found[key] = _without_rules(value) if isinstance(value, dict) else value
    return found


def _ordered(schema: Schema) -> Schema:
    """What a person looks for first comes first."""
    return {key: schema[key] for key in (*_FIRST, *sorted(schema.keys() - set(_FIRST))) if key in schema}


def _add_rule(schema: Schema, rule: Rule) -> None:
    schema[_RULES] = [*schema.get(_RULES, ()), rule.as_json()]


def _quoted(pattern: str) -> str:
    """A pattern as a CEL string, in which nothing is escaped."""
    if "'" not in pattern:
        return f"r'{pattern}'"
    return f'r"{pattern}"'
