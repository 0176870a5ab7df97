"""The demo on Kubernetes as a user runs it, with the kubectl lines that it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from okra.cli.demo import demo
from okra.demo.binaries import NEEDED, find_binaries
from tests.controlplane.binaries import MODULES
from tests.demo.performances import PATIENCE, assert_all_of_it_happened, left_of, performance, wait_for

LINES = 5


@pytest.fixture
def on_kubernetes(
    demo_environ: dict[str, str], control_plane_binaries: Mapping[str, Path], tmp_path: Path
) -> dict[str, str]:
    """The environment of such a demo: wherever this machine has the control plane's programs."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in NEEDED:
        (assets / name).symlink_to(control_plane_binaries[name])
    return {**demo_environ, "KUBEBUILDER_ASSETS": str(assets), "XDG_CACHE_HOME": str(tmp_path / "none")}


def printed(process: subprocess.Popen[str]) -> list[str]:
    """The shell lines by which to watch it."""
    wait_for(process, "To watch from another terminal")
    assert process.stdout is not None
    process.stdout.readline()
    return [process.stdout.readline().strip() for _ in range(LINES)]


@contextmanager
def another_terminal(*lines: str) -> Iterator[subprocess.Popen[str]]:
    """A shell that runs these lines, for as long as they take."""
    shell = subprocess.Popen(
        ["bash", "-ec", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield shell
    finally:
        shell.kill()
        shell.communicate()


def told(*lines: str) -> str:
    """What they print there."""
    with another_terminal(*lines) as shell:
        said, _ = shell.communicate(timeout=60)
        assert shell.returncode == 0, said
    return said


@contextmanager
def held(process: subprocess.Popen[str]) -> Iterator[None]:
    """The demo stands still, and what it started goes on: there is time to look."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(250)
def test_the_demo_on_kubernetes_happens_under_the_eyes_of_kubectl_and_leaves_nothing_behind(
    on_kubernetes: dict[str, str], tmp_path: Path
) -> None:
    with performance(on_kubernetes, "--kubernetes") as process:
        export, watch, describe, events, checks = printed(process)
        with another_terminal(export, f"exec {watch}") as terminal:
            wait_for(process, "Soon there is a 1.2.0")  # nothing is measured now
            with held(process):
                assert "errors: 0 is within max 0.02" in told(export, describe)
                assert re.search(r"Normal +StepStarted +Cell/web +Step 1 of 2: 1\.1\.0 to 20 %", told(export, events))
                assert len(re.findall(r"^web-errors-web-1-1-0-[ab] ", told(export, checks), re.MULTILINE)) == 2
            said, _ = process.communicate(timeout=PATIENCE)
            watched, _ = terminal.communicate(timeout=60)  # it ends with the API server
        assert process.returncode == 0, said
        assert not left_of(process)
    assert_all_of_it_happened(said)
    for row in (r"web +Syncing +1\.0\.0 +1\.1\.0 +20% +1/2", r"web +Failed +1\.1\.0 +1\.1\.0"):
        assert re.search(row, watched), watched
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("moment", ["Starting a Kubernetes control plane", "StepStarted"])
@pytest.mark.timeout(120)
def test_an_interrupted_demo_on_kubernetes_ends_soon_with_no_process_and_no_file_left(
    on_kubernetes: dict[str, str], tmp_path: Path, moment: str
) -> None:
    with performance(on_kubernetes, "--kubernetes") as process:
        wait_for(process, moment)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: children get it too
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert not left_of(process)
    assert "Traceback" not in said
    assert not list((tmp_path / "tmp").iterdir())


def test_without_the_programs_of_a_control_plane_the_demo_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert demo(plain=True, keep=False, quick=True, sabotage=False, kubernetes=True) == 2
    said = capsys.readouterr().err
    assert "Here is no etcd, kube-apiserver, kube-controller-manager, kubectl." in said
    assert "`make controlplane`" in said


def test_a_folder_that_was_named_and_holds_none_of_them_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NEEDED:
        program(tmp_path / "okra" / "controlplane" / "kubernetes-1" / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", "/nope")
    assert demo(plain=True, keep=False, quick=True, sabotage=False, kubernetes=True) == 2
    said = capsys.readouterr().err
    assert "/nope (KUBEBUILDER_ASSETS) has no etcd, kube-apiserver, kube-controller-manager, kubectl." in said


def test_the_demo_finds_what_make_controlplane_has_built_and_kubebuilder_assets_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kubernetes = next(module for module in MODULES if module.name == "kubernetes")
    assert set(NEEDED) <= {binary.name for binary in kubernetes.binaries}
    for name in NEEDED:
        program(kubernetes.folder / name)
    own = program(tmp_path / "own" / "kubectl")
    environ = {"XDG_CACHE_HOME": str(tmp_path), "KUBEBUILDER_ASSETS": str(own.parent)}
    assert find_binaries(environ) == ({name: kubernetes.folder / name for name in NEEDED} | {"kubectl": own}, [])


def test_of_several_builds_the_newest_is_taken_and_a_half_built_one_is_filled_up(tmp_path: Path) -> None:
    folders = [tmp_path / "okra" / "controlplane" / f"kubernetes-{key}" for key in ("b", "a")]
    for age, folder in enumerate(folders):
        for name in NEEDED:
            program(folder / name)
        os.utime(folder, (age, age))
    older, newer = folders
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    assert find_binaries(environ) == ({name: newer / name for name in NEEDED}, [])
    (newer / "etcd").unlink()
    os.utime(newer, (9, 9))
    assert find_binaries(environ)[0]["etcd"] == older / "etcd"


def program(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o755)
    return file
