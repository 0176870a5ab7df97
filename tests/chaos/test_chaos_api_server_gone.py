"""An API server that restarts, or stands still for twenty seconds, in mid-rollout: AWS is safe; the end is the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane import OwnControlPlane
from tests.kube.controller_process import PATIENCE, Controllers, shows
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.observer import Observer
from tests.support.crds import install_crds

pytestmark = [pytest.mark.timeout(600)]

PLAN = [20, 40, 60]
FROZEN = 20.0
"""Seconds."""
LEASE = "15s"
"""The default: a revert has begun long before it is over, and it is over long before the API server is back."""
SOON = 6.0
"""Seconds within which a revert must have begun: the next measurement, the second that the store is waited for, and
AWS, on a slow machine. Who waits for the store in earnest waits for ten."""


@pytest.fixture
def cluster(own_controllers: Controllers, own_control_plane: OwnControlPlane) -> OwnControlPlane:
    install_crds(own_control_plane)
    return own_control_plane


@contextmanager
def frozen(cluster: OwnControlPlane) -> Iterator[Callable[[], float]]:
    """For `FROZEN` seconds in all. How long it has been so far."""
    began = time.monotonic()
    cluster.freeze_apiserver()
    try:
        yield lambda: time.monotonic() - began
        threading.Event().wait(max(0.0, began + FROZEN - time.monotonic()))
    finally:
        cluster.thaw_apiserver()


def has_been_at(observer: Observer, percent: int) -> bool:
    return percent in observer.percents("1.1.0")


def rolled_out(controllers: Controllers, observer: Observer) -> None:
    status = controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert (status["phase"], status["rollouts"]) == ("Synced", 1)
    assert observer.percents("1.1.0") == [0, *PLAN, 100]
    eventually(lambda: controllers.find()["metadata"].get("finalizers", []), lambda found: found == [])
    reasons = [event["reason"] for event in controllers.events()]
    assert (reasons.count("RolloutStarted"), reasons.count("RolloutCompleted")) == (1, 1)


def test_an_api_server_that_restarts_at_each_step_holds_a_rollout_up_and_no_more(
    aws_world: AwsWorld, own_controllers: Controllers, cluster: OwnControlPlane
) -> None:
    route = aws_world.route(tags={"role": "web"})
    observer = Observer(aws_world.url, route)
    controller = own_controllers.start()
    own_controllers.apply(cell("web", route, replicas=2, updateStrategy=steps(*PLAN, each="2s")))
    for percent in (20, 60):
        eventually(partial(has_been_at, observer, percent), within=PATIENCE)
        cluster.restart_apiserver()
    rolled_out(own_controllers, observer)
    assert controller.life.poll() is None


@pytest.mark.parametrize("arguments", [(), ("--no-leader-elect",)], ids=["elected", "alone"])
def test_an_api_server_that_stands_still_in_mid_rollout_lets_no_traffic_rise_meanwhile(
    aws_world: AwsWorld, own_controllers: Controllers, cluster: OwnControlPlane, arguments: tuple[str, ...]
) -> None:
    route = aws_world.route(tags={"role": "web"})
    observer = Observer(aws_world.url, route)
    controller = own_controllers.start(*arguments)
    own_controllers.apply(cell("web", route, replicas=2, updateStrategy=steps(*PLAN, each="8s")))
    own_controllers.until(shows("20%"))
    with frozen(cluster) as lasted:
        controller.until("Retrying" if arguments else "TermEnded")
        assert controller.get("/healthz") == (200, "ok\n")
        assert lasted() < FROZEN
    assert observer.percents("1.1.0")[:2] == [0, 20]
    rolled_out(own_controllers, observer)


@pytest.mark.parametrize("replicas", [0, 1, 2], ids=["alone", "elected", "one of two"])
def test_a_revert_does_not_wait_for_an_api_server_that_stands_still_and_its_verdict_outlives_the_lease(
    aws_world: AwsWorld, own_controllers: Controllers, cluster: OwnControlPlane, replicas: int
) -> None:
    route = aws_world.route(tags={"role": "web"})
    observer = Observer(aws_world.url, route)
    value = [0.0]
    with Metrics(lambda: Answer(value[0])) as metrics:
        checks = [error_rate(metrics.url, interval="500ms", count=1000)]
        controller = own_controllers.start(*["--no-leader-elect"][replicas:], OKRA_LEASE_DURATION=LEASE)
        if replicas:
            controller.until("TermBegun")
        for _ in range(1, replicas):
            own_controllers.start(OKRA_LEASE_DURATION=LEASE).ready(leads=False)
        own_controllers.apply(cell("web", route, replicas=2, updateStrategy=steps(*PLAN, each="500ms"), checks=checks))
        own_controllers.until(shows("20%"))
        eventually(lambda: metrics.asked, lambda asked: asked >= 2, within=PATIENCE)
        with frozen(cluster) as lasted:
            value[0] = 0.9
            eventually(lambda: observer.percents("1.1.0"), lambda seen: seen == [0, 20, 0], within=PATIENCE)
            assert lasted() < SOON, controller.text
            if replicas:
                controller.until("LeaseLost")
                assert lasted() < FROZEN
    status = own_controllers.until(lambda status: status.get("reason") == "RolledBack")
    assert (status["phase"], status["stableVersion"], status["rollouts"]) == ("Failed", "1.0.0", 1)
    assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
    assert observer.percents("1.1.0") == [0, 20, 0]
