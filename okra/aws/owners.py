"""The owner tag of routes: who may write them, across Cells and installations (DESIGN §5.9)."""

from __future__ import annotations

from okra.aws.batches import Batches, ByArn
from okra.aws.calls import Calls
from okra.aws.iam import OWNER_TAG
from okra.aws.operations import ADD_TAGS, DESCRIBE_TAGS, REMOVE_TAGS
from okra.errors import OkraError
from okra.ports import Account

_BATCH = 20
"""DescribeTags takes no more ARNs."""


class Owners:
    """Reads the tag in batches of whoever asks at the same time; writes it for one route at a time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._tags = Batches[Account, str, str](ByArn(_BATCH, self._describe).read)

    async def owner(self, account: Account, arn: str) -> str:
        """The owner in force, or `""`."""
        found = (await self._tags.get(account, [arn]))[arn]
        if isinstance(found, OkraError):
            raise found
        return found

    async def claim(self, account: Account, arn: str, owner: str) -> str:
        """Tag the route unless it has an owner; who owns it as read afterwards.

        Two that claim at the same moment both write, and both read the later one: AWS has no condition on tags.
        """
        present = await self.owner(account, arn)
        if present:
            return present
        await self._calls.call(
            account, ADD_TAGS, target=arn, ResourceArns=[arn], Tags=[{"Key": OWNER_TAG, "Value": owner}]
        )
        return await self.owner(account, arn)

    async def release(self, account: Account, arn: str, owner: str) -> None:
        """Remove the tag if it is `owner`'s."""
        if await self.owner(account, arn) == owner:
            await self._calls.call(account, REMOVE_TAGS, target=arn, ResourceArns=[arn], TagKeys=[OWNER_TAG])

    async def close(self) -> None:
        await self._tags.close()

    async def _describe(self, account: Account, arns: list[str]) -> dict[str, str]:
        target = arns[0] if len(arns) == 1 else ""
        answer = await self._calls.call(account, DESCRIBE_TAGS, target=target, ResourceArns=arns)
        return {
            description["ResourceArn"]: next(
                (tag.get("Value", "") for tag in description.get("Tags", []) if tag["Key"] == OWNER_TAG), ""
            )
            for description in answer.items("TagDescriptions")
        }
