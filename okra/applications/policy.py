"""What a complex Cell asks for, with the settings filled in. Durations in seconds of watched time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from okra.rollout.observation import Problem


class OnFailure(StrEnum):
    ROLLBACK = "Rollback"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class Cluster:
    name: str
    require_ready: bool = True
    ready_timeout: float | None = None
    """Not ready by then: the Cell fails, before anything has moved. None: it waits."""
    eks: str = ""
    """Its name in EKS, if that is another."""


@dataclass(frozen=True, slots=True)
class Application:
    name: str
    clusters: tuple[str, ...]
    """Of the Cell's clusters those that its selector matches, in the spec's order."""
    version: str = ""
    """What tells these clusters from the ones before (`okra.applications.versions`)."""
    deployed: bool = True
    """Argo CD deploys it."""
    routed: bool = True
    """It has traffic, which a child Cell moves."""
    route: str = ""
    """On which listener and rule (`route_key`); of several a word each."""
    lockstep: bool = False
    """It is to step with the others that are (`spec.lockstep`)."""
    deletes_first: bool = False
    """DeleteBeforeCreate: it never runs on old and new clusters at once."""
    prechecks: tuple[str, ...] = ()
    postchecks: tuple[str, ...] = ()
    """Asked for here only where there is no route: a child Cell asks for its own."""


@dataclass(frozen=True, slots=True)
class Policy:
    clusters: tuple[Cluster, ...] = ()
    applications: tuple[Application, ...] = ()
    name: str = ""
    """The Cell's, for messages that name a command."""
    on_failure: OnFailure = OnFailure.ROLLBACK
    failure_delay: float = 60.0
    """How long failing prechecks are tried again before a rollback."""
    check_interval: float = 60.0
    deploy_timeout: float = 300.0
    """Applications that Argo CD hasn't brought to Synced and Healthy by then have failed (`healthTimeout`)."""
    poll_interval: float = 10.0
    paused: bool = False
    leaving: bool = False
    """The Cell is being deleted."""
    problem: Problem | None = None
    """The spec is invalid: nothing is done."""
