"""Which binaries make the real control plane and what runs on it, and where they are.

They live in a cache outside the checkout, `$XDG_CACHE_HOME/okra/controlplane/MODULE-KEY`, where KEY is a hash of all
that decides what comes out: checkouts share what is equal, and a changed pin is a new folder. Where
`KUBEBUILDER_ASSETS` names a folder, as it does for other projects' tests, a binary that is in there is used instead.

Programs of required modules are built by their import path (`tool` in go.mod keeps their dependencies pinned). The only
Go code of our own is a main for what its module ships as a library.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Binary:
    name: str
    package: str
    seconds: int
    """About so many on two idle cores, after those before it, from an empty Go cache."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Of the released module, copied as it is."""

    name: str
    path: str
    files: str
    """Which of the files in it, as a pattern."""


@dataclass(frozen=True, slots=True)
class Module:
    """One go.mod with its own versions. A further one (a folder beside `kubernetes/`) is one more entry in MODULES."""

    name: str
    release_of: str
    """The module in go.mod whose version the binaries say they are."""
    variables: Mapping[str, str]
    """Where they say so: a release is linked with these values."""
    binaries: tuple[Binary, ...]
    folders: tuple[Folder, ...] = ()

    @property
    def pieces(self) -> tuple[Binary | Folder, ...]:
        return (*self.binaries, *self.folders)

    @property
    def source(self) -> Path:
        return HERE / self.name

    @property
    def folder(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "okra" / "controlplane" / f"{self.name}-{self._key()}"

    def flags(self) -> list[str]:
        """For `go build`. Without symbols, paths and cgo: half the size, the same bytes everywhere, no C compiler."""
        version = self._version()
        number = version.removeprefix("v")
        major, minor, _ = number.split(".", 2)
        linker = ["-s", "-w"]
        for variable, value in self.variables.items():
            linker += ["-X", f"{variable}={value.format(version=version, number=number, major=major, minor=minor)}"]
        return ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]

    def _version(self) -> str:
        for line in (self.source / "go.mod").read_text().splitlines():
            match line.removeprefix("require ").split():
                case [name, version, *_] if name == self.release_of:
                    return version
        raise LookupError(f"{self.source / 'go.mod'} requires no {self.release_of}")

    def _key(self) -> str:
        packages = [(binary.name, binary.package) for binary in self.binaries]
        digest = hashlib.sha256(repr((sys.platform, platform.machine(), self.flags(), packages)).encode())
        for file in ("go.mod", "go.sum"):
            digest.update((self.source / file).read_bytes())
        for code in sorted(self.source.glob("*.go")):
            digest.update(code.read_bytes())
        digest.update(repr(self.folders).encode() if self.folders else b"")
        return digest.hexdigest()[:16]


MODULES = (
    Module(
        "kubernetes",
        release_of="k8s.io/kubernetes",
        variables={
            "k8s.io/component-base/version.gitVersion": "{version}",
            "k8s.io/component-base/version.gitMajor": "{major}",
            "k8s.io/component-base/version.gitMinor": "{minor}",
        },
        binaries=(
            Binary("etcd", "go.etcd.io/etcd/server/v3", 30),
            Binary("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 100),
            Binary("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 50),
            Binary("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 5),
            Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok", 10),
            Binary("kubectl", "k8s.io/kubernetes/cmd/kubectl", 20),
        ),
    ),
    Module(
        "helm",
        release_of="helm.sh/helm/v4",
        variables={"helm.sh/helm/v4/internal/version.version": "{version}"},
        binaries=(Binary("helm", "helm.sh/helm/v4/cmd/helm", 130),),
    ),
    Module(
        "argocd",
        release_of="github.com/argoproj/argo-cd/v3",
        variables={"github.com/argoproj/argo-cd/v3/common.version": "{number}"},
        binaries=(Binary("argocd-applicationset-controller", "okra.test/argocd", 150),),
        folders=(Folder("argocd-crds", "manifests/crds", "*-crd.yaml"),),
    ),
)


def place(module: Module, piece: Binary | Folder) -> Path:
    """Where this is, or will be once it is built."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = Path(assets) / piece.name if assets else None
    return given if given is not None and given.exists() else module.folder / piece.name


def places(module: str) -> dict[str, Path]:
    """What a module gives, by name, built or not."""
    return {piece.name: place(each, piece) for each in MODULES if each.name == module for piece in each.pieces}


def missing(module: str | None = None) -> list[tuple[Module, Binary | Folder]]:
    """What has to be built or copied, in this order; of one module only, if named."""
    return [
        (each, piece)
        for each in MODULES
        if module in (None, each.name)
        for piece in each.pieces
        if not os.access(place(each, piece), os.X_OK)
    ]
