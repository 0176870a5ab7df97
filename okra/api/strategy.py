"""How a rollout proceeds: in equal steps, in explicit ones, or all at once."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, Violation, camel, filled
from okra.api.durations import Duration
from okra.api.fields import Int, Name
from okra.api.policies import OnNewerVersion

Weight = Annotated[Int, Field(ge=1, le=1000)]


class Pause(Model):
    """Wait, while checks go on."""

    duration: Duration | None = Field(default=None, description="How long; left out: until a person resumes.")


class Approval(Model):
    """Wait until a person approves."""


class StepAnalysis(Model):
    """Checks, at this weight, beyond the one series that each weight gets anyway."""

    checks: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="Names of entries of checks; left out: all of them."
    )
    duration: Duration | None = Field(default=None, description="Repeat the series for this long; left out: once.")


class Step(Model):
    """Exactly one thing to do."""

    set_weight: Annotated[Int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Percent of the traffic for the canary; each above the one before, 100 at the end."
    )
    pause: Pause | None = Field(default=None, description="Wait.")
    approval: Approval | None = Field(default=None, description="Wait until a person approves.")
    analysis: StepAnalysis | None = Field(default=None, description="Run checks.")

    def rules(self) -> Iterator[Violation]:
        given = filled(self, "set_weight", "pause", "approval", "analysis")
        if len(given) != 1:
            has = f"has {' and '.join(given)}" if given else "is empty (write `pause: {}`, not `pause:`)"
            yield Violation((), f"{has}: a step is exactly one of setWeight, pause, approval, analysis")


class Canary(Model):
    """Steps of equal size (stepWeight of totalWeight), or explicit ones."""

    step_weight: Weight | None = Field(
        default=None, description="How much of totalWeight moves in a step; default: the controller's."
    )
    total_weight: Weight | None = Field(default=None, description="The whole; default: the controller's.")
    step_interval: Duration | None = Field(
        default=None, description="How long each weight stays before its checks; default: the controller's."
    )
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Explicit steps instead; a last setWeight of 100 is implied."
    )

    def rules(self) -> Iterator[Violation]:
        if self.steps is not None:
            for name in filled(self, "step_weight", "total_weight"):
                yield Violation((name,), "excludes steps: explicit steps say their weights themselves; remove one")
            yield from self._weight_rules(self.steps)
        elif self.step_weight is not None and self.total_weight is not None and self.step_weight > self.total_weight:
            yield Violation(("stepWeight",), f"{self.step_weight} must be at most totalWeight ({self.total_weight})")

    @staticmethod
    def _weight_rules(steps: tuple[Step, ...]) -> Iterator[Violation]:
        last = 0
        for index, step in enumerate(steps):
            if step.set_weight is None:
                continue
            if step.set_weight <= last:
                yield Violation(
                    ("steps", index, "setWeight"), f"must be above the step before ({last}), not {step.set_weight}"
                )
            last = max(last, step.set_weight)


def differences(one: Canary, other: Canary) -> list[str]:
    """The fields in which two strategies differ, as they are written in YAML."""
    return [camel(name) for name in Canary.model_fields if getattr(one, name) != getattr(other, name)]


class StrategyType(StrEnum):
    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"


class UpdateStrategy(Model):
    """Canary: step by step. BlueGreen: one step of 100."""

    type: StrategyType = Field(default=StrategyType.CANARY, description="Canary or BlueGreen.")
    canary: Canary | None = Field(default=None, description="The steps of a Canary.")
    on_newer_version: OnNewerVersion = Field(
        default=OnNewerVersion.RESTART, description="A newer version in mid-rollout: Restart with it, or Finish first."
    )

    def rules(self) -> Iterator[Violation]:
        if self.type is StrategyType.BLUE_GREEN and self.canary is not None:
            yield Violation(
                ("canary",), "has no use with type BlueGreen, one step of 100: remove it, or use type Canary"
            )
