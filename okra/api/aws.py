"""Whose AWS account, and which region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from okra.api.base import Model, Violation
from okra.api.fields import Form, Region, RoleARN

ExternalID = Annotated[
    str,
    Form(r"^[A-Za-z0-9_+=,.@:/-]{2,}$", "an external id of 2 or more letters, digits or _+=,.@:/-", 1224, echo=False),
]


class AWSAccount(Model):
    """Where to call AWS, and as whom. What is left out is the controller's own."""

    region: Region | None = Field(default=None, description="The region, such as us-east-1.")
    role_arn: RoleARN | None = Field(default=None, description="The IAM role to assume.")
    external_id: ExternalID | None = Field(default=None, description="The external id that the role demands.")

    def rules(self) -> Iterator[Violation]:
        if self.external_id is not None and self.role_arn is None:
            yield Violation(("externalID",), "needs roleARN: an external id is part of assuming a role")


def dimension_of(arn: str) -> str:
    """How CloudWatch names what an ELB ARN names: `app/name/id`, `targetgroup/name/id`. Anything else as it is."""
    resource = arn.partition(":elasticloadbalancing:")[2].split(":", 2)[-1]
    return resource.removeprefix("loadbalancer/") if resource else arn


def region_of(arn: str) -> str:
    """The region that an ARN names (its fourth field)."""
    return arn.split(":")[3]


def account_of_role(arn: str) -> str:
    """The account that a role's ARN names; empty for none."""
    return arn.split(":")[4] if arn else ""
