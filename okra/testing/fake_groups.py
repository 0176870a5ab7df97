"""Target groups in memory, as a `TargetGroups`: holds state, can fail, counts its calls.

The same contract tests judge it and the real one before the double (tests/aws/test_aws_groups.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from okra.errors import AlreadyExists, NotFound, OkraError, Refused
from okra.ports import Account
from okra.ports_groups import ExistingGroup, GroupSettings, HealthSettings

HERE = Account()
OWNER = "okra.mumoshu.github.io/owner"
Fault = Callable[[str, str], OkraError | None]
"""(operation, name or ARN) → the error to raise instead, or nothing."""


def _no_fault(_operation: str, _name: str) -> OkraError | None:
    return None


@dataclass
class FakeGroups:
    accounts: dict[Account, dict[str, ExistingGroup]] = field(default_factory=dict)
    """Each account's, by ARN."""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    made: int = 0
    drains: Counter[str] = field(default_factory=Counter)
    """ARN → its targets that are still draining."""
    calls: Counter[str] = field(default_factory=Counter)
    fault: Fault = _no_fault
    applied_before_fault: bool = False
    """A faulty write is applied all the same: its answer is lost."""

    def add(self, name: str, tags: Mapping[str, str] | None = None, account: Account = HERE) -> str:
        """Somebody else's."""
        place = f"{account.region or 'us-east-1'}:123456789012"
        arn = f"arn:aws:elasticloadbalancing:{place}:targetgroup/{name}/{self.made:016x}"
        self.made += 1
        settings = GroupSettings("HTTP", 80, "ip", "vpc-1")
        self._of(account)[arn] = ExistingGroup(arn, name, dict(tags or {}), settings)
        return arn

    def attach(self, arn: str, *load_balancers: str) -> None:
        for groups in self.accounts.values():
            if arn in groups:
                groups[arn] = replace(groups[arn], load_balancer_arns=load_balancers)

    @property
    def all(self) -> dict[str, ExistingGroup]:
        """By name."""
        return {group.name: group for groups in self.accounts.values() for group in groups.values()}

    # -- TargetGroups ------------------------------------------------------------------------------------------------

    async def groups(self, account: Account, named: Collection[str] = ()) -> Sequence[ExistingGroup]:
        self._called("groups", "")
        return [each for arn, each in self._of(account).items() if each.tags or arn in named]

    async def create(self, account: Account, name: str, settings: GroupSettings, tags: Mapping[str, str]) -> str:
        there = next((each for each in self._of(account).values() if each.name == name), None)
        taken = AlreadyExists(f"There is a target group {name} already", reason="NameTaken")

        def make() -> str:
            if there is not None and there.settings != settings:
                raise taken
            if there is not None:
                return there.arn
            arn = self.add(name, account=account)
            self._of(account)[arn] = ExistingGroup(arn, name, dict(tags), settings)
            return arn

        arn = self._write("create", name, make)
        if self._of(account)[arn].tags.get(OWNER) != tags.get(OWNER):
            raise taken
        return arn

    async def modify(self, account: Account, arn: str, health: HealthSettings) -> None:
        def modify() -> str:
            group = self._group(account, arn)
            names = [each.name for each in fields(HealthSettings) if getattr(health, each.name) is not None]
            changed = replace(group.settings.health, **{name: getattr(health, name) for name in names})
            self._of(account)[arn] = replace(group, settings=replace(group.settings, health=changed))
            return arn

        self._write("modify", arn, modify)

    async def set_attributes(self, account: Account, arn: str, attributes: Mapping[str, str]) -> None:
        def change() -> str:
            self._group(account, arn)
            self.attributes.setdefault(arn, {}).update(attributes)
            return arn

        self._write("set_attributes", arn, change)

    async def tag(self, account: Account, arn: str, tags: Mapping[str, str]) -> None:
        def change() -> str:
            group = self._group(account, arn)
            self._of(account)[arn] = replace(group, tags={**group.tags, **tags})
            return arn

        self._write("tag", arn, change)

    async def draining(self, account: Account, arn: str) -> int:
        self._called("draining", arn)
        self._group(account, arn)
        return self.drains[arn]

    async def delete(self, account: Account, arn: str) -> None:
        def delete() -> str:
            group = self._of(account).get(arn)
            if group is not None and group.load_balancer_arns:
                raise Refused("the target group is in use", reason="ResourceInUse")
            self._of(account).pop(arn, None)
            return arn

        self._write("delete", arn, delete)

    def _write(self, operation: str, name: str, change: Callable[[], str]) -> str:
        error = self.fault(operation, name)
        done = change() if error is None or self.applied_before_fault else ""
        self._called(operation, name)
        return done

    def _called(self, operation: str, name: str) -> None:
        self.calls[operation] += 1
        if (error := self.fault(operation, name)) is not None:
            raise error

    def _group(self, account: Account, arn: str) -> ExistingGroup:
        if arn not in self._of(account):
            raise NotFound(f"no such target group {arn}", reason="TargetGroupNotFound")
        return self._of(account)[arn]

    def _of(self, account: Account) -> dict[str, ExistingGroup]:
        return self.accounts.setdefault(account, {})
