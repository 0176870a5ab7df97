"""Argo CD simulated around `decide`: its ApplicationSet controller and its application controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from okra.argocd.application_sets import read_application_set
from okra.argocd.applications import read_application
from okra.argocd.census import Known, Sight, Wanted
from okra.argocd.deployment import Decision, decide
from okra.argocd.report import Phase
from okra.argocd.secrets import read_secret
from okra.embedded.objects import merge_patch
from okra.ports import Object
from okra.rollout.status import write_time
from tests.argocd.objects import LABELS, NOW, WEB, application_json, ours, server, set_json

DEPLOYS, DELETES = 7.0, 15.0
"""Seconds that Argo CD takes to bring an application up on a cluster, and to take it down."""


@dataclass
class World:
    wanted: Wanted
    secrets: dict[str, Object] = field(default_factory=dict)
    sets: dict[str, Object] = field(default_factory=lambda: {"web": set_json()})
    applications: dict[str, Object] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)
    now: float = NOW
    paused: str = ""
    edits: list[str] = field(default_factory=list)
    """What was done, in order: `Published a`."""
    watch: Callable[[World], None] = lambda _world: None
    """Told after each moment."""

    @classmethod
    def of(cls, *clusters: str, beside: tuple[str, ...] = (), delete_first: bool = False, **spec: Any) -> World:
        """A deployment to `clusters`; `beside` are others that Argo CD knows."""
        world = cls(Wanted(WEB, clusters, LABELS, "ApplicationSet web", delete_first=delete_first))
        for name in (*clusters, *beside):
            world.secrets[name] = ours(name)
        world.sets["web"] = set_json("web", **spec) if spec else world.sets["web"]
        return world

    def want(self, *clusters: str, **changes: Any) -> None:
        self.wanted = replace(self.wanted, clusters=clusters, **changes)

    @property
    def named(self) -> set[str]:
        """ApplicationSets that the spec names: all that are there."""
        return set(self.sets)

    # -- what is true ------------------------------------------------------------------------------------------------

    @property
    def running(self) -> set[str]:
        """Clusters that run the application: it runs until its Application is gone."""
        return {name for name in self.secrets if any(_on(each, name) for each in self.applications.values())}

    @property
    def published(self) -> set[str]:
        return {name for name, obj in self.secrets.items() if LABELS.items() <= obj["metadata"]["labels"].items()}

    def label(self, name: str, **labels: str | None) -> None:
        """By hand."""
        self.secrets[name] = merge_patch(self.secrets[name], {"metadata": {"labels": labels}})

    # -- Okra --------------------------------------------------------------------------------------------------------

    def decide(self, **pauses: float) -> Decision:
        sight = Sight(
            secrets=[read_secret(each) for each in self.secrets.values()],
            endpoints=self.endpoints or {name: server(name) for name in self.secrets},
            sets=[read_application_set(each) for name, each in self.sets.items() if name in self.named],
            applications=[read_application(each) for each in self.applications.values()],
            paused=self.paused,
        )
        return decide(self.wanted, self.known, sight, self.now, **pauses)

    def turn(self, *, dies_after: int | None = None) -> Decision:
        """Decide and do it; `dies_after` so many effects, before its status is written."""
        decision = self.decide()
        for number, effect in enumerate(decision.effects):
            if number == dies_after:
                return decision
            self.secrets[effect.secret] = merge_patch(self.secrets[effect.secret], dict(effect.patch))
            self.edits.append(f"{effect.kind} {effect.cluster}")
        if dies_after is None:
            self.known = {each.name: Known(each.applications, each.since) for each in decision.report.clusters}
        return decision

    # -- Argo CD -----------------------------------------------------------------------------------------------------

    def argo(self) -> None:
        """Its controllers have a look. It writes times in whole seconds."""
        for name in self.secrets:
            key = f"web-{name}"
            there = self.applications.get(key)
            if name in self.published and there is None and "web" in self.sets:
                made = application_json(name, reconciledAt=None, sync={"status": "OutOfSync"}, health=None)
                made["metadata"]["creationTimestamp"] = write_time(int(self.now))
                self.applications[key] = made
            elif name not in self.published and there is not None and "deletionTimestamp" not in there["metadata"]:
                there["metadata"]["deletionTimestamp"] = write_time(self.now)
                there["gone"] = self.now + DELETES
        for key, each in list(self.applications.items()):
            if self.now >= each.get("gone", self.now + 1):
                del self.applications[key]
            elif self.now >= _created(each) + DEPLOYS and "status" in each and "broken" not in each:
                at = write_time(int(self.now))
                each["status"] = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}, "reconciledAt": at}

    def step(self, seconds: float = 1.0, **turn: Any) -> Decision:
        self.now += seconds
        self.argo()
        decision = self.turn(**turn)
        self.watch(self)
        return decision

    def until(self, holds: Callable[[Decision], bool], within: float = 300.0) -> Decision:
        end = self.now + within
        while self.now < end:
            if holds(decision := self.step()):
                return decision
        raise AssertionError(f"not within {within:g} s: {decision.report}, {self.edits}")

    def synced(self, within: float = 300.0) -> Decision:
        return self.until(lambda decision: decision.report.phase is Phase.SYNCED, within)


def _on(application: Object, name: str) -> bool:
    return bool(application["spec"]["destination"]["server"] == server(name))


def _created(application: Object) -> float:
    return read_application(application).created


def never_both(world: World) -> None:
    assert len(world.running) <= 1, "two clusters run the workers"


def never_none(world: World) -> None:
    assert world.running, "no cluster runs the application"


def serving(*clusters: str, beside: tuple[str, ...] = (), **options: Any) -> World:
    """A deployment that is synced."""
    world = World.of(*clusters, beside=beside, **options)
    world.synced()
    world.edits.clear()
    return world
