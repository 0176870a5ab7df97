"""Which target groups belong to which version, and which version is wanted (DESIGN §5.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from okra.rollout import health
from okra.rollout.guard import rising
from okra.rollout.observation import LoadBalancerType, Observation, RouteReading, TargetGroup, Weights
from okra.rollout.policy import Policy, RoutePolicy
from okra.rollout.state import RouteState, State
from okra.rollout.versions import UNKNOWN, ranks
from okra.rollout.words import retry, sentence

_APPLICATION = {"HTTP", "HTTPS"}
_BY_LISTENER = {
    "TCP": {"TCP", "TCP_UDP"},
    "TLS": {"TCP", "TLS"},
    "UDP": {"UDP", "TCP_UDP"},
    "TCP_UDP": {"TCP_UDP"},
    "QUIC": {"QUIC", "TCP_QUIC"},
    "TCP_QUIC": {"TCP_QUIC"},
}


@dataclass(frozen=True, slots=True)
class Census:
    """The groups that may stand on one route, by version."""

    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    """One sentence each."""
    whole: int = 0
    """So many groups are all there is of a version, whatever `replicas` says (one: a record)."""
    goal: Weights = field(default_factory=dict)
    """`RoutePolicy.goal`. While one of its groups is missing `whole` is more than there can be."""

    def many(self, groups: Collection[str], replicas: int) -> int:
        """How many of a version's `replicas` groups these are."""
        return replicas * (len(groups) >= self.whole) if self.whole else len(groups)

    def newcomers(self, version: str, stable: Weights) -> tuple[str, ...]:
        """The groups of a version that a rollout is to introduce: that hold no stable traffic, or gain by the goal."""
        groups = self.versions.get(version, ())
        if self.goal:
            return tuple(arn for arn in rising(self.goal, stable) if arn in groups)
        return tuple(arn for arn in groups if arn not in stable)

    def version_of(self, arn: str) -> str:
        return next((version for version, groups in self.versions.items() if arn in groups), UNKNOWN)


def count(policy: Policy, route: RoutePolicy, obs: Observation) -> Census:
    """Sort the discovered groups of a route; a group that AWS would refuse there is left out with a warning."""
    versions: dict[str, list[str]] = {}
    ignored: list[str] = []
    reading = obs.readings.get(route.key)
    if obs.groups is not None:
        ignored += [_missing(arn) for arn in sorted(route.listed.keys() - {group.arn for group in obs.groups})]
    for group in sorted(obs.groups or (), key=lambda g: g.arn):
        version = _version(policy, route, group)
        if not version:
            continue
        if reading is not None and (why := misfit(group, reading)):
            ignored.append(f"Target group {group.name} (version {version}) is ignored: {why}.")
        else:
            versions.setdefault(version, []).append(group.arn)
    found = {version: tuple(groups) for version, groups in versions.items()}
    if route.goal:
        complete = {arn for groups in found.values() for arn in groups}.issuperset(route.goal)
        return Census(found, tuple(ignored), whole=1 if complete else len(route.goal) + 1, goal=route.goal)
    return Census(found, tuple(ignored), 1 if route.single else route.whole)


def _version(policy: Policy, route: RoutePolicy, group: TargetGroup) -> str:
    """What the spec's list says, or the group's own tag; none: it doesn't concern the route."""
    if route.listed:
        return route.listed.get(group.arn, "")
    return group.tags.get(policy.label, "") if route.selects(group.tags) else ""


def _missing(arn: str) -> str:
    return f"Target group {arn.split('/')[1]} is listed, and there is none of this ARN: {arn}."


def misfit(group: TargetGroup, route: RouteReading) -> str:
    """Why this group can't stand on this route, or nothing. What isn't known is no reason."""
    if group.vpc_id and route.vpc_id and group.vpc_id != route.vpc_id:
        return f"it is in {group.vpc_id}, the load balancer in {route.vpc_id}"
    allowed = _APPLICATION if route.load_balancer_type is LoadBalancerType.APPLICATION else None
    allowed = allowed or _BY_LISTENER.get(route.protocol)
    if allowed and group.protocol and group.protocol not in allowed:
        return f"its protocol {group.protocol} doesn't go with a {route.load_balancer_type} {route.protocol} listener"
    others = [arn for arn in group.load_balancer_arns if arn != route.load_balancer_arn]
    if others and route.load_balancer_arn and route.load_balancer_arn not in group.load_balancer_arns:
        return f"it is attached to another load balancer, {others[0]}"
    return ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should hold the traffic. `version` None: nothing new is wanted, for `reason`."""

    version: str | None = None
    older: bool = False
    """Older than stable: asked for by a pin."""
    reason: str = ""
    message: str = ""


def wanted(policy: Policy, state: State, censuses: Collection[Census], obs: Observation) -> Wanted:
    """The version to move to: the pin, else the highest complete one that is not blocked, set aside or old."""
    complete = _complete(policy, state, censuses)
    stable = state.stable_version
    if policy.pin:
        return _pinned(policy, state, censuses, complete, obs)
    everyone = set(complete) | ({stable} if stable else set())
    order = ranks(everyone)
    if order is None:
        names = ", ".join(sorted(everyone))
        return Wanted(None, False, "VersionsUnordered", f"No order between the versions {names}: set spec.version.")
    candidates = [
        version
        for version in sorted(complete, key=lambda v: (order[v], v), reverse=True)
        if version != stable and (stable is None or order[version] > order[stable])
    ]
    passed_over = Wanted()
    for version in candidates:
        refusal = _refusal(policy, state, version, complete[version], obs)
        if refusal is None:
            return Wanted(version)
        passed_over = passed_over if passed_over.reason else refusal
    return passed_over if passed_over.reason else _waiting(policy, state, censuses)


def _pinned(
    policy: Policy,
    state: State,
    censuses: Collection[Census],
    complete: Mapping[str, tuple[str, ...]],
    obs: Observation,
) -> Wanted:
    pin = policy.pin or ""
    if pin == state.stable_version:
        return Wanted()
    if pin not in complete:
        if missing := [said for census in censuses if census.goal for said in census.ignored]:
            return Wanted(None, False, "WaitingForTargetGroups", " ".join(missing))
        have = _have(policy, censuses, pin)
        return Wanted(None, False, "WaitingForTargetGroups", _how_many(pin, have, policy.replicas, " (pinned)"))
    if refusal := _refusal(policy, state, pin, complete[pin], obs):
        return refusal
    order = None if policy.child else ranks({pin, state.stable_version or pin})
    older = order is not None and state.stable_version is not None and order[pin] < order[state.stable_version]
    return Wanted(pin, older)


def _complete(policy: Policy, state: State, censuses: Collection[Census]) -> dict[str, tuple[str, ...]]:
    """Version → its groups on all routes, of versions with enough groups on each. Stable's own groups don't count."""
    taken = {arn: weight for route in state.routes for arn, weight in route.stable.items()}
    found: dict[str, tuple[str, ...]] = {}
    for version in {version for census in censuses for version in census.versions}:
        groups = [census.newcomers(version, taken) for census in censuses]
        many = (census.many(some, policy.replicas) for census, some in zip(censuses, groups, strict=True))
        if all(each >= policy.replicas for each in many):
            found[version] = tuple(arn for of_route in groups for arn in of_route)
    return found


def _refusal(policy: Policy, state: State, version: str, groups: tuple[str, ...], obs: Observation) -> Wanted | None:
    """Why this version may not start by itself. A pin lifts neither; the message names the command that does."""
    for block in state.blocked:
        if block.version == version:
            said = f"{version} is blocked: {sentence(block.reason)} A rebuilt {version} stays blocked."
            return Wanted(None, False, "VersionBlocked", f"{said} To try it again: {retry(policy.name, version)}")
    named = any(route.goal for route in policy.routes)  # by its version a goal names its groups, whoever gains now
    for aside in state.set_aside:
        same = aside.version == version and (named or aside.groups == groups)
        if same and not _other_targets(aside.targets, aside.groups, obs):
            said = f"{version} doesn't start again by itself: {sentence(aside.reason)}"
            return Wanted(None, False, "SetAside", f"{said} To try it again: {retry(policy.name, version)}")
    return None


def _other_targets(then: tuple[str, ...], groups: tuple[str, ...], obs: Observation) -> bool:
    """Have the registered targets changed? Not knowing is not a change."""
    now = health.targets(obs, groups)
    return bool(then) and all(arn in obs.health for arn in groups) and now != then


def _waiting(policy: Policy, state: State, censuses: Collection[Census]) -> Wanted:
    """Is a newer version on its way, with too few groups yet?"""
    stable = state.stable_version
    found = {version for census in censuses for version in census.versions} - {stable}
    order = ranks(found | ({stable} if stable else set()))
    if order is None:
        return Wanted()
    for version in sorted(found, key=lambda v: (order[v], v), reverse=True):
        if (stable is None or order[version] > order[stable]) and not state.is_blocked(version):
            have = _have(policy, censuses, version)
            if have < policy.replicas:
                return Wanted(None, False, "WaitingForTargetGroups", _how_many(version, have, policy.replicas))
    return Wanted()


def _have(policy: Policy, censuses: Collection[Census], version: str) -> int:
    """Groups of a version on the route that has the fewest."""
    return min((each.many(each.versions.get(version, ()), policy.replicas) for each in censuses), default=0)


def _how_many(version: str, have: int, replicas: int, note: str = "") -> str:
    return f"Version {version}{note} has {have} of {replicas} target groups."


def joiners(route: RouteState, census: Census, version: str) -> tuple[str, ...]:
    """Further groups of the stable version that don't hold traffic yet; a goal says itself who gets what."""
    return () if census.goal else census.newcomers(version, route.stable)
