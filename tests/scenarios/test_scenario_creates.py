"""`okra run` of a Cell whose rule isn't there yet: killed anywhere, faults on CreateRule, two that race for it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import environ_for
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import cell
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

OWNER = "okra.mumoshu.github.io/owner"
AROUND = (3, 4)
"""Effects: said, looked, recorded; made. `tests/rollout` and `tests/actors` have the others."""
BLUE_GREEN: dict[str, Any] = {"updateStrategy": {"type": "BlueGreen"}}


class NewRule:
    """A listener that forwards to 1.0.0, a 1.1.0 beside it, and a Cell for a rule that isn't there."""

    def __init__(self, world: AwsWorld, name: str = "web") -> None:
        self.world = world
        tags = {"role": name}
        self.old = world.target_group(f"{name}-old", version="1.0.0", tags=tags, targets=1)
        self.new = world.target_group(f"{name}-new", version="1.1.0", tags=tags, targets=1)
        self.listener = world.listener(world.load_balancer(name), {self.old: 1})
        self.cell = cell("web", Route(self.listener, "", "", priority=10), role=name, **BLUE_GREEN)
        rule = self.cell["spec"]["ingress"]["awsApplicationLoadBalancer"]["rule"]
        rule["conditions"] = {"hosts": ["shop.example.com"], "headers": {"X-Canary": ["yes"]}}

    def rules(self) -> list[dict[str, Any]]:
        """But the default one."""
        found = self.world.elb.describe_rules(ListenerArn=self.listener)["Rules"]
        return [rule for rule in found if rule["Priority"] != "default"]

    def assert_made_once_and_rolled_out(self, owner: str = "okra/default/web") -> None:
        (rule,) = self.rules()
        assert self.world.weights(rule["RuleArn"]) == {self.old: 0, self.new: 1}
        assert self.world.tags(rule["RuleArn"]) == {OWNER: owner}
        assert [each["Field"] for each in rule["Conditions"]] == ["host-header", "http-header"]
        assert self.world.weights(self.listener) == {self.old: 1}


def test_a_process_killed_right_before_or_after_the_making_leaves_one_that_goes_on(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path
) -> None:
    made = []
    for boundary in AROUND:
        rule = NewRule(world, f"web-{boundary}")
        (place := tmp_path / str(boundary)).mkdir()
        okra = Okra(place, environ_for(proxy.url))
        okra.settings["OKRA_STEP_INTERVAL"] = "0s"
        okra.write(rule.cell)
        with closing(okra):
            killed = okra.start(
                module=("tests.scenarios.killed",), **{AFTER: str(boundary), EFFECTS: str(place / "effects.txt")}
            )
            assert killed.wait() == -signal.SIGKILL, killed.said
            made.append(len(rule.rules()))
            code, process = okra.run()
            assert code == 0, f"killed at boundary {boundary}: {process.said}"
            rule.assert_made_once_and_rolled_out()
    assert made == [0, 1]


FAULTS: dict[str, list[dict[str, Any]]] = {
    "throttled, then an answer that is lost": [
        {"kind": FaultKind.THROTTLE},
        {"kind": FaultKind.RESET, "applied": True},
    ],
    "it hangs": [{"kind": FaultKind.HANG}],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_making_that_fails_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, faulty: Okra, faults: list[Mapping[str, Any]]
) -> None:
    rule = NewRule(world)
    for fault in faults:
        proxy.add(Fault(operation="CreateRule", times=1, **fault))
    faulty.write(rule.cell)
    code, process = faulty.run()
    assert code == 0, process.said
    rule.assert_made_once_and_rolled_out()
    assert "WriteFailed" in process.reasons()


def test_a_making_that_is_refused_for_good_ends_it_with_one(
    world: AwsWorld, proxy: FaultProxyProcess, faulty: Okra
) -> None:
    rule = NewRule(world)
    proxy.add(Fault(FaultKind.ERROR, "CreateRule", status=400, code="TooManyRules", message="no"))
    faulty.write(rule.cell)
    code, process = faulty.run()
    assert code == 1, process.said
    assert "ask for a higher quota" in faulty.status()["message"]
    assert rule.rules() == []


def test_of_two_that_race_for_a_priority_one_makes_the_rule_and_the_other_ends_with_one(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path
) -> None:
    rule, runs = NewRule(world), {}
    proxy.add(Fault(FaultKind.DELAY, "CreateRule", seconds=1.0))
    for name in ("one", "two"):
        (place := tmp_path / name).mkdir()
        runs[name] = Okra(place, environ_for(proxy.url))
        runs[name].settings |= {"OKRA_INSTALL": name, "OKRA_CLAIM_SETTLE": "2s"}
        runs[name].write(rule.cell)
    with closing(runs["one"]), closing(runs["two"]):
        started = {name: okra.start() for name, okra in runs.items()}
        codes = {name: process.wait() for name, process in started.items()}
        assert sorted(codes.values()) == [0, 1], [process.said for process in started.values()]
        winner, loser = sorted(codes, key=lambda name: codes[name])
        rule.assert_made_once_and_rolled_out(f"{winner}/default/web")
        assert runs[loser].status()["reason"] == "RouteConflict"
