"""The pages of `okra controller`, and who may read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kube.controller_process import GROUP, Controllers
from tests.scenarios.eventually import eventually

pytestmark = [pytest.mark.timeout(300)]


def test_a_check_does_not_read_the_debug_pages_of_the_controller_that_runs_it(controllers: Controllers) -> None:
    controller = controllers.start("--no-leader-elect")
    at = controller.until("Started")["listen"]
    assert controller.get("/debug/actors")[0] == 200
    analysis = {"interval": "1s", "max": 0, "provider": {"web": {"url": f"http://{at}/debug/actors"}}}
    curious = {"metadata": {"name": "curious"}, "spec": {"analysis": analysis}}
    controllers.apply({"apiVersion": GROUP, "kind": "Check", **curious})

    def results() -> list[dict[str, Any]]:
        status = controllers.find("curious", "checks").get("status", {})
        return list(status.get("analysis", {}).get("results", []))

    first = eventually(results, bool)[0]
    assert "that is Okra itself, which no check may ask" in first["reason"]
    assert "root" not in json.dumps(first)
