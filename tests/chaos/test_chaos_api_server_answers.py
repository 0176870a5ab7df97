"""An API server that refuses, fails, loses answers and cuts connections in mid-rollout: the same end each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.kube_proxy import KubeFault
from tests.chaos.lanes import PATIENCE, REGIONS, Rollout
from tests.chaos.shielded import Shield, shields
from tests.kube.controller_process import Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import steps

pytestmark = [pytest.mark.timeout(600)]

FAULTS: dict[str, dict[str, Any]] = {
    "409": {"code": 409, "reason": "Conflict", "method": "PATCH"},
    "410": {"code": 410, "reason": "Expired", "method": "GET"},
    "429": {"code": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "1"}},
    "429 without a word": {"code": 429, "reason": "TooManyRequests"},
    "500": {"code": 500, "reason": "InternalError"},
    "503": {"code": 503, "reason": "ServiceUnavailable"},
    "503 for watches": {"code": 503, "reason": "ServiceUnavailable", "watch": True},
    "504 though it was done": {"code": 504, "reason": "Timeout", "applied": True},
    "cut": {"code": 0},
    "cut though it was done": {"code": 0, "applied": True},
}
PLAN = [20, 40, 60, 80]
END = [(100 - percent, percent) for percent in (0, *PLAN, 100)]

Trouble = Callable[[Rollout, Shield, Mapping[str, Any]], None]


def now_and_then(rollout: Rollout, shield: Shield, fault: Mapping[str, Any]) -> None:
    """Every third call, from before the first, as long as the rollout lasts; the first eight of the watches."""
    broken = KubeFault(**fault, times=8) if fault.get("watch") else KubeFault(**fault, every=3)
    shield.add(broken)
    with rollout.looked_after(shield.kubeconfig):
        rollout.until_done(synced)
    assert broken.hits >= 2


def in_bursts(rollout: Rollout, shield: Shield, fault: Mapping[str, Any]) -> None:
    """Every call, for a while, at two of the steps."""
    with rollout.looked_after(shield.kubeconfig):
        for percent in (20, 60):
            eventually(partial(rollout.has_been_at, percent), within=PATIENCE)
            broken = KubeFault(**fault)
            shield.add(broken)
            if fault.get("watch"):
                shield.cut_watches()
            eventually(partial(getattr, broken, "hits"), lambda hits: hits >= 3, within=PATIENCE)
            shield.clear()
        rollout.until_done(synced)


def synced(status: Mapping[str, Any]) -> bool:
    return status.get("phase") == "Synced" and status.get("stableVersion") == "1.1.0"


@pytest.mark.parametrize("trouble", [now_and_then, in_bursts])
def test_an_api_server_that_fails_in_mid_rollout_leads_to_the_same_end(
    aws_world: AwsWorld, controllers: Controllers, trouble: Trouble
) -> None:
    """All kinds of failure side by side, each with a rollout and a controller of its own."""

    def walk(number: int, region: str, name: str) -> None:
        with AwsWorld(aws_world.url, region=region) as world:
            listener = world.listener(world.load_balancer("answers"))
            plan = steps(*PLAN, each="1s")
            rollout = Rollout.begin(controllers, world, listener, number, updateStrategy=plan)
            try:
                trouble(rollout, shielded.make(controllers.namespace), FAULTS[name])
                assert rollout.shares == END
                assert rollout.object["status"]["rollouts"] == 1
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}\n{rollout.said()}") from error

    with (
        shields(controllers.cluster, controllers.folder) as shielded,
        ThreadPoolExecutor(len(FAULTS)) as lanes,
    ):
        list(lanes.map(walk, range(len(FAULTS)), REGIONS, FAULTS))


def test_watches_that_are_cut_all_the_time_hold_nothing_up(aws_world: AwsWorld, controllers: Controllers) -> None:
    """What people ask for still arrives: the rollout waits for an approval that comes by a watch."""
    plan = steps(20, each="1s")
    plan["canary"]["steps"] += [{"approval": {}}, {"setWeight": 60}]
    with shields(controllers.cluster, controllers.folder) as shielded:
        listener = aws_world.listener(aws_world.load_balancer("watches"))
        rollout = Rollout.begin(controllers, aws_world, listener, 0, updateStrategy=plan)
        shield = shielded.make(controllers.namespace)
        with rollout.looked_after(shield.kubeconfig):
            eventually(shield.cut_watches, lambda cut: cut >= 2, within=PATIENCE)
            eventually(
                lambda: controllers.status(rollout.name).get("phase"), lambda phase: phase == "Paused", within=PATIENCE
            )
            cuts = [shield.cut_watches() for _ in range(3)]
            controllers.command("approve", name=rollout.name)

            def ends_while_they_are_cut() -> bool:
                cuts.append(shield.cut_watches())
                return synced(controllers.status(rollout.name))

            eventually(ends_while_they_are_cut, within=PATIENCE)
        assert sum(cuts) >= 2
        assert rollout.shares == [(100 - percent, percent) for percent in (0, 20, 60, 100)]
