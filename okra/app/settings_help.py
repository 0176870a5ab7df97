"""The settings for people: made from their fields, so that no list can be out of date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from okra.app.controller_settings import ControllerSettings
from okra.app.wording import duration


def settings_help() -> Iterator[tuple[str, str]]:
    """(variable, what it does and its default) of each setting."""
    for name, field in ControllerSettings.model_fields.items():
        yield f"OKRA_{name.upper()}", f"{field.description} [default: {default_of(field)}]"


def default_of(field: FieldInfo) -> str:
    """As it would be written into the variable."""
    value: Any = field.default
    if value is None or value == "":
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(duration, value))
    is_duration = any(isinstance(each, BeforeValidator) for each in field.metadata)
    if isinstance(value, float) and is_duration:
        return duration(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
