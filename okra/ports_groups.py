"""What the actors need to make target groups: a file beside `okra.ports`, whose rules hold here as well."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from okra.ports import Account


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How targets are checked. None: AWS's default, or whatever it is. Times in seconds."""

    protocol: str | None = None
    port: int | None = None
    """None: the port that targets are registered by."""
    path: str | None = None
    interval: int | None = None
    timeout: int | None = None
    healthy_threshold: int | None = None
    unhealthy_threshold: int | None = None
    matcher: str | None = None


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """What a target group is made like. Only `health` can be changed later."""

    protocol: str
    port: int
    target_type: str
    vpc_id: str
    """Empty, of what is wanted: the cluster's."""
    health: HealthSettings = field(default_factory=HealthSettings)


@dataclass(frozen=True, slots=True)
class ExistingGroup:
    """A target group as it is."""

    arn: str
    name: str
    tags: Mapping[str, str]
    settings: GroupSettings
    load_balancer_arns: tuple[str, ...] = ()


class TargetGroups(Protocol):
    """Target groups that Okra makes. Every write has the deadline of a write, and is never retried inside."""

    async def groups(self, account: Account, named: Collection[str] = ()) -> Sequence[ExistingGroup]:
        """Every target group that exists and has tags, and those of the ARNs `named` that have none, as they were a few
        seconds ago at most; never as before a write of this process. Raises rather than leave one out."""
        ...

    async def create(self, account: Account, name: str, settings: GroupSettings, tags: Mapping[str, str]) -> str:
        """Its ARN. Tags come with it: none is ever there without an owner. Made again with the same settings it is the
        same one; AlreadyExists where the name is another's, by its settings or by its owner tag."""
        ...

    async def modify(self, account: Account, arn: str, health: HealthSettings) -> None:
        """Change what isn't None."""
        ...

    async def set_attributes(self, account: Account, arn: str, attributes: Mapping[str, str]) -> None: ...

    async def tag(self, account: Account, arn: str, tags: Mapping[str, str]) -> None: ...

    async def draining(self, account: Account, arn: str) -> int:
        """Targets that still serve what they had begun."""
        ...

    async def delete(self, account: Account, arn: str) -> None:
        """Refused (`ResourceInUse`) as long as a listener or rule forwards to it; done where it is gone already."""
        ...
