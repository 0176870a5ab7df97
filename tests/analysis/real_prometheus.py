"""A real Prometheus on a free port, over samples written before it starts: nothing is scraped or waited for."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from okra.testing.controlplane.servers import ending_with
from tests.support.binaries import binaries

USERNAME, PASSWORD = "okra", "the-password"
PASSWORD_BCRYPT = "$2b$04$abcdefghijklmnopqrstuujfuDmBVdEpp/rsXBeSw0ec5YfAUJRh."


@contextmanager
def running(openmetrics: str, folder: Path) -> Iterator[str]:
    """The URL of a server, behind basic authentication, that holds the samples of an OpenMetrics text."""
    found = binaries("prometheus")
    samples, data = folder / "samples.txt", folder / "data"
    samples.write_text(openmetrics)
    subprocess.run(
        [found / "promtool", "tsdb", "create-blocks-from", "openmetrics", samples, data],
        check=True,
        capture_output=True,
        timeout=60,
    )
    (folder / "prometheus.yml").write_text("{}")
    (folder / "web.yml").write_text(f'basic_auth_users: {{{USERNAME}: "{PASSWORD_BCRYPT}"}}\n')
    port = _free_port()
    process = subprocess.Popen(
        [
            found / "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--web.config.file={folder / 'web.yml'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ending_with(os.getpid()),
    )
    try:
        assert process.stderr is not None, "it is a pipe"
        with process.stderr as log:
            _until_ready(log)
            yield f"http://127.0.0.1:{port}"
            process.terminate()
            log.read()
    finally:
        process.kill()
        process.wait(timeout=30)


def _until_ready(log: Iterator[str]) -> None:
    said = []
    for line in log:
        said.append(line)
        if "Server is ready to receive web requests" in line:
            return
    pytest.fail("Prometheus did not start:\n" + "".join(said[-20:]))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
