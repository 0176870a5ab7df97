"""The base of every model: closed (unknown fields are errors), frozen, camelCase outside and snake_case inside.

A model's own rules (what joins several fields) are written as `rules()`, which yields each `Violation` with the place
it belongs to. They become pydantic errors of that place: a rule's message has a field path as good as a type error's.
As in the API server, rules are judged once the fields they join are valid by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]
"""Where in an object: field names as they are written, and list indices."""

_ACRONYMS = {"arn": "ARN", "id": "ID", "ips": "IPs", "eks": "EKS"}


class Violation(NamedTuple):
    """A broken rule. `loc` is relative to the model whose rule it is; the message names the remedy."""

    loc: Loc
    message: str


def camel(name: str) -> str:
    """`listener_arn` → `listenerARN`, `step_weight` → `stepWeight`; a trailing `_` (`from_`) is dropped."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class Model(BaseModel):
    """A part of a spec."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        """The API server prunes a field's null before it validates: `eks:` with nothing behind it means the default."""
        if isinstance(data, dict) and None in data.values():
            known = {each for name, field in cls.model_fields.items() for each in (name, field.alias)}
            return {key: value for key, value in data.items() if value is not None or key not in known}
        return data

    @model_validator(mode="after")
    def _judge(self) -> Self:
        violations = [
            InitErrorDetails(type=PydanticCustomError("rule", "{message}", {"message": message}), loc=loc, input=None)
            for loc, message in self.rules()
        ]
        if violations:
            raise ValidationError.from_exception_data(type(self).__name__, violations, hide_input=True)
        return self

    def rules(self) -> Iterator[Violation]:
        """What is wrong with the fields as a whole."""
        return iter(())


class StatusModel(BaseModel):
    """A part of a status. Okra wrote it, perhaps an older or newer Okra: what it doesn't know, it ignores."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        alias_generator=camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,
        protected_namespaces=(),
    )


def filled(model: BaseModel, *names: str) -> list[str]:
    """Which of the fields (by their Python names) hold something, as they are written in YAML."""
    return [camel(name) for name in names if getattr(model, name) is not None]
