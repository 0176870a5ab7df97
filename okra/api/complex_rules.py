"""What joins the applications of a complex Cell with its clusters, and with each other."""

from __future__ import annotations

from collections.abc import Iterator

from okra.api.aws import AWSAccount, account_of_role
from okra.api.base import Loc, Violation
from okra.api.complex import MOST_ROUTES, Application, ArgoCD, ArgoCDStrategyType, Cluster
from okra.api.findings import path_of, printable, remedy_for
from okra.api.ingress import FORWARD_ACTION_GROUPS
from okra.api.strategy import Canary, differences


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
    selected = _surely_selected(application, clusters)
    for loc, alb in application.routes:
        if selected > 1 and alb.forward_config.target_group.arn is not None:
            yield Violation(
                (*at, *loc, "forwardConfig", "targetGroup", "arn"),
                "doesn't work when clusterSelector matches two or more clusters: use arnFromLabel or"
                " targetgroupBindingSelector",
            )
    if application.routes and selected >= FORWARD_ACTION_GROUPS:
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
    routes: dict[tuple[object, ...], Loc] = {}
    for index, application in enumerate(applications):
        for loc, alb in application.routes:
            here: Loc = ("applications", index, *loc)
            first = routes.setdefault((alb.listener_arn, alb.forward_config.priority), here)
            if first != here:
                of = path_of(first if first[1] == index else first[:2])
                yield Violation(here, f"is the route of {of} too: give each its own priority")


def lockstep_rules(names: tuple[str, ...], applications: tuple[Application, ...]) -> Iterator[Violation]:
    """One Cell moves the traffic of all of them: by one strategy, with the checks of all."""
    known = {each.name: each for each in applications}
    together: list[Application] = []
    for index, name in enumerate(names):
        at: Loc = ("lockstep", index)
        if name not in known:
            yield Violation(at, f"no application has the name {printable(name)}; {remedy_for(name, known)}")
        elif name in names[:index]:
            yield Violation(at, f"{name} is named twice: remove one")
        elif not known[name].routes:
            yield Violation(at, f"{name} has no alb: it has no traffic that would step with the others'")
        else:
            yield from (Violation(at, said) for said in _not_together(known[name], together))
            together.append(known[name])
    count = sum(len(each.routes) for each in together)
    if count > MOST_ROUTES:
        yield Violation(("lockstep",), f"joins {count} routes, and one Cell moves at most {MOST_ROUTES}")


def _not_together(application: Application, others: list[Application]) -> Iterator[str]:
    mine, names = _strategy(application), {each.name for each in (*application.checks, *application.postchecks)}
    for other in others:
        its = _strategy(other)
        if mine and its and (differ := differences(mine, its)):
            said = f"has another {' and '.join(differ)} in alb.updateStrategy than {other.name}"
            yield f"{application.name} {said}: they step together, give them one"
        if shared := sorted(names.intersection(each.name for each in (*other.checks, *other.postchecks))):
            said = f"{application.name} and {other.name} have a check of one name ({', '.join(shared)})"
            yield f"{said}: they are asked for together, give each its own"


def _strategy(application: Application) -> Canary | None:
    return next((each.update_strategy for _, each in application.routes if each.update_strategy), None)


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
