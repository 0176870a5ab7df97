"""The owner tag of routes: who may write them, across Cells and installations (DESIGN §5.9).

AWS has no condition on tags, so a claim here isn't exclusive by itself: of two at the same moment the later one wins,
and the earlier one may read its own in between. What makes it so is that it lands, if it does, within a known time
after the route was read as nobody's (`CLAIM_WITHIN` and a write's total timeout); whoever waits for longer than that
after its own tag, and reads it again, can't be overtaken any more (`okra.actors.claims` has the proof).
"""

from __future__ import annotations

from okra.aws.batches import Batches, ByArn
from okra.aws.calls import Calls
from okra.aws.iam import OWNER_TAG
from okra.aws.operations import ADD_TAGS, DESCRIBE_TAGS, REMOVE_TAGS
from okra.errors import OkraError, Unavailable
from okra.ports import Account, OwnerReading

CLAIM_WITHIN = 2.0
"""Seconds after a read that showed no owner in which the tag is sent, or not at all: `claim_settle` counts on it."""
_BATCH = 20
"""DescribeTags takes no more ARNs."""


class Owners:
    """Reads the tag in batches of whoever asks at the same time; writes it for one route at a time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._tags = Batches[Account, str, OwnerReading](ByArn(_BATCH, self._describe).read)

    async def owner(self, account: Account, arn: str) -> OwnerReading:
        """The owner in force."""
        found = (await self._tags.get(account, [arn]))[arn]
        if isinstance(found, OkraError):
            raise found
        return found

    async def claim(self, account: Account, arn: str, owner: str) -> str:
        """Tag the route unless it has an owner; who owns it as read afterwards.

        Unavailable where too much time passed between the read and the write: another may have claimed it since.
        """
        present = await self.owner(account, arn)
        if present.owner:
            return present.owner
        if self._calls.age(present.sent_at) > CLAIM_WITHIN:
            raise Unavailable(f"The owner tag of {arn} was answered too late to claim it; it is read again")
        await self._calls.call(
            account, ADD_TAGS, target=arn, ResourceArns=[arn], Tags=[{"Key": OWNER_TAG, "Value": owner}]
        )
        return (await self.owner(account, arn)).owner

    async def release(self, account: Account, arn: str, owner: str) -> None:
        """Remove the tag if it is `owner`'s."""
        if (await self.owner(account, arn)).owner == owner:
            await self._calls.call(account, REMOVE_TAGS, target=arn, ResourceArns=[arn], TagKeys=[OWNER_TAG])

    async def close(self) -> None:
        await self._tags.close()

    async def _describe(self, account: Account, arns: list[str]) -> dict[str, OwnerReading]:
        target = arns[0] if len(arns) == 1 else ""
        answer = await self._calls.call(account, DESCRIBE_TAGS, target=target, ResourceArns=arns)
        return {
            description["ResourceArn"]: OwnerReading(
                next((tag.get("Value", "") for tag in description.get("Tags", []) if tag["Key"] == OWNER_TAG), ""),
                answer.sent_at,
            )
            for description in answer.items("TagDescriptions")
        }
