"""A release for one namespace has its rights there only, and they go with it: the way out of that is documented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from okra.testing.aws_world import AwsWorld, Route
from tests.app.documents import ROOT, commands
from tests.chart.conftest import WITHOUT_KINDS, Run
from tests.chart.objects import objects_in
from tests.e2e.installed import RELEASE, RIGHTS
from tests.kube.controller_process import Controllers, shows
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def shop(controllers: Controllers, helm: Run, tmp_path: Path) -> Iterator[Controllers]:
    """A namespace of Cells, looked after by a release in another one."""
    cluster, name = controllers.cluster, f"{controllers.namespace}-shop"[-63:].lstrip("-")
    cluster.kubectl("create", "namespace", name)
    place = ("--namespace", controllers.namespace, "--set", f"scope.namespace={name}")
    chart = objects_in(helm("template", RELEASE, *WITHOUT_KINDS, *place).stdout)
    cluster.kubectl("apply", "-f", "-", given=yaml.safe_dump_all(each for each in chart if each["kind"] in RIGHTS))
    (tmp_path / "shop").mkdir()
    shop = Controllers(cluster, name, tmp_path / "shop", controllers.aws)
    shop.settings["OKRA_AWS_RATE_SHARE"] = "100"
    with closing(shop):
        yield shop


def test_a_namespace_that_was_deleted_in_mid_rollout_goes_when_okra_gets_its_rights_back(
    controllers: Controllers, shop: Controllers, aws_world: AwsWorld
) -> None:
    cluster = shop.cluster
    route = aws_world.route(replicas=1, tags={"role": "web"})
    before = serving(aws_world, route)
    okra = shop.start(kubeconfig=controllers.service_account(RELEASE))
    shop.apply(cell("web", route, updateStrategy=steps(20, 40, each="1h")))
    shop.until(shows("20%"))
    okra.freeze()  # or it may be quicker than the end of its rights
    cluster.kubectl("delete", "namespace", shop.namespace, "--wait=false")
    eventually(lambda: not shop.kubectl("get", "rolebindings", "-o", "name"))
    okra.thaw()
    eventually(lambda: "Okra may not" in okra.text)
    assert shop.find()["metadata"]["finalizers"]
    for words in ways_out():
        cluster.kubectl(*(replaced(word, controllers.namespace) for word in words))
    eventually(lambda: cluster.call("GET", f"/api/v1/namespaces/{shop.namespace}").status == 404, within=120)
    assert serving(aws_world, route) == before
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", f"{controllers.namespace}-way-out")


def serving(world: AwsWorld, route: Route) -> dict[str, int]:
    return {arn: weight for arn, weight in world.weights(route.arn).items() if weight}


def ways_out() -> list[list[str]]:
    """What the install page says to do: a role for the whole cluster, and to whom."""
    lines = commands((ROOT / "docs" / "install.md").read_text(), "kubectl")
    return [words[1:] for words in lines if words[1:2] == ["create"] and "okra-way-out" in words]


def replaced(word: str, namespace: str) -> str:
    return word.replace("okra-way-out", f"{namespace}-way-out").replace("=okra-shop:", f"={namespace}:")
