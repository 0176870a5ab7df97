"""The ALB: one rule of a listener, moved step by step to a wanted distribution (terraform's `courier_alb`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from okra.api.aws import AWSAccount, region_of
from okra.api.base import Loc, Model, Violation
from okra.api.checks import CellCheck, CheckList, check_name_rules
from okra.api.durations import Duration
from okra.api.fields import ApplicationListenerARN, Flag, Int, TargetGroupARN, keyed_by
from okra.api.ingress import Priority, RuleConditions
from okra.api.meta import NamedMeta, Resource


class Destination(Model):
    """A target group and its weight in the end."""

    target_group_arn: TargetGroupARN = Field(description="The target group.")
    weight: Annotated[Int, Field(ge=0, le=999)] = Field(description="Its weight in the end.")


class ALBSpec(Model):
    """The wanted distribution, and the way there."""

    aws: AWSAccount = Field(default=AWSAccount(), description="Whose AWS; default: the controller's own.")
    listener_arn: ApplicationListenerARN = Field(description="The listener's ARN.")
    priority: Priority | None = Field(default=None, description="The rule's priority; left out: the default action.")
    conditions: RuleConditions | None = Field(default=None, description="Create the rule, for these requests.")
    take_over: Flag = Field(default=False, description="Replace a redirect or a fixed response.")
    destinations: Annotated[
        tuple[Destination, ...], Field(min_length=1, max_length=5, json_schema_extra=keyed_by("targetGroupARN"))
    ] = Field(description="The target groups and their weights in the end.")
    step_weight: Annotated[Int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Percent of the way in a step; default: the controller's."
    )
    step_interval: Duration | None = Field(
        default=None, description="How long each weight stays before its checks; default: the controller's."
    )
    checks: CheckList = Field(default=(), description="Must pass at each weight.")
    paused: Flag = Field(default=False, description="No progress while true; a bad distribution is still reverted.")

    @property
    def all_checks(self) -> Iterator[tuple[Loc, CellCheck]]:
        """Every check, and where it stands."""
        yield from ((("checks", index), check) for index, check in enumerate(self.checks))

    def rules(self) -> Iterator[Violation]:
        seen: set[str] = set()
        for index, destination in enumerate(self.destinations):
            if destination.target_group_arn in seen:
                yield Violation(("destinations", index, "targetGroupARN"), "is listed twice: add the weights up")
            seen.add(destination.target_group_arn)
        if not any(destination.weight for destination in self.destinations):
            yield Violation(("destinations",), "have no weight at all: at least one must be above 0")
        if self.conditions is not None and self.priority is None:
            yield Violation(("priority",), "is required beside conditions: a rule needs one")
        if self.aws.region is not None and (found := region_of(self.listener_arn)) != self.aws.region:
            wrong = f"is in {found}, but aws.region is {self.aws.region}: correct one of them"
            yield Violation(("listenerARN",), wrong)
        yield from check_name_rules({"checks": self.checks})


class ALB(Resource):
    """A rule of a listener and its wanted distribution."""

    metadata: NamedMeta = Field(description="The object's metadata: at least a name.")
    spec: ALBSpec = Field(description="The wanted distribution, and the way there.")
