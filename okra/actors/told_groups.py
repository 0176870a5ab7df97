"""How a target group's ARN comes to ApplicationSets: by an annotation of the cluster's ArgoCDClusters, which these copy
to their cluster secrets.

It stays on the object, so nobody has to be asked for it again; and it is no part of a spec that somebody else keeps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from okra.actors.kinds import OKRA, resource
from okra.actors.messages import Objects
from okra.actors.runtime.errors import AskFailed
from okra.argocd.names import TARGET_GROUP_OF
from okra.errors import NotFound
from okra.ports import Object
from okra.sets.removal import Entry, Phase

if TYPE_CHECKING:
    from okra.actors.target_group_set import TargetGroupSetActor

Gone = Callable[[str], Awaitable[bool]]
"""Is the target group of this ARN known not to exist any more?"""
ANSWER = 2.0
"""Seconds that the directory has to name its objects."""
_THERE = (Phase.PRESENT, Phase.REFUSED)


async def tell_clusters(actor: TargetGroupSetActor, entries: Mapping[str, Entry], gone: Gone) -> None:
    """Annotate the ArgoCDClusters beside the set. They keep what they have until its target group is known to be gone:
    a cluster that isn't found, or whose generator was taken out, may still have all of the traffic."""
    key = f"{TARGET_GROUP_OF}{actor.key[1]}"
    wanted = {arn: entry.name for arn, entry in entries.items() if entry.name and entry.phase in _THERE}
    namespace = actor.key[0]
    for obj in await _argocd_clusters(actor):
        metadata, arn = obj["metadata"], (obj.get("status") or {}).get("arn") or ""
        if metadata["namespace"] != namespace or metadata.get("deletionTimestamp"):
            continue
        there = (metadata.get("annotations") or {}).get(key)
        stale = arn and arn not in entries and there and await gone(there)
        if stale or (arn in wanted and there != wanted[arn]):
            actor.must_be_open(f"name the target group to the ArgoCDCluster {metadata['name']}")
            patch = {"metadata": {"annotations": {key: wanted.get(arn)}}}
            try:
                await actor.wiring.store.patch(OKRA.cluster, namespace, metadata["name"], patch)
            except NotFound:
                continue


async def _argocd_clusters(actor: TargetGroupSetActor) -> list[Object]:
    """As their directory has them: to list them for each set would cost more with each set."""
    directory = actor.wiring.refs.get(resource(OKRA.cluster))
    if directory is not None:
        try:
            known: tuple[Object, ...] = await directory.ask(Objects(), timeout=ANSWER)
            return list(known)
        except AskFailed:
            pass
    return (await actor.wiring.store.list(OKRA.cluster, actor.key[0])).items
