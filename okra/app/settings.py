"""The controller's settings: `OKRA_*` variables, the same for `okra run`. A Cell's own field wins (DESIGN §12)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from okra.api.defaults import Defaults
from okra.api.durations import Duration
from okra.api.findings import printable
from okra.api.parse import parse_as
from okra.api.policies import OnFailureAction
from okra.api.provider import Provider
from okra.api.quantities import IntOrPercent
from okra.errors import Invalid
from okra.web.address import parse_address


def _duration(value: Any) -> float:
    return Duration(str(value)).seconds


def _durations(value: Any) -> tuple[float, ...]:
    return tuple(_duration(part.strip()) for part in str(value).split(",") if part.strip())


def _quantity(value: Any) -> IntOrPercent:
    return value if isinstance(value, IntOrPercent) else IntOrPercent.parse(value)


def _provider(value: Any) -> Provider | None:
    if value is None or isinstance(value, Provider) or not str(value).strip():
        return value or None
    try:
        document = yaml.safe_load(str(value))
    except yaml.YAMLError as error:
        raise ValueError("is not YAML; write the provider as in a Check, such as `cloudWatch: {…}`") from error
    model, findings = parse_as(Provider, document)
    if model is None:
        raise ValueError("; ".join(f"{f.path}: {f.message}" if f.path else f.message for f in findings))
    return model


Seconds = Annotated[
    float, NoDecode, BeforeValidator(lambda value: value if isinstance(value, float) else _duration(value))
]


MAY_HOLD_SECRETS = ("check_provider",)
"""Values that no message repeats."""


NO_ROOM = "no_room_for_a_step"
_WHOLE = "must be a whole number"
_WORDS = {
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_pattern_mismatch": "must match {pattern}",
}
"""Pydantic's kinds of errors, for people."""


class Settings(BaseSettings):
    """Each field is `OKRA_` and its name in capitals. Durations are Go's: 500ms, 10s, 1h30m."""

    model_config = SettingsConfigDict(env_prefix="OKRA_", extra="ignore", frozen=True, env_ignore_empty=True)

    step_weight: int = Field(default=10, ge=1, le=1000, description="How much of the total weight moves in a step.")
    total_weight: int = Field(default=100, ge=1, le=1000, description="The whole that step weights are parts of.")
    step_interval: Seconds = Field(default=60.0, description="How long each weight stays before its checks.")
    propagation_delay: Seconds = Field(default=15.0, description="After a confirmed weight, before measuring.")
    bake_time: Seconds = Field(default=0.0, description="At 100 %, before a rollout counts as done.")
    retain_for: Seconds = Field(default=600.0, description="Old target groups stay attached at 0 this long.")
    reread_after_revert: Annotated[
        tuple[float, ...], NoDecode, BeforeValidator(lambda v: v if isinstance(v, tuple) else _durations(v))
    ] = Field(default=(10.0, 60.0), description="When a reverted route is read again, separated by commas.")
    install: str = Field(
        default="okra", pattern=r"^[A-Za-z0-9._-]{1,63}$", description="This installation's name in owner tags."
    )
    claim_settle: Seconds = Field(
        default=13.0,
        ge=0,
        description="A route is tagged as ours so long before the first write; shorter if no other Okra is there.",
    )
    health_timeout: Seconds = Field(default=300.0, description="New target groups must be healthy within this time.")
    min_healthy_targets: Annotated[IntOrPercent, NoDecode, BeforeValidator(_quantity)] = Field(
        default=IntOrPercent(50, percent=True), description="A number, or percent of stable's healthy targets."
    )
    on_failure: OnFailureAction = Field(default=OnFailureAction.ROLLBACK, description="Rollback or Stop.")
    on_failure_delay: Seconds = Field(default=60.0, description="Before a rollback, while the canary has no traffic.")
    discovery_interval: Seconds = Field(default=30.0, gt=0, description="Between two listings of AWS.")
    poll_interval: Seconds = Field(default=10.0, gt=0, description="Between two looks at a moving rollout.")
    aws_rate_share: float = Field(
        default=0.5,
        gt=0,
        le=100,
        description="How much of AWS's rate limits Okra may use; other tools need the rest. "
        "Above 1 only where AWS raised the quotas, or for a double of AWS.",
    )
    check_provider: Annotated[Provider | None, NoDecode, BeforeValidator(_provider)] = Field(
        default=None, description="YAML of a check's `provider`, for checks without one."
    )
    listen: str = Field(default="127.0.0.1:8080", description="Where /healthz, /metrics and /debug are served.")

    @field_validator("listen")
    @classmethod
    def _an_address(cls, listen: str) -> str:
        try:
            parse_address(listen)
        except Invalid as error:
            raise ValueError(str(error)) from None
        return listen

    @field_validator("total_weight")
    @classmethod
    def _room_for_a_step(cls, total: int, info: ValidationInfo) -> int:
        step = info.data.get("step_weight", 1)
        if total < step:
            raise PydanticCustomError(NO_ROOM, "must be at least OKRA_STEP_WEIGHT, which is {step}", {"step": step})
        return total

    def defaults(self) -> Defaults:
        """What the rest of Okra sees of them."""
        return Defaults(**{field.name: getattr(self, field.name) for field in fields(Defaults)})


S = TypeVar("S", bound=Settings)


def load_settings(**overrides: Any) -> Settings:
    """From the environment; flags that were given win. Invalid names each wrong variable, its value, and what it
    should be."""
    return load(Settings, **overrides)


def load(kind: type[S], **overrides: Any) -> S:
    """As `load_settings`, for settings of this kind."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise Invalid("; ".join(_wrong(each, given) for each in found)) from None


def _wrong(error: ErrorDetails, given: Mapping[str, Any]) -> str:
    name, value = str(error["loc"][0]), error["input"]
    words = _WORDS.get(error["type"])
    message = words.format_map(error.get("ctx", {})) if words else error["msg"].removeprefix("Value error, ")
    if error["type"] == NO_ROOM and _written(name, given) is None:
        name, message = "step_weight", f"must be at most OKRA_TOTAL_WEIGHT, which is {value}"
    who = f"--{name.replace('_', '-')}" if name in given else _variable(name)
    written = _written(name, given)
    shown = repr(printable(str(value if written is None else written)))
    return f"{who}: {message}" if name in MAY_HOLD_SECRETS or shown in message else f"{who}: {shown}: {message}"


def _written(name: str, given: Mapping[str, Any]) -> Any:
    """As a person wrote it; None: it is the default."""
    return given[name] if name in given else os.environ.get(_variable(name)) or None


def _variable(name: str) -> str:
    return f"OKRA_{name.upper()}"
