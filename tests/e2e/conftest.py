"""The whole of it: a real control plane, the double of AWS, and Okra with the rights that the chart gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld, Route
from tests.e2e.installed import Installed, Manifest, rendered
from tests.kube.controller_fixtures import controllers, kube_world, no_loop_by_accident
from tests.kube.controller_process import Controllers
from tests.scenarios.observer import Observer
from tests.support.aws import aws_server
from tests.support.controlplane import (
    control_plane,
    control_plane_binaries,
    control_plane_may_block,
    helm,
    kube_namespace,
    own_control_plane,
)
from tests.support.crds import okra_crds

__all__ = [
    "aws_server",
    "control_plane",
    "control_plane_binaries",
    "control_plane_may_block",
    "controllers",
    "helm",
    "kube_namespace",
    "kube_world",
    "no_loop_by_accident",
    "okra_crds",
    "own_control_plane",
]

Observe = Callable[[Route], Observer]
Chart = Callable[[str], list[Manifest]]
SOMEWHERE = "some-namespace-or-other"


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart's rights in a namespace, for that namespace only. Helm takes a second: it is asked once."""
    text = json.dumps(rendered(helm, SOMEWHERE, f"scope.namespace={SOMEWHERE}"))
    return lambda namespace: list(json.loads(text.replace(SOMEWHERE, namespace)))


@pytest.fixture
def okra(controllers: Controllers, chart: Chart) -> Installed:
    """Okra, installed in the test's namespace. `okra.start()` is one replica."""
    return Installed(controllers, chart(controllers.namespace))


@pytest.fixture
def observe(kube_world: AwsWorld) -> Observe:
    """Begin to look at a route."""
    return lambda route: Observer(kube_world.url, route)
