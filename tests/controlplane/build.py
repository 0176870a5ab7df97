"""`make controlplane`: build what is missing of the real control plane; nothing to do takes a fraction of a second.

    python -m tests.controlplane.build [MODULE]        of this module only

Each binary is built beside its place and then renamed, so that an interrupted build leaves whole binaries only and goes
on where it was. Two builds at once take turns.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.controlplane.binaries import MODULES, Binary, Folder, Module, missing

NO_GO = (
    "Go is not in PATH. Install Go 1.26 or newer (https://go.dev/dl), "
    "or set KUBEBUILDER_ASSETS to a folder that holds the binaries"
)


class BuildError(Exception):
    """Why there is no control plane, and what to do about it, in words for a person."""


def build_missing(module: str | None = None) -> None:
    """Of one module only, if named. Raises BuildError."""
    absent = missing(module)
    if not absent:
        return
    go = shutil.which("go")
    if go is None:
        raise BuildError(f"can't build {', '.join(piece.name for _, piece in absent)}: {NO_GO}")
    folder = absent[0][0].folder.parent
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / ".lock"):
        wanted = missing(module)  # another build may have made some meanwhile
        for number, (of, piece) in enumerate(wanted, 1):
            of.folder.mkdir(exist_ok=True)
            count = f"({number} of {len(wanted)})"
            if isinstance(piece, Folder):
                _say(f"copying {piece.name} {count} from the source of {of.release_of}")
                _copy(go, of, piece)
                continue
            _say(
                f"building {piece.name} {count}: "
                f"about {piece.seconds} s on two idle cores from an empty Go cache, much less from a warm one"
            )
            began = time.monotonic()
            _build(go, of, piece)
            _say(f"built {piece.name} in {time.monotonic() - began:.0f} s")


def _build(go: str, module: Module, binary: Binary) -> None:
    new = module.folder / f".{binary.name}.new"
    _go(go, module, binary.name, "build", *module.flags(), "-o", str(new), binary.package)
    new.replace(module.folder / binary.name)


def _copy(go: str, module: Module, folder: Folder) -> None:
    released = json.loads(_go(go, module, folder.name, "mod", "download", "-json", module.release_of))["Dir"]
    new = module.folder / f".{folder.name}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for file in Path(released, folder.path).glob(folder.files):
        (new / file.name).write_bytes(file.read_bytes())  # without its mode: Go keeps its sources read-only
    new.replace(module.folder / folder.name)


def _go(go: str, module: Module, name: str, *arguments: str) -> str:
    """What Go printed. `name`: what it is run for."""
    done = subprocess.run(
        [go, *arguments],
        cwd=module.source,
        # What a developer set for other Go work must not change what comes out.
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise BuildError(f"can't build {name} in {module.source}:\n{said}")
    return done.stdout


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One build at a time on this machine. The kernel gives the lock back however a build ends."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another build (lock: {lock})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(f"controlplane: {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane.build")
    parser.add_argument("module", nargs="?", choices=[module.name for module in MODULES])
    try:
        build_missing(parser.parse_args().module)
    except BuildError as error:
        print(f"controlplane: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
