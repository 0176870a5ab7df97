"""The rules of a Cell's policy on applications and their routes: `alb` is one of them or a list of some, which no
structural schema can say. Each says what the models say."""

from __future__ import annotations

from okra.api.crd_policy import PlaceRule

APPLICATIONS = (
    PlaceRule(
        "described",
        "has(each.is.argocd) || has(each.is.alb)",
        "needs argocd, alb or both: there is nothing to do for it",
    ),
    PlaceRule(
        "described",
        "!has(each.is.alb) || type(each.is.alb) == map || type(each.is.alb) == list",
        "must be a map, or a list of some",
        ".alb",
    ),
    PlaceRule(
        "described",
        "!has(each.is.alb) || !has(each.is.argocd) || !has(each.is.argocd.updateStrategy)"
        " || each.is.argocd.updateStrategy.type != 'DeleteBeforeCreate'",
        "can't be with argocd.updateStrategy.type DeleteBeforeCreate, which leaves the route without targets: use"
        " CreateBeforeDelete, or remove alb",
        ".alb",
    ),
    PlaceRule(
        "described",
        "has(each.is.alb) || !has(each.is.checks) || size(each.is.checks) == 0",
        "are for the steps of traffic, and without alb there are none: use prechecks or postchecks",
        ".checks",
    ),
)

ROUTE_KEY = (
    "string(each.is.listenerARN) + '#'"
    " + (has(each.is.forwardConfig.priority) ? string(each.is.forwardConfig.priority) : '')"
)
"""What makes this the same route as another's."""
ROUTES = (
    PlaceRule(
        "routes",
        "each.is.all(key, key in ['listenerARN', 'forwardConfig', 'updateStrategy'])",
        "holds an unknown field: known are listenerARN, forwardConfig and updateStrategy",
    ),
    PlaceRule(
        "routes",
        "variables.region == '' || each.is.listenerARN.split(':')[3] == variables.region",
        "is in another region than aws.region: correct one of them",
        ".listenerARN",
    ),
    PlaceRule(
        "routes",
        f"[{ROUTE_KEY}].all(route, variables.routeKeys.exists_one(other, other == route))",
        "is the route of another entry too: give each its own priority",
    ),
)

_WEIGHTS = "each.is.steps.filter(step, has(step.setWeight)).map(step, int(step.setWeight))"
_ONE_THING = "[has(step.setWeight), has(step.pause), has(step.approval), has(step.analysis)].exists_one(it, it)"
STRATEGIES = (
    PlaceRule(
        "strategies",
        "some.all(other, other.is == each.is)",
        "is another than that of another entry: they step together, give them one",
    ),
    *(
        PlaceRule(
            "strategies",
            f"!has(each.is.steps) || !has(each.is.{name})",
            "excludes steps: explicit steps say their weights themselves; remove one",
            f".{name}",
        )
        for name in ("stepWeight", "totalWeight")
    ),
    PlaceRule(
        "strategies",
        f"!has(each.is.steps) || [{_WEIGHTS}].all(weights, weights.isSorted()"
        " && weights.all(one, weights.exists_one(other, other == one)))",
        "each setWeight must be above the step before",
        ".steps",
    ),
    PlaceRule(
        "strategies",
        f"!has(each.is.steps) || each.is.steps.all(step, {_ONE_THING})",
        "a step is exactly one of setWeight, pause, approval, analysis (write `pause: {}`, not `pause:`)",
        ".steps",
    ),
    PlaceRule(
        "strategies",
        "!has(each.is.stepWeight) || !has(each.is.totalWeight) || each.is.stepWeight <= each.is.totalWeight",
        "must be at most totalWeight",
        ".stepWeight",
    ),
)

_ALBS = "(has({0}.alb) ? (type({0}.alb) == list ? dyn({0}.alb) : dyn([{0}.alb])).filter(it, type(it) == map) : dyn([]))"
_STRATEGIES = _ALBS + ".filter(it, has(it.updateStrategy)).map(it, it.updateStrategy)"
_NAMES = (
    "((has({0}.checks) ? {0}.checks.map(it, it.name) : [])"
    " + (has({0}.postchecks) ? {0}.postchecks.map(it, it.name) : []))"
)
LOCKSTEP = (
    PlaceRule(
        "lockstep",
        "has(each.is.alb)",
        "names an application without alb: it has no traffic that would step with the others'",
    ),
    PlaceRule(
        "lockstep",
        f"some.map(other, {_ALBS.format('other.is')}.size()).sum() <= 8",
        "joins more than 8 routes",
    ),
    PlaceRule(
        "lockstep",
        f"{_STRATEGIES.format('each.is')}.all(one, some.all(other,"
        f" {_STRATEGIES.format('other.is')}.all(two, two == one)))",
        "joins applications of different alb.updateStrategy: they step together, give them one",
    ),
    PlaceRule(
        "lockstep",
        f"[{_NAMES.format('each.is')}].all(names, some.all(other, other.is.name == each.is.name"
        f" || {_NAMES.format('other.is')}.all(name, !(name in names))))",
        "joins applications with a check of one name: they are asked for together, give each check its own",
    ),
)
"""Over the applications that are in lockstep; the places are where the spec says so."""
