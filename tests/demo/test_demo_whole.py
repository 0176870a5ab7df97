"""The demo as a user runs it: its exit code, its table, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from okra.cli.demo import demo
from tests.demo.performances import PATIENCE, ROOT, assert_all_of_it_happened, left_of, performance, wait_for


@pytest.mark.timeout(200)
def test_the_demo_really_moves_traffic_catches_the_bad_version_and_leaves_nothing_behind(
    demo_environ: dict[str, str], tmp_path: Path
) -> None:
    with performance(demo_environ) as process:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        assert not left_of(process)
    assert_all_of_it_happened(said)
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.timeout(200)
def test_a_demo_whose_bad_version_is_good_says_what_did_not_happen(demo_environ: dict[str, str]) -> None:
    with performance(demo_environ, "--sabotage") as process:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1, said
    assert "Not all of it happened:" in said
    assert "- 1.2.0 failed no request" in said
    assert "- the Cell's stable version is 1.2.0, not 1.1.0" in said
    assert "│ failing verdict to confirmed revert │ never │" in said


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Starting a double", signal.SIGINT),
        ("Starting a double", signal.SIGTERM),
        ("1.0.0 serves", signal.SIGINT),
        ("StepStarted", signal.SIGTERM),
    ],
)
@pytest.mark.timeout(120)
def test_an_interrupted_demo_ends_at_once_with_no_process_and_no_file_left(
    demo_environ: dict[str, str], tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    with performance(demo_environ) as process:
        wait_for(process, moment)
        os.killpg(process.pid, number)  # as a terminal does: children get it too
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert not left_of(process)
    assert "Traceback" not in said
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.timeout(200)
def test_a_demo_that_is_kept_shows_its_pages_and_takes_commands_until_it_is_stopped(
    demo_environ: dict[str, str],
) -> None:
    with performance(demo_environ, "--keep") as process:
        wait_for(process, "Everything still runs")
        lines = [wait_for(process, text) for text in (" status web --state ", " rollback web 1.0.0 ", "/debug/actors")]
        command, rollback, curl = (line.split() for line in lines)
        with urllib.request.urlopen(curl[1], timeout=10) as answer:
            assert answer.status == 200
        done = subprocess.run(command, env=demo_environ, capture_output=True, text=True, check=True)
        assert "Blocked   1.2.0" in done.stdout
        subprocess.run(rollback, env=demo_environ, capture_output=True, check=True)
        wait_for(process, "RolloutCompleted: 1.0.0 holds all of the traffic.")
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert not left_of(process)


@pytest.mark.parametrize("missing", ["moto", "flask", "boto3", "cryptography"])
def test_without_the_extra_the_demo_says_how_to_get_it(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert demo(plain=True, keep=False, quick=True, sabotage=False) == 2
    assert capsys.readouterr().err == "The demo needs its extra: pip install 'okra[demo]'\n"


def test_the_help_of_the_command_line_loads_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys\n"
        "from okra.cli import main\n"
        "sys.argv = ['okra', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stderr.split())
    assert "demo" in done.stdout
    assert not loaded & {"aiohttp", "aiobotocore", "botocore", "boto3", "moto", "pydantic", "structlog", "asyncio"}
