"""The Cell. Simple: target groups behind routes. Complex: clusters and applications. One spec, one of the two.

What a Cell leaves out stays None here: the controller's settings fill it (`okra.api.defaults`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from okra.api.aws import AWSAccount, region_of
from okra.api.base import Loc, Model, Violation, camel
from okra.api.checks import CellCheck, CheckList, check_name_rules
from okra.api.complex import MOST_ROUTES, Application, Cluster
from okra.api.complex_rules import application_rules, lockstep_rules
from okra.api.durations import Duration
from okra.api.fields import Flag, Int, Name, Version, keyed_by
from okra.api.ingress import FORWARD_ACTION_GROUPS, Ingress
from okra.api.meta import NamedMeta, Resource
from okra.api.policies import (
    DeadlineAction,
    DeletionPolicy,
    OnDrift,
    OnFailure,
    VersionedBy,
)
from okra.api.quantities import IntOrPercent
from okra.api.strategy import UpdateStrategy


class CellSpec(Model):
    """What a Cell is made of, and how it is updated."""

    aws: AWSAccount = Field(default=AWSAccount(), description="Whose AWS; default: the controller's own.")
    ingress: Ingress | None = Field(default=None, description="The route (simple shape).")
    ingresses: Annotated[tuple[Ingress, ...], Field(min_length=1, max_length=8)] | None = Field(
        default=None, description="Several routes, stepped together and reverted together (simple shape)."
    )
    replicas: Annotated[Int, Field(ge=1, le=100)] = Field(
        default=1,
        description="Target groups per version; a version starts when there are that many. Default 1.",
        json_schema_extra={"x-no-default": True},  # beside applications its presence is an error
    )
    versioned_by: VersionedBy = Field(default=VersionedBy(), description="What tells versions apart.")
    version: Version | None = Field(default=None, description="Pin this version instead of following the highest.")
    update_strategy: UpdateStrategy = Field(default=UpdateStrategy(), description="The steps of a rollout.")
    clusters: (
        Annotated[tuple[Cluster, ...], Field(min_length=1, max_length=64, json_schema_extra=keyed_by("name"))] | None
    ) = Field(default=None, description="The clusters (complex shape).")
    applications: (
        Annotated[tuple[Application, ...], Field(min_length=1, max_length=32, json_schema_extra=keyed_by("name"))]
        | None
    ) = Field(default=None, description="The applications, updated one after the other in this order (complex shape).")
    lockstep: (
        Annotated[
            tuple[Name, ...],
            Field(min_length=2, max_length=MOST_ROUTES, json_schema_extra={"x-kubernetes-list-type": "set"}),
        ]
        | None
    ) = Field(
        default=None,
        description="Names of applications that step together and revert together, in the place of the first of them.",
    )
    prechecks: CheckList = Field(default=(), description="Must pass before the first weight.")
    checks: CheckList = Field(default=(), description="Must pass at each weight.")
    postchecks: CheckList = Field(default=(), description="Must pass after the last weight.")
    min_healthy_targets: IntOrPercent | None = Field(
        default=None,
        description="Healthy targets of each new target group before traffic: a number, or percent of stable's.",
    )
    health_timeout: Duration | None = Field(
        default=None, description="A new target group that isn't healthy by then is detached; the rollout failed."
    )
    on_failure: OnFailure = Field(default=OnFailure(), description="What a failure leads to.")
    propagation_delay: Duration | None = Field(
        default=None, description="After a confirmed weight, before anything is measured."
    )
    bake_time: Duration | None = Field(
        default=None, description="At 100 %, checks still running, before the rollout counts as done."
    )
    retain_for: Duration | None = Field(
        default=None, description="Old target groups stay attached at weight 0 this long, for a rollback in one write."
    )
    drain_timeout: Duration = Field(
        default=Duration("5m"), description="Old target groups are let go when drained, or after this."
    )
    progress_deadline: Duration | None = Field(
        default=None, description="A rollout that takes longer is reported. Left out: no deadline."
    )
    progress_deadline_action: DeadlineAction = Field(
        default=DeadlineAction.REPORT, description="Report, or Revert when the deadline is over."
    )
    on_drift: OnDrift = Field(
        default=OnDrift.RESPECT, description="Weights that a person changed: Respect or Reassert."
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN, description="Retain: deleting the Cell removes no cluster secret."
    )
    paused: Flag = Field(default=False, description="No progress while true; a bad canary is still reverted.")

    @property
    def routes(self) -> tuple[tuple[Loc, Ingress], ...]:
        """The simple shape's routes and where each stands; empty for the complex shape."""
        if self.ingress is not None:
            return ((("ingress",), self.ingress),)
        return tuple((("ingresses", index), each) for index, each in enumerate(self.ingresses or ()))

    @property
    def all_checks(self) -> Iterator[tuple[Loc, CellCheck]]:
        """Every check of the Cell and its applications, and where it stands."""
        holders: list[tuple[Loc, CellSpec | Application]] = [((), self)]
        holders += [(("applications", index), each) for index, each in enumerate(self.applications or ())]
        for base, holder in holders:
            for field in ("prechecks", "checks", "postchecks"):
                for index, check in enumerate(getattr(holder, field)):
                    yield (*base, field, index), check

    @property
    def is_complex(self) -> bool:
        return self.applications is not None

    def rules(self) -> Iterator[Violation]:
        yield from self._shape_rules()
        yield from check_name_rules({"prechecks": self.prechecks, "checks": self.checks, "postchecks": self.postchecks})
        yield from self._route_rules()
        yield from self._step_rules()
        if self.applications is not None:
            yield from application_rules(self.aws, self.clusters or (), self.applications)
            yield from lockstep_rules(self.lockstep or (), self.applications)
            yield from self._region_rules(
                (("applications", index, *loc, "listenerARN"), alb.listener_arn)
                for index, each in enumerate(self.applications)
                for loc, alb in each.routes
            )

    def _shape_rules(self) -> Iterator[Violation]:
        shapes = [name for name in ("ingress", "ingresses", "applications") if getattr(self, name) is not None]
        if not shapes:
            yield Violation((), "needs one of ingress, ingresses (simple) and applications (complex)")
        if len(shapes) > 1:
            yield Violation((), f"has {' and '.join(shapes)}: a Cell has exactly one of them, keep one")
        if len(shapes) != 1:
            return
        for name in _ONLY_SIMPLE if self.is_complex else ("clusters", "lockstep"):
            if name in self.model_fields_set:
                remedy = "has no use beside applications" if self.is_complex else "needs applications"
                hint = ": give it to each application" if name in ("prechecks", "checks", "postchecks") else ""
                yield Violation((camel(name),), f"{remedy}{hint or ': remove it'}")
        if self.is_complex and self.clusters is None:
            yield Violation(("clusters",), "is required beside applications: the clusters that they run on")

    def _route_rules(self) -> Iterator[Violation]:
        seen: dict[tuple[object, ...], Loc] = {}
        for loc, ingress in self.routes:
            if ingress.route in seen:
                yield Violation(loc, f"is the same route as ingresses[{seen[ingress.route][1]}]: remove one")
            seen.setdefault(ingress.route, loc)
        if self.replicas >= FORWARD_ACTION_GROUPS and any(each.listener for _, each in self.routes):
            yield Violation(
                ("replicas",),
                f"must be at most {FORWARD_ACTION_GROUPS - 1}: a forward action holds {FORWARD_ACTION_GROUPS} target"
                " groups, and one place is needed to replace them",
            )
        yield from self._region_rules(
            ((*loc, *ingress.listener[0]), ingress.listener[1]) for loc, ingress in self.routes if ingress.listener
        )

    def _region_rules(self, arns: Iterator[tuple[Loc, str]]) -> Iterator[Violation]:
        for loc, arn in arns:
            if self.aws.region is not None and region_of(arn) != self.aws.region:
                yield Violation(
                    loc, f"is in {region_of(arn)}, but aws.region is {self.aws.region}: correct one of them"
                )

    def _step_rules(self) -> Iterator[Violation]:
        canary = self.update_strategy.canary
        known = {check.name for check in self.checks}
        for index, step in enumerate((canary and canary.steps) or ()):
            for place, name in enumerate((step.analysis and step.analysis.checks) or ()):
                if name not in known:
                    loc = ("updateStrategy", "canary", "steps", index, "analysis", "checks", place)
                    yield Violation(
                        loc, f"{name} is no entry of checks: {', '.join(sorted(known)) or 'there are none'}"
                    )


_ONLY_SIMPLE = (
    "replicas",
    "versioned_by",
    "version",
    "update_strategy",
    "prechecks",
    "checks",
    "postchecks",
)


class Cell(Resource):
    """The unit that Okra updates. Also hotswap's System, under its other name."""

    metadata: NamedMeta = Field(description="The object's metadata: at least a name.")
    spec: CellSpec = Field(description="What the Cell is made of, and how it is updated.")
