"""Fixtures around the real control plane (`tests/controlplane`): import what is needed into a conftest.

    from tests.support.controlplane import control_plane, kube_namespace, own_control_plane

`control_plane` is one for the whole session, shared by all of its processes: a test keeps to its own `kube_namespace`,
and names what has no namespace after that. Who restarts or freezes the API server takes an `own_control_plane`, four
seconds each.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from okra.testing.controlplane import ControlPlane, OwnControlPlane, start_shared
from tests.controlplane.binaries import missing, places


@pytest.fixture(scope="session")
def control_plane_binaries() -> Mapping[str, Path]:
    """By name, those of Kubernetes."""
    return built("kubernetes")


@pytest.fixture(scope="session")
def helm() -> Path:
    """The real Helm."""
    return built("helm")["helm"]


@pytest.fixture(scope="session")
def control_plane_may_block(detector: BlockBuster) -> None:
    """Tests look at the control plane with synchronous calls, of some milliseconds each, in asynchronous tests too."""
    for function in detector.functions.values():
        function.can_block_in("okra/testing/controlplane/access.py", {"call", "kubectl", "kubeconfig_for"})


@pytest.fixture(scope="session")
def control_plane(
    control_plane_binaries: Mapping[str, Path],
    control_plane_may_block: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> ControlPlane:
    """The session's, with a node on which pods run and Jobs succeed. It ends when pytest does, or is killed."""
    folder, session = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder, session = folder.parent, os.getppid()
    folder = folder / "controlplane"
    folder.mkdir(exist_ok=True)
    ready = folder / "ready.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back with the process, also when a worker is killed
        if not ready.exists():
            started = start_shared(folder / "servers", control_plane_binaries, owner=session, nodes=1)
            new = ready.with_suffix(".new")
            new.write_text(json.dumps(started.as_json()))
            new.replace(ready)
        return ControlPlane(**ControlPlane.parse(ready.read_text()))


@pytest.fixture
def kube_namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own. Its deletion is asked for, not awaited: a cluster takes seconds over it."""
    name = namespace_name(request.node.name)
    made = control_plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made
    yield name
    control_plane.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def own_control_plane(
    control_plane_binaries: Mapping[str, Path], control_plane_may_block: None, tmp_path: Path
) -> Iterator[OwnControlPlane]:
    """One of the test's own, without nodes. Asynchronous tests call its methods in a thread: they take seconds."""
    with OwnControlPlane.start(tmp_path / "controlplane", control_plane_binaries) as own:
        yield own


def built(module: str) -> Mapping[str, Path]:
    """The binaries of a module. Without them: a failure where CONTROLPLANE=required, else a skip that says so."""
    absent = ", ".join(piece.name for _, piece in missing(module))
    if absent:
        reason = f"real control plane: no {absent}; `make controlplane` builds what is missing"
        if os.environ.get("CONTROLPLANE") == "required":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return places(module)


def namespace_name(test: str) -> str:
    """Tells whose it is in a log, and differs each time."""
    words = re.sub("[^a-z0-9]+", "-", test.removeprefix("test_").lower()).strip("-")
    return f"{words[:40].strip('-') or 'test'}-{uuid.uuid4().hex[:8]}"
