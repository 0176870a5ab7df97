"""The real Helm, from the same cache as the control plane."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from okra.testing.controlplane import OwnControlPlane
from tests.chart.objects import Manifest, objects_in
from tests.kube.controller_fixtures import (
    aws_server,
    aws_world,
    control_plane,
    control_plane_binaries,
    control_plane_may_block,
    controllers,
    kube_namespace,
    okra_crds,
    world_may_block,
)
from tests.support.controlplane import helm as helm_binary

__all__ = [
    "aws_server",
    "aws_world",
    "control_plane",
    "control_plane_binaries",
    "control_plane_may_block",
    "controllers",
    "helm_binary",
    "kube_namespace",
    "okra_crds",
    "world_may_block",
]

CHART = Path(__file__).parents[2] / "charts" / "okra"
IMAGE = ("--set", "image.repository=registry.example.com/okra")
WITHOUT_KINDS = (CHART, *IMAGE, "--set", "crds.enabled=false", "--set", "crds.policies=false")
"""The kinds take most of Helm's time, and belong to the whole cluster."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Rendered = Callable[..., list[Manifest]]
Refused = Callable[..., str]


def runs(helm: Path, home: Path, kubeconfig: Path | None = None) -> Run:
    """`helm …`, with nothing of the developer's own; a failure shows what it said unless `check` is False."""

    def run(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"} | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
        command = [str(helm), *map(str, arguments)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def helm(helm_binary: Path, tmp_path: Path) -> Run:
    return runs(helm_binary, tmp_path)


@pytest.fixture
def rendered(helm: Run) -> Rendered:
    """The objects of `helm template okra` with these `--set` and `--set-string` values; the kinds if these say so."""

    def render(*values: str, strings: Sequence[str] = ()) -> list[Manifest]:
        sets = [part for value in values for part in ("--set", value)]
        sets += [part for value in strings for part in ("--set-string", value)]
        return objects_in(helm("template", "okra", *WITHOUT_KINDS, "--namespace", "okra-system", *sets).stdout)

    return render


@pytest.fixture
def refused(helm: Run) -> Refused:
    """What Helm says to these `--set` values, which it must not take."""

    def refuse(*values: str) -> str:
        sets = [part for value in values for part in ("--set", value)]
        done = helm("template", "okra", *WITHOUT_KINDS, *sets, check=False)
        assert done.returncode != 0, "it is taken"
        return done.stderr

    return refuse


@pytest.fixture
def cluster(
    control_plane_binaries: Mapping[str, Path], control_plane_may_block: None, tmp_path: Path
) -> Iterator[OwnControlPlane]:
    """One of the test's own: the chart's kinds belong to the whole cluster. Pods run on its node."""
    with OwnControlPlane.start(tmp_path / "controlplane", control_plane_binaries, nodes=1) as own:
        yield own
