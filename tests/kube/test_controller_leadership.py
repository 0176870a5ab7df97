"""Replicas of `okra controller`: one works, and when it goes, however it goes, another one continues in mid-step."""

from __future__ import annotations

import time

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane import OwnControlPlane
from tests.kube.controller_process import Controllers, shows
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps
from tests.scenarios.observer import Observer
from tests.support.crds import install_crds

pytestmark = [pytest.mark.timeout(400)]

SLOW = steps(20, each="15s")
"""A rollout that stays at 20 % for long enough to be interrupted there."""
GRACE = 30.0
"""Seconds that a pod has between SIGTERM and SIGKILL unless its spec says otherwise."""


def test_sigterm_in_mid_rollout_ends_it_cleanly_and_the_next_one_continues(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    seen = Observer(aws_world.url, route)
    first = controllers.start()
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    holder = controllers.lease()["spec"]["holderIdentity"]
    began = time.monotonic()
    first.terminate()
    assert first.wait() == 0, first.text
    assert time.monotonic() - began < GRACE
    lease = controllers.lease()
    assert "holderIdentity" not in lease["spec"]
    assert lease["metadata"]["annotations"]["okra.mumoshu.github.io/released-by"] == holder
    status = controllers.status()
    assert (status["phase"], status["weight"]) == ("Syncing", "20%")

    second = controllers.start()
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert second.entries("LeaseWon")
    assert seen.percents("1.1.0") == [0, 20, 100]
    assert controllers.status()["rollouts"] == 1


def test_the_replica_that_stands_by_is_ready_and_continues_when_the_leader_is_killed(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    seen = Observer(aws_world.url, route)
    first = controllers.start()
    first.until("TermBegun")
    second = controllers.start()
    assert second.ready(leads=False).startswith("ok (standby: ")
    assert (first.leads(), second.leads()) == (True, False)
    assert second.get("/healthz") == (200, "ok\n")
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    first.kill()
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert second.leads()
    assert seen.percents("1.1.0") == [0, 20, 100]


def test_a_leader_that_stood_still_past_its_lease_stands_by_when_it_goes_on(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    first = controllers.start()
    first.until("TermBegun")
    second = controllers.start()
    second.ready(leads=False)
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    first.freeze()
    second.until("TermBegun")
    first.thaw()
    first.until("TermEnded")
    assert first.ready(leads=False).startswith("ok (standby: ")
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert (first.leads(), second.leads()) == (False, True)
    assert first.life.poll() is None


def test_without_the_crds_it_says_how_to_install_them_and_waits(
    aws_world: AwsWorld, own_controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    controller = own_controllers.start("--no-leader-elect")
    said = controller.until("WatchFailed", kind="Cell")["error"]
    assert "okra crds | kubectl apply" in said
    status, page = controller.get("/readyz")
    assert status == 503
    assert "waiting for the first listing of cells (" in page
    assert "okra crds | kubectl apply" in page
    install_crds(own_controllers.cluster)
    own_controllers.apply(cell("web", route, replicas=2))
    own_controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    controller.ready()


def test_a_missing_permission_is_named_and_taken_up_once_it_is_given(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    controllers.kubectl("create", "serviceaccount", "okra")
    controller = controllers.start(kubeconfig=controllers.service_account("okra"), OKRA_ARGOCD="false")
    said = controller.until("LeaseNotReached")["error"]
    assert 'verbs: ["get"]' in said
    assert 'resources: ["leases"]' in said
    assert controller.get("/readyz")[0] == 503
    grant(controllers, "leases", "coordination.k8s.io", "leases", "get,create,patch")
    grant(controllers, "config", "", "configmaps", "get")
    for others in ("albs", "checks"):
        grant(controllers, others, "okra.mumoshu.github.io", others, "get,list,watch")
    denied = controller.until("WatchFailed", kind="Cell")["error"]
    assert 'resources: ["cells"], verbs: ["list"]' in denied
    assert "cells" in eventually(lambda: controller.get("/readyz")[1], lambda page: "verbs" in page)
    grant(controllers, "cells", "okra.mumoshu.github.io", "cells", "get,list,watch")
    controller.ready(leads=True)


def grant(controllers: Controllers, name: str, group: str, resource: str, verbs: str) -> None:
    """A Role of this, for the service account."""
    full = f"{resource}.{group}" if group else resource
    controllers.kubectl("create", "role", name, f"--verb={verbs}", f"--resource={full}")
    account = f"{controllers.namespace}:okra"
    controllers.kubectl("create", "rolebinding", name, f"--role={name}", f"--serviceaccount={account}")


def test_an_api_server_that_answers_no_more_ends_a_term_but_no_process_and_holds_up_no_sigterm(
    aws_world: AwsWorld, own_controllers: Controllers, own_control_plane: OwnControlPlane
) -> None:
    route = aws_world.route(tags={"role": "web"})
    seen = Observer(aws_world.url, route)
    install_crds(own_control_plane)
    controller = own_controllers.start()
    own_controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    own_controllers.until(shows("20%"))
    own_control_plane.freeze_apiserver()
    controller.until("TermEnded", stopping=False)
    assert controller.get("/healthz") == (200, "ok\n")
    assert controller.get("/readyz")[0] == 503
    own_control_plane.thaw_apiserver()
    own_controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert seen.percents("1.1.0") == [0, 20, 100]
    own_control_plane.freeze_apiserver()
    began = time.monotonic()
    controller.terminate()
    assert controller.wait() == 0, controller.text
    assert time.monotonic() - began < GRACE
    own_control_plane.thaw_apiserver()
