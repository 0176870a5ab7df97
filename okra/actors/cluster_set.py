"""The actor of one ClusterSet: it keeps an ArgoCDCluster for each EKS cluster that its generators find.

Nothing is remembered but in the status: for how long each cluster has been missing while somebody watched. What is
removed is the ArgoCDCluster, as a whole; what becomes of its cluster secret its own `deletionPolicy` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from okra.actors.kinds import OKRA
from okra.actors.owned import Owned
from okra.actors.set_object import SetActor
from okra.api.cluster_set import MOST_CLUSTERS, ClusterSet, ClusterSetSpec, ClusterSetStatus
from okra.api.parse import parse
from okra.api.policies import DeletionPolicy
from okra.errors import AlreadyExists, Invalid
from okra.ports import Object
from okra.sets.census import problems
from okra.sets.children import body_of, child_of
from okra.sets.clusters import Decision, Member, decide
from okra.sets.removal import Entry, Phase
from okra.sets.report import summary
from okra.sets.status import cluster_set_status, missing_from


class ClusterSetActor(SetActor[ClusterSetStatus]):
    status_model = ClusterSetStatus

    async def look(self) -> float:
        if self.metadata.get("deletionTimestamp"):
            return self.wiring.defaults.discovery_interval
        spec = self._spec()
        sources, rules = self.sources(spec.generators), self.rules(spec.removal)
        fleets, seen = await self.fleets(sources)
        owned = Owned(self.wiring.store, self.parent, OKRA.cluster, self.must_be_open)
        objects = await owned.read()
        children = [child_of(each) for each in objects]
        known = missing_from(self.status)
        decision = decide(self.key[1], sources, fleets, children, known, seen, rules, most=MOST_CLUSTERS)
        await self._keep_policy({each.name for each in decision.members}, spec, owned, objects)
        entries = await self._do(decision, spec, owned)
        said = summary(entries, problems(fleets), rules, decision.beyond, MOST_CLUSTERS)
        now = self.wiring.clock.now()
        await self.write_status(cluster_set_status(entries, said, self.status, self.generation, now))
        return self.until_next

    def _spec(self) -> ClusterSetSpec:
        model, findings = parse(self.object)
        if not isinstance(model, ClusterSet):
            raise Invalid("; ".join(f"{each.path}: {each.message}" for each in findings[:3]))
        return model.spec

    async def _keep_policy(
        self, members: Collection[str], spec: ClusterSetSpec, owned: Owned, objects: Iterable[Object]
    ) -> None:
        """Also of those that aren't found, and before any of them goes: who sees that a listing is wrong asks for
        Retain."""
        wanted = str(spec.deletion_policy)
        for obj in objects:
            there = obj.get("spec")
            has = there.get("deletionPolicy") if isinstance(there, dict) else None
            if obj["metadata"]["name"] not in members and (has or str(DeletionPolicy.RETAIN)) != wanted:
                await owned.patch(obj["metadata"]["name"], {"spec": {"deletionPolicy": wanted}})

    async def _do(self, decision: Decision, spec: ClusterSetSpec, owned: Owned) -> Sequence[Entry]:
        """What came of it. The name of one may be another's: the others are made all the same."""
        entries = list(decision.entries)
        at = {each.name: index for index, each in enumerate(entries) if each.phase is not Phase.REFUSED}
        for member in decision.members:
            try:
                if await owned.keep(body_of(self.parent, spec, member)):
                    self.tell("ClusterFound", _made(member))
            except AlreadyExists as error:
                index = at[member.name]
                refused = replace(entries[index], phase=Phase.REFUSED, message=str(error), reason="NameTaken")
                entries[index] = refused
        for name in decision.remove:
            await owned.delete(name)
            self.removed(name)
            entry = entries[at[name]]
            self.tell("ClusterRemoved", f"Deleted the ArgoCDCluster {name}: {entry.arn} is not found any more.")
            entries[at[name]] = replace(entry, phase=Phase.REMOVING)
        return entries


def _made(member: Member) -> str:
    return f"Created the ArgoCDCluster {member.name} for {member.located.cluster.arn}."
