"""The rules of a Cell as a whole and of its applications, as CEL. Each says what `rules()` of the same model says.

Rules on `alb`, one route or a list of some, are the policy's (`crd_policy_applications`): CEL doesn't see it here.

Where a rule finds fault with one entry of a list, the path that the API server shows ends at the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from okra.api.argocd import ArgoCDClusterSpec
from okra.api.cell import CellSpec
from okra.api.complex import Application, Cluster, ClusterSecret
from okra.api.crd_rule import Rule, all_differ, forbidden, given, only_one, required, unless
from okra.api.secret_labels import FIXED, OWN, READ

_ONLY_SIMPLE = ("replicas", "versionedBy", "version", "updateStrategy", "prechecks", "checks", "postchecks")
_CHECK_LISTS = ("prechecks", "checks", "postchecks")

_LISTENER = (
    "(has(self.ingress) && self.ingress.type != 'Route53')"
    " || (has(self.ingresses) && self.ingresses.exists(each, each.type != 'Route53'))"
)


def _check_names() -> Iterator[Rule]:
    """Within a list the list's type says it; across lists these do."""
    for index, later in enumerate(_CHECK_LISTS):
        for earlier in _CHECK_LISTS[:index]:
            names = f"[self.{earlier}.map(each, each.name)]"
            yield Rule(
                unless(
                    f"has(self.{earlier}) && has(self.{later})",
                    f"{names}.all(names, !self.{later}.exists(each, each.name in names))",
                ),
                f"holds a check with the name of one in {earlier}: give each check its own",
                f".{later}",
            )


def _shape() -> Iterator[Rule]:
    shapes = ("ingress", "ingresses", "applications")
    any_given = " || ".join(f"has(self.{name})" for name in shapes)
    yield Rule(any_given, "needs one of ingress, ingresses (simple) and applications (complex)")
    yield Rule(
        unless(any_given, only_one(*shapes)),
        "has more than one of ingress, ingresses and applications: a Cell has exactly one of them, keep one",
    )
    for name in ("clusters", "lockstep"):
        yield forbidden(
            unless(f"has(self.{name})", f"has(self.applications) || !({any_given})"),
            f".{name}",
            "needs applications: remove it",
        )
    # Beside applications and a route nobody knows which shape is meant: the rule above has said so.
    alone = "has(self.applications) && !has(self.ingress) && !has(self.ingresses)"
    for name in _ONLY_SIMPLE:
        remedy = "give it to each application" if name in _CHECK_LISTS else "remove it"
        yield forbidden(unless(alone, f"!has(self.{name})"), f".{name}", f"has no use beside applications: {remedy}")
    yield required(
        unless(alone, "has(self.clusters)"),
        ".clusters",
        "is required beside applications: the clusters that they run on",
    )


def _optional(path: str) -> str:
    """A field, or null where it is absent."""
    return f"(has({path}) ? dyn({path}) : dyn(null))"


_ALB, _NLB, _DNS = "awsApplicationLoadBalancer", "awsNetworkLoadBalancer", "route53"
_RULE = f"each.{_ALB}.rule"
_OF_RULE = f"(has({_RULE}.ruleARN) ? dyn({_RULE}.ruleARN) : {_optional(f'{_RULE}.priority')})"
_NAME = f"(each.{_DNS}.name.lowerAscii() + (each.{_DNS}.name.endsWith('.') ? '' : '.'))"
_ROUTE_KEY = (
    f"has(each.{_ALB}) ? [dyn(each.{_ALB}.listenerARN), has({_RULE}) ? {_OF_RULE} : dyn(null)]"
    f" : has(each.{_NLB}) ? [dyn(each.{_NLB}.listenerARN), dyn(null)]"
    f" : has(each.{_DNS}) ? [dyn(each.{_DNS}.hostedZoneID), dyn(each.{_DNS}.type), dyn({_NAME})] : []"
)
"""What makes this the same route as another's (`Ingress.route`); empty where its block is missing."""


def _routes() -> Iterator[Rule]:
    yield Rule(
        unless("has(self.ingresses)", all_differ(f"self.ingresses.map(each, {_ROUTE_KEY}).filter(key, size(key) > 0)")),
        "holds the same route as another entry of ingresses: remove one",
        ".ingresses",
    )
    yield Rule(
        unless("has(self.replicas) && self.replicas >= 5", f"!({_LISTENER})"),
        "must be at most 4: a forward action holds 5 target groups, and one place is needed to replace them",
        ".replicas",
    )


def _regions() -> Iterator[Rule]:
    """An ARN's region is its fourth part."""
    wanted = "self.aws.region"
    message = "is in another region than aws.region: correct one of them"
    for name in ("awsApplicationLoadBalancer", "awsNetworkLoadBalancer"):
        arn = f"self.ingress.{name}.listenerARN"
        found = f"{arn}.split(':')[3]"
        yield Rule(
            unless(f"{given('aws.region')} && {given(f'ingress.{name}')}", f"{found} == {wanted}"),
            message,
            f".ingress.{name}.listenerARN",
            says=f"'is in ' + {found} + ', but aws.region is ' + {wanted} + ': correct one of them'",
        )
        yield Rule(
            unless(
                f"{given('aws.region')} && has(self.ingresses)",
                f"self.ingresses.all(each, !has(each.{name}) || each.{name}.listenerARN.split(':')[3] == {wanted})",
            ),
            f"{name}.listenerARN of an entry {message}",
            ".ingresses",
        )


_STEP_CHECKS = (
    "[has(self.checks) ? self.checks.map(each, each.name) : []].all(names,"
    " self.updateStrategy.canary.steps.all(step, !has(step.analysis) || !has(step.analysis.checks)"
    " || step.analysis.checks.all(name, name in names)))"
)


def _joined() -> Iterator[Rule]:
    yield Rule(
        unless(given("updateStrategy.canary.steps"), _STEP_CHECKS),
        "analysis.checks of an entry holds a name that is no entry of checks",
        ".updateStrategy.canary.steps",
    )
    yield required(
        unless(
            "has(self.applications) && has(self.clusters) && size(self.clusters) > 1",
            "self.applications.all(each, has(each.clusterSelector))",
        ),
        ".applications",
        "clusterSelector is required in each entry: there are several clusters to choose from",
    )
    yield Rule(
        unless(
            "has(self.lockstep) && has(self.applications)",
            "[self.applications.map(each, each.name)].all(names, self.lockstep.all(name, name in names))",
        ),
        "holds a name that no application has",
        ".lockstep",
    )


def _own_labels(*read: str) -> Rule:
    """Of the model's labels."""
    known = f" || key in {list(read)}" if read else ""
    own = f"self.labels.all(key, !key.matches(r'{OWN}'){known})"
    fixed = [f"(!('{key}' in self.labels) || self.labels['{key}'] == '{value}')" for key, value in FIXED.items()]
    return Rule(
        unless("has(self.labels)", f"({' && '.join((*fixed, own))})"),
        f"hold a key that is Okra's own on a cluster secret, or another value of {' or '.join(FIXED)} than there:"
        " choose another key",
        ".labels",
    )


RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    ArgoCDClusterSpec: (_own_labels(*READ),),
    Cluster: (_own_labels(*READ),),
    ClusterSecret: (
        _own_labels(),
        Rule(
            f"has(self.name) || self.labels.exists(key, !(key in {list(FIXED)}))",
            "hold only what every cluster secret has: add one of the application's own",
            ".labels",
        ),
    ),
    CellSpec: (*_shape(), *_check_names(), *_routes(), *_regions(), *_joined()),
    Application: (*_check_names(),),
}
