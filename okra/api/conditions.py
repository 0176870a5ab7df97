"""Conditions in status, as kstatus reads them, so that `kubectl wait`, Flux and Argo CD understand every kind."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from okra.api.base import StatusModel


class ConditionType(StrEnum):
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(StatusModel):
    """One aspect of an object's state."""

    type: str = Field(max_length=316, description="Ready, Reconciling, Stalled, or one of the kind's own.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(max_length=1024, description="Why, as one CamelCase word.")
    message: str = Field(default="", max_length=32768, description="Why, for a person, and what to do.")
    observed_generation: int | None = Field(default=None, description="The metadata.generation that was judged.")
    last_transition_time: str | None = Field(
        default=None, max_length=40, description="When `status` last changed (RFC 3339)."
    )
