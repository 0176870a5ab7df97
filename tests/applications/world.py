"""A complex Cell's children, simulated, around `decide`: what they take time for, and what fails, is ours to say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from okra.applications.effects import Abort, Effect, Emit, Persist, Publish, Route, RunChecks, SaveRevision
from okra.applications.lockstep import lead_of, seen_of
from okra.applications.machine import decide
from okra.applications.observation import ClusterSeen, DeploymentSeen, Kept, Observation, RouteSeen
from okra.applications.policy import Application, Cluster, OnFailure, Policy
from okra.applications.state import AppState, Group, Phase, State
from okra.rollout.observation import Command, Problem, SeriesResult, Token, Verdict

OLD, NEW = ("web-1-v1", "web-2-v1"), ("web-1-v2", "web-2-v2")
POLL = 10.0


def web(clusters: tuple[str, ...] = OLD, **changes: object) -> Application:
    made = Application("web", clusters, "+".join(clusters))
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Deployment:
    """What carries on runs on; clusters that it names no more are left when it runs on all others."""

    clusters: tuple[str, ...] = ()
    ready_at: dict[str, float] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()


@dataclass
class Route_:
    version: str = ""
    stable: str = ""
    done_at: float = 0.0
    retains_until: float = 0.0
    failed: Problem | None = None
    bakes_from: float = float("inf")
    stopped: bool = False
    """It failed, and its weights stay (`onFailure: Stop`)."""
    back_at: float = 0.0
    """Until then its traffic is on its way back."""
    aborted: bool = False
    leaving: tuple[str, ...] = ()
    """Versions that may have traffic until it has arrived."""
    on: str = ""
    """The listener and rule."""
    attempt: int = 0
    """Of the application, when it was last told where to go."""
    listed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Version → its target groups."""
    traffic: frozenset[str] = frozenset()
    """The groups of the stable version."""
    members: tuple[str, ...] = ()
    """The applications whose traffic it moves."""
    on_routes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    called: tuple[str, float] = ("", 0.0)
    """What the stable version is called from then on."""

    @property
    def leaving_or_pinned(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.leaving, self.version)))


@dataclass
class World:
    """Its clock goes in polls. `published` and `traffic` are what an observer sees."""

    policy: Policy
    state: State = field(default_factory=State)
    now: float = 1000.0
    ready: dict[str, bool] = field(default_factory=dict)
    unready: str = "CREATING"
    """Why a cluster isn't; `{}` is its name."""
    deployments: dict[str, Deployment] = field(default_factory=dict)
    routes: dict[str, Route_] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """By check; passed where it doesn't say."""
    fails: dict[str, tuple[Phase, str]] = field(default_factory=dict)
    """Versions whose traffic comes back, and as what."""
    degraded: Problem | None = None
    broken: tuple[str, ...] = ()
    """Clusters where nothing runs any more."""
    unseen: bool = False
    """What is deployed isn't looked at."""
    behind: tuple[str, ...] = ()
    """Clusters that are published since nobody knows when."""
    as_kept: frozenset[str] = frozenset()
    """The applications that the spec kept last says the same of."""
    joint: bool = False
    """One version may stand for those of several applications."""
    unwatched: dict[str, float] = field(default_factory=dict)
    """Applications whose traffic no child has, since when."""
    by_hand: tuple[str, ...] = ()
    """Clusters where it runs by other means than Argo CD."""
    check_time: float = 0.0
    deploy_time: float = 20.0
    move_time: float = 60.0
    bake_time: float = 0.0
    """Of these, so many seconds at 100 %."""
    retain_for: float = 120.0
    results: tuple[SeriesResult, ...] = ()
    requested: Token | None = None
    commands: tuple[Command, ...] = ()
    kept: tuple[Kept, ...] | Problem = ()
    forward: str = "f0"
    groups: dict[str, str] = field(default_factory=dict)
    """Cluster → its target group, where that isn't called like it."""
    no_groups: Problem | None = None
    rules: dict[str, frozenset[str]] = field(default_factory=dict)
    """Rules that no child is on any more → the clusters that they forward to."""
    rules_unread: bool = False
    revisions: int = 0
    asked: list[tuple[str, Token]] = field(default_factory=list)
    emitted: list[str] = field(default_factory=list)
    effects: int = 0
    dies_at: int = 0
    """The process is killed right before its so manieth effect, and another one begins."""
    history: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Each set of clusters that an application was published to."""

    # -- what is seen ----------------------------------------------------------------------------------------------

    def observe(self) -> Observation:
        names = [app.name for app in self.policy.applications]
        self._keep()
        self.joint = self.joint or any(app.lockstep for app in self.policy.applications)
        return Observation(
            clusters={
                each.name: ClusterSeen(self.ready.get(each.name, True), self.unready.format(each.eks or each.name))
                for each in self.policy.clusters
            },
            deployments={name: self._deployment(name) for name in names},
            routes={name: self._seen(name) for name in names},
            elsewhere=frozenset(each for each in names if self._elsewhere(each)),
            groups={app.name: self.no_groups or self.found(app) for app in self.policy.applications},
            forwards=dict.fromkeys(names, self.forward),
            forwarded={name: self._forwarded(self.state.of(name)) for name in names},
            results=tuple(each for each in self.results if each.at <= self.now),
            requested=self.requested,
            commands=self.commands,
            kept=self.kept,
            generation=7,
            saved=self.revisions > 0,
            as_kept=self.as_kept,
        )

    def _seen(self, name: str) -> RouteSeen | None:
        app = self.state.of(name)
        apps = [each for each in self.state.applications if lead_of(each) == lead_of(app)]
        return seen_of(self._route(lead_of(app)), app, apps)

    def _elsewhere(self, name: str) -> bool:
        """A child that isn't its own has the application's traffic; at rest it lets it go when nobody looks."""
        lead = lead_of(self.state.of(name))
        return any(name in made.members for of, made in self.routes.items() if of != lead)

    def let_go(self) -> None:
        """A child lets go what others are to have; one without any is deleted, at rest."""
        moving = any(each.moving for each in self.state.applications)
        for of, made in [*self.routes.items()]:
            left = [self.state.of(each) for each in made.members if lead_of(self.state.of(each)) != of]
            if moving and len(left) == len(made.members):
                continue
            made.traffic -= {group.arn for each in left if each.synced for group in each.synced.groups}
            made.members = tuple(each for each in made.members if lead_of(self.state.of(each)) == of)
            if not made.members:
                del self.routes[of]

    def wanted(self, app: Application) -> dict[str, str]:
        return {each: self.groups.get(each, f"arn:{each}") for each in app.clusters}

    def found(self, app: Application) -> tuple[Group, ...]:
        """Of several routes each but r1 has target groups of its own."""
        routes = app.route.split()
        return tuple(
            Group(cluster, arn, route=route)
            if len(routes) > 1 and route == "r1"
            else Group(cluster, f"{arn}/{route}", route=route)
            if len(routes) > 1
            else Group(cluster, arn)
            for route in routes or [""]
            for cluster, arn in self.wanted(app).items()
        )

    def _forwarded(self, app: AppState) -> dict[str, set[str]]:
        if self.rules_unread:
            return {}
        found = {rule: self.rules.get(rule, frozenset[str]()) for rule in app.routes_before}
        return {rule: {f"arn:{each}{of}" for each in on for of in ("", f"/{rule}")} for rule, on in found.items()}

    def _keep(self) -> None:
        """At rest a child is on the rule of the spec that brought it there, or wants it there."""
        for app in self.policy.applications:
            made, state = self.routes.get(app.name), self.state.of(app.name)
            if len(made.members if made else ()) > 1 or made is None or state.moving or state.synced is None:
                continue
            left = {each for each in made.on_routes.get(app.name, ()) if each not in app.route.split()}
            if len(made.on_routes.get(app.name, ())) > 1 and left and made.version == app.version:
                made.traffic -= {each.arn for each in state.synced.groups if each.route in left}
                made.on_routes[app.name] = tuple(each for each in app.route.split() if each not in left)
            route = app.route if made.version == app.version else state.synced.route
            for each in made.on.split():
                if each not in route.split():
                    self.rules[each] = frozenset(made.stable.partition("@")[0].split("+"))
            for each in route.split():
                self.rules.pop(each, None)
            made.on = route

    def _deployment(self, name: str) -> DeploymentSeen | None:
        made = self.deployments.get(name)
        if made is None:
            return None
        if self.unseen:
            return DeploymentSeen(made.clusters)
        lacks = {each: self._lacks(made, each) for each in made.clusters}
        if not any(lacks.values()):
            made.leaves = ()
        reason = self.degraded.reason if self.degraded else "Degraded" if any(lacks.values()) else "Synced"
        behind = tuple(each for each in self.behind if each not in made.clusters)
        return DeploymentSeen(
            made.clusters, lacks, reason, self.degraded, bool(made.leaves), retained=made.retained, behind=behind
        )

    def _lacks(self, made: Deployment, cluster: str) -> str:
        if cluster in made.retained:
            return ""
        if cluster in self.broken:
            return f"{cluster} is Degraded."
        if self.degraded or self.now < made.ready_at[cluster]:
            return f"{cluster}: 1 of 2 Applications are Healthy."
        return ""

    def _routes_of(self, name: str, groups: tuple[tuple[str, Group], ...]) -> tuple[str, ...]:
        """The routes of an application that a child is told of: each with target groups."""
        app = next((each for each in self.policy.applications if each.name == name), None)
        listed = dict.fromkeys(group.route for _, group in groups if group.route)
        return tuple(each for each in listed if app is None or each in app.route.split())

    def _route(self, name: str) -> RouteSeen | None:
        made = self.routes.get(name)
        if made is None:
            return None
        if made.called[0] and self.now >= made.called[1]:
            made.stable, made.called = made.called[0], ("", 0.0)
        moves = made.version in made.listed and made.stable != made.version and made.failed is None
        if moves and self.now >= made.done_at and not made.called[0]:
            phase, why = self.fails.get(made.version, (None, ""))
            if phase is not None:
                made.failed = Problem("CheckFailed", why)
                made.stopped = self.policy.on_failure is OnFailure.STOP
            else:
                made.stable, made.retains_until = made.version, self.now + self.retain_for
                made.traffic = made.listed[made.version]
        failed = made.failed is not None and self.now >= max(made.back_at, made.done_at if made.aborted else 0.0)
        settled = not made.stopped and (failed or (made.stable == made.version and self.now >= made.done_at))
        if settled and made.leaving:
            made.leaving, made.retains_until = (), self.now + self.retain_for
        phase = self.fails.get(made.version, (Phase.CHECK_FAILED, ""))[0]
        several = any(len(each.route.split()) > 1 for each in self.policy.applications if each.name == name)
        shared = made.members != (name,) or several or len(made.on_routes[name]) > 1
        bakes = made.bakes_from <= self.now < made.done_at
        app = self.state.of(name)
        return RouteSeen(
            made.version if not app.moving or made.attempt == app.attempt else "",
            settled,
            settled,
            made.stable,
            completing=bakes,
            failed=made.failed,
            failed_at=phase,
            retains=self.now < made.retains_until,
            message="Step 3 of 10.",
            on=" ".join(route for each in made.members for route in made.on_routes[each]) if shared else "",
            aborted=made.aborted,
            stopped=made.stopped,
        )

    # -- time ------------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Decide and do all of it. False: nothing more to do now."""
        decision = decide(self.policy, self.state, self.observe(), self.now)
        if not any(isinstance(effect, Persist) for effect in decision.effects):
            self.state = decision.state  # running clocks
        for effect in decision.effects:
            self.effects += 1
            if self.effects == self.dies_at:
                self.results, self.requested = (), None  # what only that process knew
                return True
            self.do(effect)
            if not isinstance(effect, Persist):  # that changes nothing out there
                self._judge()
        return bool(decision.effects)

    def do(self, effect: Effect) -> None:
        match effect:
            case Persist(state=state):
                self.state = state
                self._judge_what_is_said(state)
            case Publish(application=name, clusters=clusters):
                was = self.deployments.get(name, Deployment())
                runs = {each: was.ready_at[each] for each in (*was.clusters, *was.leaves)}
                ready_at = dict.fromkeys(clusters, self.now + self.deploy_time) | runs
                leaves = tuple(each for each in runs if each not in clusters)
                self.deployments[name] = Deployment(clusters, ready_at, leaves)
                self.history.append((name, clusters))
                self.behind = tuple(each for each in self.behind if each not in clusters)
            case Route(application=name, version=version, groups=groups, members=members):
                before = self.routes.get(name, Route_(stable="before Okra"))
                if before.stopped and any(of in before.leaving_or_pinned for of, _ in groups):
                    before.leaving, before.version = before.leaving_or_pinned, version  # it hasn't ended: refused
                    before.attempt = self.state.of(name).attempt
                    return
                listed = {of: frozenset(each.arn for v, each in groups if v == of) for of, _ in groups}
                renamed = next((v for v, arns in listed.items() if arns == before.traffic and v != before.stable), "")
                moving = before.stopped or (before.stable != before.version and before.failed is None)
                leaving = (*before.leaving, *((before.version,) if before.version and moving else ()))
                done_at = self.now + (0.0 if before.stable == before.version == version else self.move_time)
                self.routes[name] = Route_(
                    version,
                    before.stable,
                    done_at,
                    bakes_from=done_at - self.bake_time,
                    leaving=leaving,
                    on=before.on,
                    attempt=self.state.of(name).attempt,
                )
                made = self.routes[name]
                made.listed, made.traffic = listed, before.traffic
                lets_go = [each for each in before.members if lead_of(self.state.of(each)) != name]
                made.members = (*members, *lets_go)
                made.on_routes = {
                    each: before.on_routes[each] if each in lets_go else self._routes_of(each, groups)
                    for each in made.members
                }
                if added := {*members} - {*before.members}:  # at rest: it takes what it finds as it is
                    there = (self.state.of(each).synced for each in added)
                    made.traffic |= {group.arn for each in there if each for group in each.groups}
                known = {each for on in before.on_routes.values() for each in on}
                if known and version == before.stable:  # a route that is added shows what the others do
                    made.traffic |= {each.arn for v, each in groups if each.route not in known and v == version}
                if renamed:  # it takes its time to see that nothing moves
                    made.called, made.leaving = (renamed, self.now + POLL), before.leaving
                    made.done_at = self.now if renamed == version else made.done_at
            case Abort(application=name):
                made = self.routes[name]
                made.aborted, made.failed, made.done_at = True, Problem("Aborted", "aborted"), self.now + self.move_time
                made.stopped = False
            case RunChecks(application=name, checks=checks, token=token):
                self.requested = token
                self.asked.append((name, token))
                self.results += tuple(
                    SeriesResult(
                        check, token, self.verdicts.get(check, Verdict.PASSED), "said", self.now + self.check_time
                    )
                    for check in checks
                )
            case SaveRevision():
                self.revisions += 1
            case Emit(reason=reason):
                self.emitted.append(reason)

    def _judge(self) -> None:
        """No cluster that has, or may get, traffic in one write is without its Applications; and nobody's traffic has
        two children."""
        members = [each for made in self.routes.values() for each in made.members]
        assert len(members) == len({*members}), members
        for app in self.policy.applications:
            route, deployment = self.routes.get(app.name), self.deployments.get(app.name)
            if route is None or deployment is None or not app.deployed:
                continue
            may = set() if route.aborted and self.now >= route.done_at else {route.version}
            others = [made for name, made in self.deployments.items() if name == app.name or self.joint]
            runs = {*self.by_hand, *(cluster for each in others for cluster in each.clusters)}
            for version in {route.stable, *may, *route.leaving} - {"before Okra", "other"}:
                clusters = version.partition("@")[0].split("+")
                assert set(clusters) <= runs, (version, deployment.clusters)
            for rule, there in self.rules.items():
                assert there <= runs, (rule, there, deployment.clusters)

    def _judge_who_watches(self) -> None:
        """Traffic that a child had is always one's, or on its way from one to another."""
        members = {each for made in self.routes.values() for each in made.members}
        for app in self.policy.applications:
            synced = self.state.of(app.name).synced
            if app.name in members or not app.routed or synced is None or not synced.routed:
                self.unwatched.pop(app.name, None)
                continue
            since = self.unwatched.setdefault(app.name, self.now)
            assert self.now - since <= 2 * POLL, f"nobody watches the traffic of {app.name} since {since}"

    def _judge_what_is_said(self, state: State) -> None:
        """Failed is an end: whoever waits for it finds everything back. Synced is where the spec wants it."""
        for app in self.policy.applications if state.phase is Phase.SYNCED and not self.no_groups else ():
            if (made := self.routes.get(lead_of(self.state.of(app.name)))) is not None and app.routed:
                arns = {group.arn for group in self.found(app)}
                assert made.traffic >= arns, (app.name, made.traffic)
                assert len(made.members) > 1 or made.traffic == arns, (app.name, made.traffic)
        undone = self.policy.on_failure is not OnFailure.STOP
        if undone and Phase.FAILED in (state.phase, *(each.phase for each in state.applications)):
            assert all(each.failure is None for each in state.applications), state

    def quiet(self) -> None:
        for _ in range(100):
            if not self.turn():
                return
        raise AssertionError("it never rests")

    def after(self, seconds: float) -> World:
        end = self.now + seconds
        self.quiet()
        while self.now < end:
            self.let_go()
            self.now += POLL
            self.quiet()
            self._judge_who_watches()
        return self

    def want(self, *applications: Application, **changes: object) -> None:
        self.policy = replace(self.policy, applications=applications, **changes)  # type: ignore[arg-type]
        self.revisions = 0

    @property
    def web(self) -> AppState:
        return self.state.of("web")


def world(*applications: Application, **policy: object) -> World:
    clusters = tuple(Cluster(name) for name in dict.fromkeys(each for app in applications for each in app.clusters))
    made = Policy(clusters, applications, name="mysystem", poll_interval=POLL)
    return World(replace(made, **policy))  # type: ignore[arg-type]


def synced(*applications: Application, **policy: object) -> World:
    """All applications on the clusters that they name."""
    made = world(*applications, **policy).after(300.0)
    assert made.state.phase is Phase.SYNCED
    made.history.clear()
    made.asked.clear()
    return made
