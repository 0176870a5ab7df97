"""The Check objects that a Cell makes for its checks: their names, and whose they are (DESIGN §4).

A name is the seeds', `{cell}-{check}` or `{cell}-{check}-{cluster}`. Where somebody else has it already, and the Cell
has another name to begin with (`{cell}-{application}`, as several applications may have a check of one name), it is
that; else it is refused, not shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from okra.actors.wiring import Wiring
from okra.analysis.naming import ANNOTATION, CheckObject
from okra.api.checks import CellCheck
from okra.api.defaults import Defaults
from okra.errors import AlreadyExists, NotFound, Unavailable
from okra.ports import Account, Kind, Object

CELL_LABEL = "okra.mumoshu.github.io/cell"
CHECK_LABEL = "okra.mumoshu.github.io/check"
PATIENCE = 10.0

Made = tuple[str, Object | None, CheckObject | None]
"""A Check that is to be asked: its name, itself, and how it was made (None: by somebody else)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose Checks they are."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    """By which this Okra finds its objects. No others: they may mean something to whoever set them (Argo CD deletes
    what has its labels and isn't its own)."""
    prefixes: Sequence[str]
    """What the names begin with: the first that nobody else has."""

    def owns(self, obj: Object) -> bool:
        return any(owner.get("uid") == self.uid for owner in obj["metadata"].get("ownerReferences", ()))

    def body(self, kind: Kind, made: CheckObject) -> Object:
        owner = {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}
        return {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "namespace": self.namespace,
                "name": made.name,
                "labels": {**self.labels, CELL_LABEL: self.name, CHECK_LABEL: made.check},
                "annotations": {ANNOTATION: made.hash} if made.hash else {},
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": made.spec,
        }


class CheckObjects:
    def __init__(
        self, wiring: Wiring, kind: Kind, holder: Callable[[], Holder], guard: Callable[[], None] = lambda: None
    ) -> None:
        """`guard` is asked right before each write, and raises if this process may not."""
        self._wiring, self._kind, self._holder, self._guard = wiring, kind, holder, guard
        self._applied: dict[str, str] = {}
        """Check object → the check it is for, as this process has seen it applied."""

    async def apply(self, check: CellCheck, make: Callable[[str], Sequence[CheckObject]]) -> list[Made]:
        """The Checks of one check, there before they are asked. `make`: as they are with a prefix of their names."""
        try:
            async with asyncio.timeout(PATIENCE):
                if check.from_ is not None:
                    return [(name := check.from_.check_name, await self.named(name), None)]
                made = await self._free(make)
                fresh = not {each.name for each in made} <= self._applied.keys()
                objects: list[Made] = [(each.name, await self._apply(each), each) for each in made]
                if fresh:
                    await self._prune(check.name, {each.name for each in made})
                return objects
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error

    async def named(self, name: str) -> Object:
        """A Check that somebody else applied. NotFound: it isn't there, or not among those that this Okra runs."""
        namespace, selector = self._holder().namespace, self._wiring.selector
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._wiring.store.get(self._kind, namespace, name)
        except TimeoutError as error:
            raise Unavailable("The store doesn't answer.") from error
        except NotFound:
            said = f"There is no Check {name} in namespace {namespace}, which from.checkName names: apply one."
            raise NotFound(said, reason="CheckNotFound") from None
        if not selector.matches(found["metadata"].get("labels") or {}):
            said = f"The Check {name} lacks the labels of --selector {selector}, by which this Okra finds its Checks."
            raise NotFound(said, reason="CheckNotFound")
        return found

    async def _free(self, make: Callable[[str], Sequence[CheckObject]]) -> Sequence[CheckObject]:
        """With the first prefix with which all names are free, or ours already."""
        taken = ""
        for prefix in self._holder().prefixes:
            made = make(prefix)
            refused = [each.name for each in made if await self._is_taken(each)]
            if not refused:
                return made
            taken = taken or refused[0]
        said = f"The Check {taken} exists and isn't this Cell's. Rename the check, or use it with from.checkName."
        raise AlreadyExists(said)

    async def _is_taken(self, made: CheckObject) -> bool:
        """By another owner. AlreadyExists: by another check of the same."""
        if self._applied.get(made.name) == made.check:
            return False
        try:
            found = await self._wiring.store.get(self._kind, self._holder().namespace, made.name)
        except NotFound:
            return False
        if not self._holder().owns(found):
            return True
        other = (found["metadata"].get("labels") or {}).get(CHECK_LABEL, made.check)
        if other != made.check:
            raise AlreadyExists(f"The checks {other} and {made.check} would share the Check {made.name}: rename one.")
        return False

    async def _apply(self, made: CheckObject) -> Object:
        self._guard()
        applied = await self._wiring.store.apply(self._kind, self._holder().body(self._kind, made))
        self._applied[made.name] = made.check
        return applied

    async def _prune(self, check: str, current: set[str]) -> None:
        """Delete this check's objects for clusters that the Cell has no more."""
        store, holder = self._wiring.store, self._holder()
        listing = await store.list(self._kind, holder.namespace, f"{CELL_LABEL}={holder.name},{CHECK_LABEL}={check}")
        for obj in listing.items:
            metadata = obj["metadata"]
            if not holder.owns(obj) or metadata["name"] in current:
                continue
            self._guard()
            self._applied.pop(metadata["name"], None)
            try:
                await store.delete(self._kind, holder.namespace, metadata["name"], uid=metadata["uid"])
            except NotFound:
                continue


def as_asked(check: CellCheck, defaults: Defaults, account: Account) -> dict[str, Any]:
    """The check as JSON, with the controller's provider, and the Cell's AWS account for CloudWatch, where it doesn't
    say."""
    asked = {**as_json(check), "name": check.name}
    if check.analysis is None:
        return asked
    default = defaults.check_provider
    provider = dict(asked["analysis"].get("provider") or (as_json(default) if default else {}))
    if "cloudWatch" in provider:
        own = ({"region": account.region} if account.region else {}) | (
            {"roleARN": account.role_arn} if account.role_arn else {}
        )
        provider["cloudWatch"] = {**own, **provider["cloudWatch"]}
    return {**asked, "analysis": {**asked["analysis"], "provider": provider}}


def as_json(model: BaseModel) -> dict[str, Any]:
    """As a person would write it: without what is left to defaults."""
    return model.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
