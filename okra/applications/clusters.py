"""Nothing begins before all of the Cell's clusters are ready: then the whole story is simple, and no traffic flaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from okra.applications.policy import Application, Cluster
from okra.applications.state import Phase
from okra.applications.turn import Turn


def clusters_ready(turn: Turn, app: Application) -> bool:
    """May the application begin? What moves already, or rests, isn't held up by a cluster that is ready no more; nor is
    what goes back to clusters where it is published all the while."""
    deployment = turn.obs.deployments.get(app.name)
    on = {*turn.app(app).former}.intersection(deployment.clusters if deployment is not None else ())
    if app.clusters and {*app.clusters} <= on:
        return True
    missing = []
    for cluster in turn.policy.clusters:
        seen = turn.obs.clusters.get(cluster.name)
        if cluster.require_ready and (seen is None or not seen.ready):
            missing.append((cluster, seen.message if seen else "not looked at yet"))
    waited = turn.state.waited + turn.watched if missing else 0.0
    turn.state, turn.before = replace(turn.state, waited=waited), replace(turn.before, waited=waited)
    if not missing:
        return True
    turn.wake_in(turn.policy.poll_interval)
    said = _said(missing)
    late = [each.name for each, _ in missing if each.ready_timeout is not None and waited > each.ready_timeout]
    if late:
        turn.reason, said = "ClusterNotReady", f"Not ready in time: {', '.join(late)}. Nothing has moved. {said}"
        turn.set(app, phase=Phase.FAILED, stage=None, message=said)
    else:
        ready = f"{len(turn.policy.clusters) - len(missing)} of {len(turn.policy.clusters)} clusters are ready"
        turn.reason = "WaitingForClusters"
        turn.set(app, phase=Phase.PENDING, stage=None, message=f"{ready}; waiting for {said}")
    return False


def _said(missing: Iterable[tuple[Cluster, str]]) -> str:
    """Why they aren't ready; where that differs in nothing but the cluster's name, once for all of these."""
    found: dict[str, tuple[list[str], str]] = {}
    for cluster, why in missing:
        names, _ = found.setdefault(why.replace(cluster.eks or cluster.name, "{}"), ([], why))
        names.append(cluster.name)
    return "; ".join(f"{', '.join(names)}: {why}" for names, why in found.values())
