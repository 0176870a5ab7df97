"""Parts of the demo on Kubernetes: what it makes of Events, and of a controller that ends before its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from okra.demo.cluster_events import happened_of, is_new
from okra.demo.controller import controller_running
from okra.demo.failure import CantGoOn, leaves
from okra.demo.home_cluster import ClusterHome
from okra.demo.keep import things_to_try
from okra.demo.ledger import Happened
from okra.testing.controlplane import ControlPlane


def event(count: int = 1, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "metadata": {"name": "web.1f"},
        "eventTime": "1970-01-01T00:00:10.250000Z",
        "reportingController": "okra.mumoshu.github.io/controller",
        "regarding": {"kind": "Cell", "name": "web"},
        "type": "Warning",
        "reason": "CheckFailed",
        "note": "errors: 0.05 > max 0.02",
    }
    series = {"series": {"count": count, "lastObservedTime": "1970-01-01T00:00:11.000000Z"}} if count > 1 else {}
    return {**found, **series, **changes}


def test_an_event_is_told_once_and_again_when_it_happens_again() -> None:
    told: dict[str, int] = {}
    counts = (1, 1, 2, 2, 3)
    assert [is_new(event(count), told) for count in counts] == [True, False, True, False, True]


def test_the_events_of_others_are_not_okras() -> None:
    assert not is_new(event(reportingController="garbage-collector"), {})


def test_an_event_happened_when_it_was_seen_last() -> None:
    expected = Happened(10.25, "cell/web", "CheckFailed", "errors: 0.05 > max 0.02", True, "1.2.0")
    assert happened_of(event(), "1.2.0") == expected
    assert happened_of(event(2), "1.2.0").at == 11.0


async def test_a_controller_that_ends_by_itself_is_said_with_the_last_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(BaseException) as raised:
        async with controller_running(tmp_path / "nowhere", tmp_path):
            pytest.fail("it can't have started")
    (error,) = leaves(raised.value)
    assert isinstance(error, CantGoOn)
    assert "okra controller ended with 2" in str(error)
    assert "There is no kubeconfig at" in str(error)


def test_a_visitor_is_told_how_to_watch_and_what_to_try(tmp_path: Path) -> None:
    binaries = {"kubectl": Path("/a folder/kubectl")}
    plane = ControlPlane("", tmp_path, Path("/demo/kubeconfig"), tmp_path, tmp_path, binaries, tmp_path)
    said = things_to_try(ClusterHome(Path("/demo"), plane).to_try("okra"), "127.0.0.1:1", "http://127.0.0.1:2")
    lines = [line.strip() for line in said.splitlines()]
    assert "export KUBECONFIG=/demo/kubeconfig KUBECACHEDIR=/demo/kubectl PATH='/a folder':$PATH" in lines
    assert "kubectl events --for cell/web" in lines
    assert 'okra rollback web 1.0.0 --kubeconfig "$KUBECONFIG"' in lines
    assert "curl http://127.0.0.1:1/debug/cells/default/web" in lines
