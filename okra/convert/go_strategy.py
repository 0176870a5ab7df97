"""Go okra's update strategy: its steps are Argo Rollouts', with two differences that its users had to live with."""

from __future__ import annotations

import itertools
from typing import Any

from okra.convert.analysis import Checks
from okra.convert.document import Remarks
from okra.convert.fields import Fields

_STEPS = ("spec", "updateStrategy", "canary", "steps")


def strategy(found: Fields, checks: Checks, remarks: Remarks) -> dict[str, Any]:
    """`updateStrategy`; fills `checks` on the way."""
    kind = found.text("type") or "Canary"
    if kind != "Canary":
        return {"type": kind}
    canary = found.inside("canary")
    if "analysis" in canary:
        background = canary.inside("analysis")
        checks.of(background)
        if (starting := background.whole("startingStep")) is not None:
            remarks.say(
                f"The analysis in the background began with step {starting}; in Okra checks run at each weight.",
                "spec",
                "checks",
            )
    steps = _steps(canary.each("steps"), checks, remarks)
    return {"type": kind, "canary": {"steps": steps}} if steps else {"type": kind}


def _steps(found: list[Fields], checks: Checks, remarks: Remarks) -> list[dict[str, Any]]:
    weights = _Weights([step.whole("setWeight") for step in found], remarks)
    made: list[dict[str, Any]] = []
    for step in found:
        where = (*_STEPS, len(made))
        if (weight := step.whole("setWeight")) is not None:
            if (share := weights.next(weight)) is not None:
                made.append({"setWeight": share})
            else:
                remarks.say(f"{step.path}: setWeight {weight} raises nothing and was left out.", *where)
        elif "pause" in step:
            made.append({"pause": _pause(step.inside("pause"), remarks, *where)})
        elif "analysis" in step:
            made.append({"analysis": {"checks": checks.of(step.inside("analysis"))}})
        elif "experiment" in step:
            made += _experiment(step.inside("experiment"), checks, remarks, *where)
    return made


class _Weights:
    """Shares from setWeights. Go okra says that each is the whole share, and adds them up."""

    def __init__(self, given: list[int | None], remarks: Remarks) -> None:
        weights = [each for each in given if each is not None]
        self._sums = any(after <= before for before, after in itertools.pairwise(weights))
        self._last = 0
        if self._sums:
            remarks.say("The weights were written to be added up, as Go okra does: these are the sums.", *_STEPS)
        elif len(weights) > 1:
            remarks.say("Go okra added the weights up; here each is the whole share, as its README says.", *_STEPS)

    def next(self, weight: int) -> int | None:
        share = min(100, self._last + weight if self._sums else weight)
        if share <= self._last:
            return None
        self._last = share
        return share


def _pause(pause: Fields, remarks: Remarks, *where: str | int) -> dict[str, Any]:
    duration = pause.take("duration")
    if duration is None:
        remarks.say("Until somebody runs `okra resume`: Go okra went on at once.", *where)
        return {}
    return {"duration": f"{duration}s" if str(duration).isdigit() else str(duration)}


def _experiment(found: Fields, checks: Checks, remarks: Remarks, *where: str | int) -> list[dict[str, Any]]:
    """Its analyses. The workloads that it ran beside are for a person to run."""
    workloads = [each.required("name") for each in found.each("templates")]
    for each in found.each("templates"):
        each.ignore("name", "specRef", "replicas", "metadata", "selector", "weight")
    remarks.say(
        f"The experiment's workloads ({', '.join(workloads) or 'none'}) have no counterpart: what makes load must run"
        " by itself, or in a check with a job.",
        *where,
    )
    names: list[str] = []
    for each in found.each("analyses"):
        each.ignore("name", "requiredForCompletion", "clusterScope")
        names += checks.of_one(each)
    duration = found.text("duration")
    if not names:
        return [{"pause": {"duration": duration}}] if duration else []
    return [{"analysis": {"checks": names, **({"duration": duration} if duration else {})}}]
