"""What joins the applications of a complex Cell with its clusters, and with each other."""

from __future__ import annotations

from collections.abc import Iterator

from okra.api.aws import AWSAccount, account_of_role
from okra.api.base import Loc, Violation
from okra.api.complex import Application, ArgoCD, ArgoCDStrategyType, Cluster
from okra.api.ingress import FORWARD_ACTION_GROUPS


def application_rules(
    aws: AWSAccount, clusters: tuple[Cluster, ...], applications: tuple[Application, ...]
) -> Iterator[Violation]:
    """`aws` is the whole Cell's. Places are relative to its spec."""
    yield from _unique("clusters", [cluster.name for cluster in clusters])
    yield from _unique("applications", [application.name for application in applications])
    yield from _eks_rules(aws, clusters)
    for index, application in enumerate(applications):
        yield from _cluster_rules(("applications", index), application, clusters)
    yield from _route_rules(applications)
    yield from _publishing_rules(applications)


def _unique(field: str, names: list[str]) -> Iterator[Violation]:
    for index, name in enumerate(names):
        first = names.index(name)
        if first != index:
            yield Violation((field, index, "name"), f"{name} is the name of {field}[{first}] too: names are unique")


def _eks_rules(aws: AWSAccount, clusters: tuple[Cluster, ...]) -> Iterator[Violation]:
    known: dict[tuple[str, str | None, str], int] = {}
    for index, each in enumerate(clusters):
        name, account = each.eks.cluster_name or each.name, account_of_role(each.eks.role_arn or aws.role_arn or "")
        first = known.setdefault((name, each.eks.region or aws.region, account), index)
        if first != index and each.name != clusters[first].name:
            said = f"{name} is the EKS cluster of clusters[{first}] too: remove one, or name another in eks.clusterName"
            yield Violation(("clusters", index, "eks"), said)


def _cluster_rules(at: Loc, application: Application, clusters: tuple[Cluster, ...]) -> Iterator[Violation]:
    if application.cluster_selector is None and len(clusters) > 1:
        yield Violation((*at, "clusterSelector"), f"is required: there are {len(clusters)} clusters to choose from")
    if application.alb is None:
        return
    selected = _surely_selected(application, clusters)
    if selected > 1 and application.alb.forward_config.target_group.arn is not None:
        yield Violation(
            (*at, "alb", "forwardConfig", "targetGroup", "arn"),
            "doesn't work when clusterSelector matches two or more clusters: use arnFromLabel or"
            " targetgroupBindingSelector",
        )
    if selected >= FORWARD_ACTION_GROUPS:
        yield Violation(
            (*at, "clusterSelector"),
            f"matches {selected} clusters, and beside alb at most {FORWARD_ACTION_GROUPS - 1}: a forward action holds"
            f" {FORWARD_ACTION_GROUPS} target groups, and one place is needed to replace them",
        )


def _surely_selected(application: Application, clusters: tuple[Cluster, ...]) -> int:
    """How many clusters the selector matches by their labels alone; tags in AWS may add more."""
    selector = application.cluster_selector.labels if application.cluster_selector else None
    return sum(selector.matches(cluster.labels) for cluster in clusters) if selector else 0


def _route_rules(applications: tuple[Application, ...]) -> Iterator[Violation]:
    routes: dict[tuple[object, ...], int] = {}
    for index, application in enumerate(applications):
        if application.alb is not None:
            key = application.alb.listener_arn, application.alb.forward_config.priority
            first = routes.setdefault(key, index)
            if first != index:
                said = f"is the route of applications[{first}] too: give each its own priority"
                yield Violation(("applications", index, "alb"), said)


def _publishing_rules(applications: tuple[Application, ...]) -> Iterator[Violation]:
    """By the same labels each is deployed where the other is published; when one of them leaves, both stay. That is
    meant only where one ApplicationSet, by its name, deploys both, which may run on the old clusters and the new: what
    selectors find is another's at any time."""
    deployed = {index: each.argocd for index, each in enumerate(applications) if each.argocd is not None}
    for index, argocd in deployed.items():
        first = next((other for other, its in deployed.items() if other < index and _mixed(argocd, its)), None)
        if first is not None:
            said = f"is that of applications[{first}] too, and each would be deployed to the clusters of both"
            yield Violation(("applications", index, "argocd", "clusterSecret"), f"{said}: give each its own labels")


def _mixed(argocd: ArgoCD, other: ArgoCD) -> bool:
    if argocd.cluster_secret != other.cluster_secret:
        return False
    one, deletes = argocd.application_set.name, ArgoCDStrategyType.DELETE_BEFORE_CREATE
    same = one is not None and one == other.application_set.name
    return not same or deletes in (argocd.update_strategy.type, other.update_strategy.type)
