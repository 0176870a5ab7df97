"""`make controlplane`, with a Go that only pretends. What the real one builds, the tests in tests/kube use."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane.binaries import MODULES, Module, missing, place, places

ALL = [piece.name for module in MODULES for piece in module.pieces]
BINARIES = [binary.name for module in MODULES for binary in module.binaries]
GO = """#!/bin/sh
if [ "$1" = mod ]; then echo "{\\"Dir\\": \\"$RELEASED\\"}"; exit; fi
while [ "$1" != -o ]; do shift; done
echo "$3" >> "$BUILT"
if [ "$3" = "$BROKEN" ]; then printf half > "$2"; echo "it does not compile" >&2; exit 1; fi
printf whole > "$2"
chmod +x "$2"
"""


class Machine:
    """A home of its own, with a Go or without."""

    def __init__(self, folder: Path) -> None:
        self._bin, self._log = folder / "bin", folder / "built"
        self._bin.mkdir()
        self._log.touch()
        self.released = folder / "released"
        (self.released / "manifests/crds").mkdir(parents=True)
        for name in ("application-crd.yaml", "kustomization.yaml"):
            (self.released / "manifests/crds" / name).write_text(name)
        self.environ = {
            "PATH": str(self._bin),
            "BUILT": str(self._log),
            "RELEASED": str(self.released),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def with_go(self, broken: str = "") -> Machine:
        go = self._bin / "go"
        go.write_text(GO.replace("#!/bin/sh", "#!/bin/sh\nPATH=/usr/bin:/bin"))
        go.chmod(0o755)
        self.environ["BROKEN"] = broken
        return self

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.controlplane.build", *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def build(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=50)
            return process.returncode, out, err

    def built(self) -> list[str]:
        """The packages for which Go was run."""
        return self._log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """This process sees the same cache."""
    machine = Machine(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", machine.environ["XDG_CACHE_HOME"])
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return machine


def test_it_builds_everything_with_a_line_for_each_and_then_nothing(machine: Machine) -> None:
    code, out, _ = machine.with_go().build()
    assert code == 0
    assert [line.split()[2] for line in out.splitlines() if " of " in line] == ALL
    assert f"(1 of {len(ALL)})" in out
    assert not missing()
    made = {name: path for module in MODULES for name, path in places(module.name).items()}
    assert {made[name].read_text() for name in BINARIES} == {"whole"}
    assert machine.build() == (0, "", "")
    assert len(machine.built()) == len(BINARIES)


def test_definitions_are_copied_from_the_released_module(machine: Machine) -> None:
    assert machine.with_go().build("argocd")[0] == 0
    copied = places("argocd")["argocd-crds"]
    assert [file.name for file in copied.iterdir()] == ["application-crd.yaml"]
    machine.released.rename(machine.released.with_name("gone"))
    assert machine.build("argocd") == (0, "", "")


def test_of_one_module_it_builds_nothing_else(machine: Machine) -> None:
    assert machine.with_go().build("kubernetes")[0] == 0
    assert {module.name for module, _ in missing()} == {"helm", "argocd"}
    assert machine.build("kubernets")[0] == 2


def test_without_go_it_says_what_to_install_and_what_it_could_not_build(machine: Machine) -> None:
    code, out, err = machine.build()
    assert (code, out) == (1, "")
    assert "etcd, kube-apiserver" in err
    assert "Install Go" in err
    assert "KUBEBUILDER_ASSETS" in err


def test_a_failed_build_leaves_no_half_binary_and_the_next_one_goes_on_there(machine: Machine) -> None:
    scheduler = "k8s.io/kubernetes/cmd/kube-scheduler"
    code, _, err = machine.with_go(broken=scheduler).build()
    assert code == 1
    assert "can't build kube-scheduler" in err
    assert "it does not compile" in err
    assert [piece.name for _, piece in missing()] == ALL[ALL.index("kube-scheduler") :]

    assert machine.with_go().build()[0] == 0
    assert machine.built().count("k8s.io/kubernetes/cmd/kube-apiserver") == 1
    assert machine.built().count(scheduler) == 2


def test_a_build_waits_for_another_and_does_not_repeat_its_work(machine: Machine) -> None:
    lock = MODULES[0].folder.parent / ".lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with machine.with_go().start() as waiting:
            assert waiting.stdout is not None
            assert "waiting for another build" in waiting.stdout.readline()
            for path in places("kubernetes").values():
                path.parent.mkdir(exist_ok=True)
                path.touch(mode=0o755)
            held.close()
            out, err = waiting.communicate(timeout=50)
    assert err == ""
    assert "building helm (1 of 3)" in out
    assert machine.built() == ["helm.sh/helm/v4/cmd/helm", "okra.test/argocd"]


def test_binaries_that_somebody_gave_are_used_and_not_built(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "assets" / "kube-apiserver"
    given.parent.mkdir()
    given.touch(mode=0o755)
    machine.environ["KUBEBUILDER_ASSETS"] = str(given.parent)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(given.parent))
    assert places("kubernetes")["kube-apiserver"] == given
    assert machine.with_go().build()[0] == 0
    assert "k8s.io/kubernetes/cmd/kube-apiserver" not in machine.built()
    assert "go.etcd.io/etcd/server/v3" in machine.built()
    assert not missing()


def test_a_changed_pin_is_another_folder(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODULES[0]
    copy = tmp_path / module.name
    copy.mkdir()
    for file in ("go.mod", "go.sum"):
        (copy / file).write_bytes((module.source / file).read_bytes())
    before = module.folder
    monkeypatch.setattr(Module, "source", property(lambda self: copy))
    assert module.folder == before
    with (copy / "go.sum").open("a") as sums:
        sums.write("\n")
    assert module.folder != before
    assert place(module, module.binaries[0]).parent == module.folder


def test_what_it_builds_is_what_the_modules_pin() -> None:
    for module in MODULES:
        pinned = (module.source / "go.mod").read_text()
        for binary in module.binaries:
            assert binary.package in pinned
