"""The programs of a Kubernetes control plane, which the demo on Kubernetes runs: where they are on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


def find_binaries(environ: Mapping[str, str]) -> tuple[dict[str, Path], list[str]]:
    """By name, and the names of those that are nowhere.

    `KUBEBUILDER_ASSETS` comes first, as for other projects' tools: what its folder lacks is filled up, but a folder
    with none of them is a mistake, which nothing else may hide. Else what `make controlplane` has built, into a folder
    for each set of versions: for a demo the newest will do, whichever checkout it is of.
    """
    folders = list(_folders(environ))
    found = {name: path for name in NEEDED if (path := _first(folders, name)) is not None}
    return found, [name for name in NEEDED if name not in found]


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        yield Path(assets)
        if not any(_first([Path(assets)], name) for name in NEEDED):
            return
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = (cache / "okra" / "controlplane").glob("kubernetes-*")
    yield from sorted(built, key=lambda folder: folder.stat().st_mtime, reverse=True)


def _first(folders: list[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if os.access(folder / name, os.X_OK)), None)
