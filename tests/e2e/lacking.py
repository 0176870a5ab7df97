"""Proving that roles are exactly what Okra uses: a cluster as strict as they get, and a walk with a permission less."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from okra.testing.controlplane import OwnControlPlane
from tests.e2e.installed import RELEASE, Installed, Manifest
from tests.e2e.permissions import Audit, Permission
from tests.scenarios.eventually import eventually
from tests.support.crds import install_crds

NAMESPACE = "somewhere"
"""Of charts that are to be `moved` to the namespace of a lane."""
LANES = 4
PATIENCE = 120.0
OWNERS = {
    Permission("okra.mumoshu.github.io", "cells/finalizers", "update"),
    Permission("okra.mumoshu.github.io", "clustersets/finalizers", "update"),
    Permission("okra.mumoshu.github.io", "albs/finalizers", "update"),
    Permission("hotswap.mumoshu.github.io", "systems/finalizers", "update"),
}
"""An admission plugin asks for them for what a Cell or a set is to own; no request of Okra's is about them."""

Step = tuple[Callable[[], object], Callable[[], object]]


@dataclass(frozen=True)
class StrictCluster:
    """Who makes an object with an owner must be allowed to hold up that owner's end; every request is in the audit."""

    control_plane: OwnControlPlane
    audit: Audit

    def make_namespace(self, name: str) -> None:
        made = self.control_plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert made.status == 201, made

    def requests(self, namespace: str) -> list[dict[str, Any]]:
        """Of the Okra that is installed there. All were allowed."""
        found = self.audit.of(f"system:serviceaccount:{namespace}:{RELEASE}")
        refused = [each for each in found if each["annotations"]["authorization.k8s.io/decision"] != "allow"]
        assert refused == []
        return found


@contextmanager
def strict_cluster(folder: Path, binaries: Mapping[str, Path]) -> Iterator[StrictCluster]:
    audit = Audit(folder / "audit")
    flags = [*audit.flags(), "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"]
    with OwnControlPlane.start(folder / "controlplane", binaries, nodes=1, apiserver=flags) as own:
        install_crds(own)
        yield StrictCluster(own, audit)


def moved(chart: Sequence[Manifest], namespace: str) -> list[Manifest]:
    """The chart's objects, rendered for `NAMESPACE`, for another one."""
    found: list[Manifest] = json.loads(json.dumps(chart).replace(NAMESPACE, namespace))
    return found


class Scenario(Protocol):
    """What Okra does on an API server, each step waiting for its own end."""

    @property
    def okra(self) -> Installed: ...

    def steps(self) -> Iterator[Step]:
        """What is done, and how it is known to be over."""
        ...


def ready(okra: Installed) -> bool:
    """Is the controller that was started last?"""
    last = okra.controllers.started[-1]
    assert last.life.poll() is None, last.text
    return bool(last.entries("Started")) and last.get("/readyz")[0] == 200


def walk(scenario: Scenario) -> None:
    """To its end."""
    for act, over in scenario.steps():
        act()
        eventually(over, within=PATIENCE)


def walk_without(missing: Permission, scenario: Scenario) -> str:
    """To where it is missed: what else happened than that Okra says so and stays up; empty if nothing."""
    okra = scenario.okra
    controllers = okra.controllers
    for act, over in scenario.steps():
        act()
        try:
            eventually(either(partial(says, okra, missing), over), within=PATIENCE)
        except AssertionError:
            text, status = controllers.started[-1].text[-2000:], controllers.status()
            return f"{missing}: nobody said so:\n{text}\n{status}"
        if says(okra, missing):
            last = controllers.started[-1]
            code, crashed = last.life.poll(), last.entries("ActorFailed")
            return "" if code is None and not crashed else f"{missing}: {code=} {crashed=}"
    return f"{missing}: nobody missed it"


def either(*asked: Callable[[], object]) -> Callable[[], bool]:
    return lambda: any(each() for each in asked)


def says(okra: Installed, missing: Permission) -> bool:
    """In the log, or in the Cell's status."""
    text = "".join(each.text for each in okra.controllers.started) + json.dumps(okra.controllers.status())
    owners = "Okra may not update the finalizers of whom the "
    return (owners if missing in OWNERS else f"Okra may not {missing} ") in text


def in_lanes(walk_of: Callable[[int], str], count: int) -> None:
    """Several at once. AssertionError with what was wrong with each."""
    with ThreadPoolExecutor(LANES) as lanes:
        problems = [problem for problem in lanes.map(walk_of, range(count)) if problem]
    assert not problems, "\n\n".join(problems)
