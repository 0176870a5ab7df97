"""The ValidatingAdmissionPolicies, and where in an object of each kind their rules look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from okra.api.crd_policy import Policy, place
from okra.api.crd_policy_applications import APPLICATIONS, LOCKSTEP, ROUTE_KEY, ROUTES, STRATEGIES
from okra.api.crd_policy_rules import (
    ANALYSES,
    CLUSTER_SELECTORS,
    CLUSTERS,
    PLAIN_LABEL,
    SELECTORS,
    SETS,
    TARGET_GROUP_SETS,
    TARGET_GROUPS,
)
from okra.api.crd_text import as_documents
from okra.api.kinds import KINDS, KindInfo
from okra.api.meta import HOTSWAP_GROUP, OKRA_GROUP

_GROUPS = (OKRA_GROUP, HOTSWAP_GROUP)
_APPLICATION = "'spec.applications[name=\"' + one.name + '\"]"
_CLUSTER = "'spec.clusters[name=\"' + one.name + '\"].eks'"


def _analyses_in(holder: str, path: str) -> str:
    """The analyses of a Cell's, an application's or an ALB's checks. `path` is CEL."""
    lists = []
    for name in ("prechecks", "checks", "postchecks"):
        found = place(f"{path} + '.{name}[name=\"' + each.name + '\"].analysis'", "each.analysis")
        lists.append(
            f"(has({holder}.{name}) ? {holder}.{name}.filter(each, has(each.analysis)).map(each, {found}) : [])"
        )
    return " + ".join(lists)


def _in_applications(condition: str, path: str, value: str) -> str:
    """A place in each application for which the condition holds."""
    found = place(f"{_APPLICATION}{path}'", value)
    return f"variables.applications.filter(one, {condition}).map(one, [{found}])"


def _field_of(variable: str, name: str) -> str:
    """A field of each place where it is given."""
    found = place(f"each.at + '.{name}'", f"each.is.{name}")
    return f"variables.{variable}.map(some, some.filter(each, has(each.is.{name})).map(each, {found}))"


def _only(path: str) -> str:
    """One place, which every object has."""
    return f"[[{place(repr(path), f'object.{path}')}]]"


def _if_given(path: str) -> str:
    """One place, if it is given."""
    return f"[has(object.{path}) ? [{place(repr(path), f'object.{path}')}] : []]"


_PLAIN_LABELS = (
    f"variables.clusterSelectors.map(some, some[0].is.filter(key, {PLAIN_LABEL}).map(key, "
    + place("some[0].at + '.' + key", "some[0].is[key]")
    + "))"
)


def _or(holder: str, name: str, otherwise: str) -> str:
    return f"(has({holder}) && has({holder}.{name}) ? {holder}.{name} : {otherwise})"


_EKS = (
    f"[dyn({_or('one.eks', 'clusterName', 'one.name')}), dyn({_or('one.eks', 'region', 'variables.region')}),"
    f" dyn({_or('one.eks', 'roleARN', 'variables.role')}.split(':').filter(part, part.matches('^[0-9]+$')))]"
)
"""What tells EKS clusters apart: of a role only its account."""
_BY_LABELS = "has(one.alb) && has(one.clusterSelector) && !has(one.clusterSelector.matchEKSTags)"
_ROUTES = "(type(one.alb) == list ? dyn(one.alb) : dyn([one.alb])).filter(route, type(route) == map)"
_ROUTE = place(f"{_APPLICATION}.alb'", "each")
_LABELS_THAT_DECIDE = "(has(one.clusterSelector.matchLabels) ? one.clusterSelector.matchLabels : one.clusterSelector)"

POLICIES: tuple[Policy, ...] = (
    Policy(
        name="okra-cells",
        groups=_GROUPS,
        resources=("cells", "systems"),
        variables={
            "applications": "has(object.spec.applications) ? dyn(object.spec.applications) : dyn([])",
            "clusters": "has(object.spec.clusters) ? dyn(object.spec.clusters) : dyn([])",
            "clusterSelectors": _in_applications("has(one.clusterSelector)", ".clusterSelector", "one.clusterSelector"),
            "plainLabels": _PLAIN_LABELS,
            "sets": _in_applications("has(one.argocd)", ".argocd.applicationSet", "one.argocd.applicationSet"),
            "described": f"[variables.applications.map(one, {place(_APPLICATION + repr('')[0], 'one')})]",
            "routes": f"variables.applications.filter(one, has(one.alb)).map(one, {_ROUTES}.map(each, {_ROUTE}))",
            "routeKeys": f"variables.routes.map(some, some.map(each, {ROUTE_KEY}).join(' ')).join(' ').split(' ')",
            "lockstep": "[has(object.spec.lockstep)"
            " ? variables.applications.filter(one, one.name in object.spec.lockstep)"
            f".map(one, {place(repr('spec.lockstep'), 'one')}) : []]",
            "strategies": _field_of("routes", "updateStrategy"),
            "targetGroups": _field_of("routes", "forwardConfig.targetGroup"),
            "fixedTargetGroups": _in_applications(
                f"{_BY_LABELS} && {_ROUTES}.exists(route, has(route.forwardConfig.targetGroup.arn))",
                ".alb.forwardConfig.targetGroup.arn",
                _LABELS_THAT_DECIDE,
            ),
            "routed": _in_applications(_BY_LABELS, ".clusterSelector", _LABELS_THAT_DECIDE),
            "published": _in_applications("has(one.argocd)", ".argocd.clusterSecret", "one.argocd"),
            "region": _or("object.spec.aws", "region", "''"),
            "role": _or("object.spec.aws", "roleARN", "''"),
            "eks": f"[variables.clusters.map(one, {place(_CLUSTER, _EKS)})]",
            "selectors": f"{_field_of('sets', 'selector')} + {_field_of('targetGroups', 'targetgroupBindingSelector')}",
            "analyses": f"[{_analyses_in('object.spec', repr('spec'))}]"
            f" + variables.applications.map(one, {_analyses_in('one', _APPLICATION + repr('')[0])})",
        },
        rules=(
            *(*CLUSTERS, *CLUSTER_SELECTORS, *SETS, *APPLICATIONS, *ROUTES, *STRATEGIES, *LOCKSTEP),
            *(*TARGET_GROUPS, *SELECTORS, *ANALYSES),
        ),
    ),
    Policy(
        name="okra-checks",
        groups=_GROUPS,
        resources=("checks",),
        variables={"analyses": _if_given("spec.analysis")},
        rules=ANALYSES,
    ),
    Policy(
        name="okra-albs",
        groups=(OKRA_GROUP,),
        resources=("albs",),
        variables={"analyses": f"[{_analyses_in('object.spec', repr('spec'))}]"},
        rules=ANALYSES,
    ),
    Policy(
        name="okra-argocdapplicationdeployments",
        groups=_GROUPS,
        resources=("argocdapplicationdeployments",),
        variables={"sets": _only("spec.applicationSet"), "selectors": _field_of("sets", "selector")},
        rules=(*SETS, *SELECTORS),
    ),
    Policy(
        name="okra-targetgroupsets",
        groups=(OKRA_GROUP,),
        resources=("targetgroupsets",),
        variables={"specs": _only("spec"), "selectors": _field_of("specs", "targetgroupBindingSelector")},
        rules=(*TARGET_GROUP_SETS, *SELECTORS),
    ),
)


def policies(kinds: Iterable[KindInfo] = KINDS) -> list[dict[str, Any]]:
    """The policies that judge objects of these kinds, each followed by its binding."""
    wanted = {info.plural for info in kinds}
    return [manifest for each in POLICIES if wanted & set(each.resources) for manifest in each.manifests()]


def policy_files() -> Mapping[str, str]:
    """File name → YAML text of a policy and its binding. The same at every call."""
    return {f"{each.name}.yaml": as_documents(each.manifests()) for each in POLICIES}
