"""The image can't be built without a daemon; what it installs, and how, can be tried without one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """(instruction, its argument) of the Dockerfile; continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (REPOSITORY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions after each FROM: those of the build, and those of the image."""
    all_of_them = instructions()
    first, second = [number for number, (name, _) in enumerate(all_of_them) if name == "FROM"]
    return [all_of_them[first + 1 : second], all_of_them[second + 1 :]]


def build_stage() -> list[tuple[str, str]]:
    return stages()[0]


@pytest.mark.timeout(400)
def test_the_steps_of_the_build_make_an_okra_that_runs(tmp_path: Path) -> None:
    """Each RUN and COPY of the build stage, in a folder in place of the image's root."""
    root = tmp_path / "root"
    src = root / "src"
    (root / "opt").mkdir(parents=True)
    src.mkdir()
    environ = {"PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environ |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    for name, argument in build_stage():
        if name == "RUN":
            command = argument.replace("/opt/", f"{root}/opt/")
            done = subprocess.run(
                ["sh", "-ec", command], cwd=src, env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{argument}\n{done.stdout}\n{done.stderr}"
        elif name == "COPY":
            *sources, target = argument.split()
            for source in sources:
                copy(REPOSITORY / source, src / target / (Path(source).name if target.endswith("/") else ""))
    okra = root / "opt" / "okra" / "bin" / "okra"
    said = subprocess.run([okra, "--version"], cwd="/", env={}, capture_output=True, text=True, check=True).stdout
    assert re.search(r"\d+\.\d+\.\d+", said)
    subprocess.run([okra, "controller", "--help"], cwd="/", env={}, capture_output=True, check=True)
    left = {each.name for each in (root / "opt" / "okra" / "bin").iterdir()}
    assert not {"pip", "pip3"} & left, "nothing in the image installs anything"


@pytest.mark.timeout(200)
def test_the_image_has_no_pip_of_its_base_either(tmp_path: Path) -> None:
    """The RUN of the image's stage, on an environment in place of the base's Python."""
    base = tmp_path / "usr" / "local"
    venv.create(base, with_pip=True)
    (library,) = (base / "lib").glob("python3*")
    (library / "ensurepip").mkdir()
    (command,) = [argument for name, argument in stages()[1] if name == "RUN"]
    environ = {"PATH": f"{base}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        ["sh", "-ec", command.replace("/usr/local", str(base))], env=environ, capture_output=True, check=True
    )
    left = [str(each.relative_to(base)) for each in base.rglob("*") if re.search("pip|setuptools", each.name)]
    assert left == []


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_what_is_copied_is_in_the_build_context() -> None:
    """.dockerignore shuts out everything but what COPY names."""
    allowed = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for name, argument in build_stage() if name == "COPY" for source in shlex.split(argument)[:-1]}
    assert copied == allowed


def test_the_image_runs_the_controller_as_nobody() -> None:
    final = dict(stages()[1])
    assert final["USER"] == "65532:65532"
    assert (final["ENTRYPOINT"], final["CMD"]) == ('["okra"]', '["controller"]')
