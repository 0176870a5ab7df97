"""What the actors of ClusterSets and TargetGroupSets share: the clusters of their generators, and for how long they
have been watched.

All sets look at the same moments, so that one listing of an account answers them all: what they cost at rest doesn't
grow with their number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic

from okra.actors.argocd import ArgoCD
from okra.actors.argocd_object import SOON, LookingActor, Message, S
from okra.actors.discovery import problem_of
from okra.actors.messages import Wake
from okra.actors.wiring import Wiring
from okra.api.cluster_set import Generator
from okra.api.removal import Removal
from okra.applications.children import Parent
from okra.errors import OkraError
from okra.ports import Account, Kind, Object
from okra.ports_clusters import FoundCluster
from okra.rollout.observation import Problem
from okra.sets.census import Fleets, Source, watched
from okra.sets.children import source_of
from okra.sets.removal import Rules

LEAST_BETWEEN = 1.0
"""Seconds between two looks at least, however many of its children change."""


class SetActor(LookingActor[S], Generic[S]):
    def __init__(self, wiring: Wiring, argocd: ArgoCD, kind: Kind, obj: Object) -> None:
        super().__init__(wiring, argocd, kind, obj)
        self._listed_at: dict[Account, float] = {}
        """When each account was listed to the end in the last look, monotonic seconds. A look that doesn't end counts
        for nothing."""
        self._looked = -LEAST_BETWEEN
        self._removed: tuple[float, frozenset[str]] = (0.0, frozenset())
        """What was removed in an interval between the moments at which all sets look; which interval."""

    async def receive(self, message: Message) -> None:
        since = self.wiring.clock.monotonic() - self._looked
        if isinstance(message, Wake) and since < LEAST_BETWEEN:
            self.timers.after("look", max(SOON, LEAST_BETWEEN - since), Wake())
            return
        await super().receive(message)

    async def _turn(self) -> None:
        self._looked = self.wiring.clock.monotonic()
        await super()._turn()

    @property
    def parent(self) -> Parent:
        """Of what this set makes in the store. It carries the labels by which this Okra finds its objects."""
        labels = self.metadata.get("labels") or {}
        keys = {each.key for each in self.wiring.selector.requirements}
        shared = {key: labels[key] for key in keys & labels.keys()}
        return Parent(self.kind.group, self.kind.kind, *self.key, self.metadata["uid"], shared, frozenset(keys))

    def sources(self, generators: Iterable[Generator]) -> list[Source]:
        return [source_of(each.awseks) for each in generators]

    async def fleets(self, sources: Sequence[Source]) -> tuple[Fleets, Mapping[Account, float]]:
        """All clusters of each account, or why not; and for how long each has been watched since the look before."""
        accounts = list(dict.fromkeys(each.account for each in sources))
        found = await asyncio.gather(*map(self._fleet, accounts))
        fleets: Fleets = dict(zip(accounts, found, strict=True))
        before, now = self._listed_at, self.wiring.clock.monotonic()
        self._listed_at = {account: now for account, each in fleets.items() if not isinstance(each, Problem)}
        return fleets, watched(before, fleets, now)

    async def _fleet(self, account: Account) -> Sequence[FoundCluster] | Problem:
        try:
            return await self.argocd.clusters.fleet(account)
        except OkraError as error:
            return problem_of(error)

    def rules(self, removal: Removal) -> Rules:
        return Rules(removal.grace_period.seconds, removal.max_removals, self.wiring.held(), self._removed_lately)

    def removed(self, name: str) -> None:
        """It takes its place until all sets have looked again: what goes at once would else make room for the next one
        at once, and nobody had the time to say stop."""
        self._removed = self._interval, self._removed_lately | {name}

    @property
    def _removed_lately(self) -> frozenset[str]:
        return self._removed[1] if self._removed[0] == self._interval else frozenset()

    @property
    def _interval(self) -> float:
        return self.wiring.clock.monotonic() // self.wiring.defaults.discovery_interval

    @property
    def until_next(self) -> float:
        """Seconds until the moment at which all sets look."""
        interval = self.wiring.defaults.discovery_interval
        return interval - self.wiring.clock.monotonic() % interval

    def tell(self, reason: str, message: str) -> None:
        self.wiring.journal.record(self.kind, self.object, reason, message)

    async def _failed(self, error: OkraError) -> None:
        self._listed_at = {}
        await super()._failed(error)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "watching": len(self._listed_at)}
