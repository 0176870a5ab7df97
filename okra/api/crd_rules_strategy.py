"""The rules of how a rollout proceeds, as CEL. Each says what `rules()` of the same model says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from okra.api.crd_rule import Rule, forbidden, only_one, unless
from okra.api.strategy import Canary, Step, UpdateStrategy

_WEIGHTS = "self.steps.filter(step, has(step.setWeight)).map(step, step.setWeight)"

RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    Step: (
        Rule(
            only_one("setWeight", "pause", "approval", "analysis"),
            "a step is exactly one of setWeight, pause, approval, analysis (write `pause: {}`, not `pause:`)",
        ),
    ),
    Canary: (
        *(
            forbidden(
                unless("has(self.steps)", f"!has(self.{name})"),
                f".{name}",
                "excludes steps: explicit steps say their weights themselves; remove one",
            )
            for name in ("stepWeight", "totalWeight")
        ),
        Rule(
            unless(
                "has(self.steps)",
                f"[{_WEIGHTS}].all(weights, weights.isSorted()"
                " && weights.all(one, weights.exists_one(other, other == one)))",
            ),
            "each setWeight must be above the step before",
            ".steps",
        ),
        Rule(
            unless(
                "!has(self.steps) && has(self.stepWeight) && has(self.totalWeight)",
                "self.stepWeight <= self.totalWeight",
            ),
            "must be at most totalWeight",
            ".stepWeight",
        ),
    ),
    UpdateStrategy: (
        forbidden(
            unless("has(self.canary)", "self.type != 'BlueGreen'"),
            ".canary",
            "has no use with type BlueGreen, one step of 100: remove it, or use type Canary",
        ),
    ),
}
