"""No server outlives those it runs for, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from okra.testing.controlplane import OwnControlPlane, start_shared
from tests.kube.processes import linux, none_is_left, processes

SERVERS = {"etcd", "kube-apiserver", "kube-controller-manager"}


@linux
def test_a_shared_one_ends_when_the_session_is_killed(
    control_plane_binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "shared"
    with subprocess.Popen(["sleep", "600"]) as session:
        start_shared(folder, control_plane_binaries, owner=session.pid)
        assert processes(folder).keys() == {"keeper", *SERVERS}
        session.kill()
    assert none_is_left(folder)
    assert not (folder / "etcd").exists()


@linux
def test_servers_end_when_their_keeper_is_killed(control_plane_binaries: Mapping[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "own"
    with OwnControlPlane.start(folder, control_plane_binaries):
        os.kill(processes(folder)["keeper"], signal.SIGKILL)
        assert none_is_left(folder)


OWNER = """
import os, signal, sys
from pathlib import Path
from okra.testing.controlplane import OwnControlPlane
from tests.controlplane.binaries import places
own = OwnControlPlane.start(Path(sys.argv[1]), places("kubernetes"))
own.freeze_apiserver()
os.kill(os.getpid(), signal.SIGKILL)
"""


@linux
def test_a_frozen_one_ends_when_its_owner_is_killed(control_plane_binaries: Mapping[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "own"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", OWNER, folder], env=environ, timeout=50, check=False)
    assert done.returncode == -signal.SIGKILL
    assert none_is_left(folder)


def test_a_server_that_does_not_start_is_told_with_its_log(
    control_plane_binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho no room on the disk\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(RuntimeError, match="etcd ended with 1:\nno room on the disk"):
        OwnControlPlane.start(tmp_path / "own", {**control_plane_binaries, "etcd": broken})
    assert none_is_left(tmp_path / "own")


CONFTEST = """
from tests.conftest import detector
from tests.support.controlplane import control_plane, control_plane_binaries, control_plane_may_block
"""
ONE_OF_MANY = """
import os, signal
from pathlib import Path

def test_sees_it(control_plane):
    (Path(__file__).parent / "seen" / control_plane.url.rpartition(":")[2]).touch()
    assert control_plane.call("GET", "/version").status == 200

def test_worker_is_killed(control_plane):
    if __file__.endswith("test_2.py"):
        os.kill(os.getpid(), signal.SIGKILL)

def test_sees_it_again(control_plane):
    test_sees_it(control_plane)
"""


@linux
@pytest.mark.timeout(180)
def test_all_workers_of_a_session_share_one_which_outlives_a_worker_but_not_the_session(
    control_plane_binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "seen").mkdir()
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(4):
        (tmp_path / f"test_{number}.py").write_text(ONE_OF_MANY)
    temporary = tmp_path / "temporary"
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    options = f"-c {os.devnull} --rootdir {tmp_path} --basetemp {temporary} -p no:cacheprovider -q -n 2 --dist load"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), str(tmp_path)],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert "1 failed, 11 passed" in done.stdout, done.stdout  # the killed one
    assert len(list((tmp_path / "seen").iterdir())) == 1
    assert none_is_left(temporary)
