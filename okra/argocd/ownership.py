"""Whose a server's secret is: the first ArgoCDCluster of a server writes its secret, others use it as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from okra.argocd.preflight import Problem
from okra.argocd.secrets import ClusterSecret, Owner


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody knows this server: create its secret."""


@dataclass(frozen=True, slots=True)
class Mine:
    """Keep it as it should be."""

    secret: ClusterSecret
    in_use: Problem | None = None
    """Why its labels can't be as they should be for now."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Another ArgoCDCluster writes it, or did: whoever finds that one gone goes on in its place."""

    secret: ClusterSecret
    owner: Owner


@dataclass(frozen=True, slots=True)
class Taken:
    """A person must decide: what is there isn't Okra's to touch."""

    reason: str
    message: str


Ownership = Free | Mine | Shared | Taken


def ownership(owner: Owner, server: str, secrets: Iterable[ClusterSecret], named: ClusterSecret | None) -> Ownership:
    """Of `server`'s secret, as `owner` finds it. `secrets`: all that Argo CD takes for cluster secrets; `named`: the
    Secret of the owner's name, whatever it is."""
    known = {secret.name: secret for secret in secrets}
    if named is not None:
        known[named.name] = named
    mine = next((each for each in known.values() if each.owner is not None and each.owner.same_object(owner)), None)
    there = [each for each in known.values() if each.server == server and each is not mine]
    if mine is not None and there:
        others = ", ".join(sorted(each.name for each in there))
        said = f"{others} and {mine.name} are secrets of one server, {server}: Argo CD may use either. Delete one."
        return Taken("DuplicateServer", said)
    if mine is not None:
        return Mine(mine)
    if foreign := [each for each in there if each.owner is None]:
        said = f"The cluster secret {foreign[0].name} is of the same server, {server}, and isn't Okra's. "
        return Taken("ServerTaken", said + "Delete it, and Okra writes one; or don't manage this cluster with Okra.")
    if there and (other := there[0].owner) is not None:
        return Shared(there[0], other)
    if named is not None:
        whose = f"the ArgoCDCluster {named.owner}'s" if named.owner is not None else "not Okra's"
        return Taken("NameTaken", f"There is a Secret {named.name} already, and it is {whose}. Delete or rename one.")
    return Free()
