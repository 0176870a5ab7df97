"""The main job as its users see it: kubectl and tags, nothing else; Okra with the rights that the chart gives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.api.meta import COMMAND_ANNOTATION
from okra.aws.iam import policy
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.controlplane import OwnControlPlane
from okra.testing.moto_iam import decisions
from okra.testing.moto_server import MotoServer
from tests.analysis.datadog_double import API_KEY, APP_KEY
from tests.analysis.real_prometheus import PASSWORD, USERNAME
from tests.analysis.real_prometheus import running as prometheus
from tests.e2e.conftest import Chart, Observe
from tests.e2e.identities import Account
from tests.e2e.installed import Installed
from tests.e2e.metric_apis import datadog, openmetrics, publish, served
from tests.kube.controller_process import Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.observer import Observer
from tests.support.crds import install_crds

pytestmark = [pytest.mark.timeout(600)]

MINIMAL = Path(__file__).parents[1] / "api" / "data" / "minimal-cell.yaml"
COLUMNS = ["NAME", "PHASE", "STABLE", "DESIRED", "WEIGHT", "STEP", "AGE"]
Checks = Callable[[str], dict[str, dict[str, Any]]]
"""`good` or `bad` → a check of each provider, by its name."""
CHECKS = "checks.okra.mumoshu.github.io"
"""In full: hotswap's Systems have Checks too, and kubectl takes those for a bare `checks`."""
ALONE = "--no-leader-elect"
"""Saves the seconds for which a first leader waits: a former one's writes might still land."""
SLOW = steps(20, 40, each="300s")
"""A rollout that stays at 20 % for as long as a test takes."""


def tagged(world: AwsWorld, route: Route, version: str, role: str = "web") -> None:
    """A new version's clusters are there: their target groups carry the tag that the Cell selects by."""
    for arn in route.groups[version]:
        world.tag(arn, {"role": role})


def untagged_route(world: AwsWorld, **options: Any) -> Route:
    """1.0.0 has the traffic; 1.1.0 exists, and no Cell sees it yet."""
    route = world.route(**options)
    tagged(world, route, "1.0.0", options.get("name", "web"))
    return route


def test_the_seeds_minimal_cell_brings_a_new_version_in_and_kubectl_can_wait_for_it(
    aws_world: AwsWorld, okra: Installed, observe: Observe
) -> None:
    route = untagged_route(aws_world, kind="default")
    seen = observe(route)
    manifest = yaml.safe_load(MINIMAL.read_text())
    manifest["spec"]["ingress"]["awsApplicationLoadBalancer"]["listenerARN"] = route.listener_arn
    okra.start(OKRA_STEP_INTERVAL="0s")
    okra.kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest))
    okra.wait("cell/shop", "condition=Ready")
    (row,) = okra.table("cells")
    assert list(row) == COLUMNS
    assert (row["NAME"], row["PHASE"], row["STABLE"]) == ("shop", "Synced", "1.0.0")
    tagged(aws_world, route, "1.1.0")
    okra.wait("cell/shop", "jsonpath={.status.stableVersion}=1.1.0")
    okra.wait("cell/shop", "condition=Ready")
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    (row,) = okra.table("cells", "-o", "wide")
    assert list(row) == [*COLUMNS, "MESSAGE"]
    assert (row["PHASE"], row["STABLE"]) == ("Synced", "1.1.0")
    assert row["MESSAGE"]
    assert {"RolloutStarted", "RolloutCompleted"} <= set(okra.reasons("shop"))


@pytest.fixture
def checks(aws_world: AwsWorld, okra: Installed, tmp_path: Path) -> Iterator[Checks]:
    """One check of each provider. Each API knows a good and a bad value, and some ask for the keys in a Secret."""
    okra.kubectl(
        "create", "secret", "generic", "dd", f"--from-literal=api-key={API_KEY}", f"--from-literal=app-key={APP_KEY}"
    )
    okra.kubectl(
        "create",
        "secret",
        "generic",
        "prom",
        f"--from-literal=username={USERNAME}",
        f"--from-literal=password={PASSWORD}",
    )
    publish(aws_world, "good", 0.01)
    publish(aws_world, "bad", 0.9)
    values = {"good": 0.01, "bad": 0.9}
    with ExitStack() as stack:
        dd = stack.enter_context(served(datadog(**values).handle))
        prom = stack.enter_context(prometheus(openmetrics(**values), tmp_path))
        web = {name: stack.enter_context(Metrics(partial(Answer, value))).url for name, value in values.items()}

        def make(which: str) -> dict[str, dict[str, Any]]:
            metric = {"namespace": "Shop", "name": which}
            cloud_watch = {"metrics": [{"id": "m", "stat": "Average", "period": "1s", "metric": metric}]}
            providers: dict[str, dict[str, Any]] = {
                "datadog": {"query": which, "provider": {"datadog": {"address": dd, "secretRef": {"name": "dd"}}}},
                "prometheus": {
                    "query": which,
                    "provider": {"prometheus": {"address": prom, "secretRef": {"name": "prom"}}},
                },
                "cloudwatch": {"provider": {"cloudWatch": cloud_watch}},
                "web": {"provider": {"web": {"url": web[which], "jmesPath": "value"}}},
            }
            return {
                name: {"name": name, "analysis": {"max": 0.1, "interval": "1s", **analysis}}
                for name, analysis in providers.items()
            }

        yield make


def test_checks_of_every_provider_let_a_good_version_through_and_each_of_them_stops_a_bad_one(
    aws_world: AwsWorld, okra: Installed, checks: Checks
) -> None:
    """Datadog's data is a minute old, which a precheck needn't wait for."""
    good, bad = checks("good"), checks("bad")
    names = ("good", *good)
    routes = {name: aws_world.route(name=name, replicas=1, targets=1, tags={"role": name}) for name in names}
    seen = {name: Observer(aws_world.url, route) for name, route in routes.items()}
    okra.start(ALONE)
    for name, route in routes.items():
        of = {**good, name: bad[name]} if name in good else good
        during = [check for provider, check in of.items() if provider in ("cloudwatch", "prometheus", "web")]
        spec: dict[str, Any] = {
            "prechecks": [of["datadog"]],
            "checks": during,
            "postchecks": [{**of["web"], "name": "last"}],
        }
        okra.apply(cell(name, route, role=name, updateStrategy=steps(50), **spec))
    okra.wait("cell/good", "jsonpath={.status.stableVersion}=1.1.0")
    assert seen["good"].percents("1.1.0") == [0, 50, 100]
    for name in ("cloudwatch", "prometheus", "web"):
        okra.wait(f"cell/{name}", "jsonpath={.status.reason}=RolledBack")
        assert seen[name].percents("1.1.0") == [0, 50, 0]
        (block,) = okra.controllers.status(name)["blockedVersions"]
        assert name in block["reason"]
    okra.wait("cell/datadog", "jsonpath={.status.reason}=RolledBack")
    assert seen["datadog"].percents("1.1.0") == [0]
    passed = {row["NAME"]: row["PASSED"] for row in okra.table(CHECKS)}
    assert {name: passed[f"good-{name}"] for name in good} == dict.fromkeys(good, "true")
    assert {name: passed[f"{name}-{name}"] for name in good} == dict.fromkeys(good, "false")


def test_a_failed_version_is_put_back_and_blocked_and_a_person_tries_it_again(
    aws_world: AwsWorld, okra: Installed, observe: Observe
) -> None:
    route = aws_world.route({"1.0.0": 3, "1.1.0": 0}, replicas=1, tags={"role": "web"})
    before = aws_world.weights(route.arn)
    seen = observe(route)
    now = 0.5
    with Metrics(lambda: Answer(now)) as metrics:
        okra.start(ALONE)
        okra.apply(cell("web", route, updateStrategy=steps(20, 60), checks=[error_rate(metrics.url)]))
        okra.wait("cell/web", "condition=Stalled")
        okra.wait("cell/web", "condition=Ready=false")
        assert okra.condition("web", "Ready")["reason"] == "RolledBack"
        assert seen.percents("1.1.0") == [0, 20, 0]
        assert {arn: weight for arn, weight in aws_world.weights(route.arn).items() if weight} == before
        assert [block["version"] for block in okra.controllers.status()["blockedVersions"]] == ["1.1.0"]
        assert {"RolloutStarted", "Reverting", "Reverted"} <= set(okra.reasons("web")), okra.reasons("web")
        now = 0.0
        told = okra.controllers.cli("retry", "web", "--kubeconfig", str(okra.controllers.admin()))
        assert told.returncode == 0, told.stderr
        okra.wait("cell/web", "jsonpath={.status.stableVersion}=1.1.0")
    assert seen.percents("1.1.0") == [0, 20, 0, 20, 60, 100]


def test_a_command_by_annotation_is_executed_once_and_recorded(
    aws_world: AwsWorld, okra: Installed, observe: Observe
) -> None:
    route = aws_world.route(replicas=1, tags={"role": "web"})
    seen = observe(route)
    okra.start(ALONE)
    okra.apply(cell("web", route, updateStrategy=steps(20, 40, each="300s")))
    okra.wait("cell/web", "jsonpath={.status.weight}=20%")
    for number, verb in enumerate(("pause", "resume", "promote")):
        text = json.dumps({"id": f"id-{number}", "verb": verb, "by": "ann"})
        okra.kubectl("annotate", "cell", "web", "--overwrite", f"{COMMAND_ANNOTATION}={text}")
        okra.wait("cell/web", f"jsonpath={{.status.commands[{number}].id}}=id-{number}")
    okra.wait("cell/web", "jsonpath={.status.stableVersion}=1.1.0")
    assert seen.percents("1.1.0")[-1] == 100
    commands = okra.controllers.status()["commands"]
    assert [(each["verb"], each["by"]) for each in commands] == [
        (verb, "ann") for verb in ("pause", "resume", "promote")
    ]
    assert not [each for each in commands if "Refused" in each["outcome"]]


def test_a_cell_deleted_in_mid_rollout_is_gone_when_its_weights_are_back(
    aws_world: AwsWorld, okra: Installed, observe: Observe
) -> None:
    route = aws_world.route(replicas=2, tags={"role": "web"})
    before = aws_world.weights(route.arn)
    seen = observe(route)
    okra.start(ALONE)
    with Metrics(lambda: Answer(0.0)) as metrics:
        okra.apply(cell("web", route, replicas=2, updateStrategy=SLOW, prechecks=[error_rate(metrics.url)]))
        okra.wait("cell/web", "jsonpath={.status.weight}=20%")
        assert [row["NAME"] for row in okra.table(CHECKS)] == ["web-errors"]
        okra.kubectl("delete", "cell", "web", "--timeout=120s")
        assert seen.share_of(route.groups["1.1.0"], seen.last()) == 0
        assert {arn: weight for arn, weight in aws_world.weights(route.arn).items() if weight} == before
        assert not [tag for tag in aws_world.tags(route.arn) if "owner" in tag]
        eventually(lambda: okra.kubectl("get", CHECKS, "-o", "name"), lambda left: left == "")


def test_a_check_applied_by_hand_judges_two_cells_each_by_an_attempt_of_its_own(
    aws_world: AwsWorld, okra: Installed
) -> None:
    now = 0.0
    with Metrics(lambda: Answer(now)) as metrics:
        analysis = {**error_rate(metrics.url)["analysis"], "interval": "1s"}
        check = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "Check", "metadata": {"name": "shared"}}
        okra.start(ALONE)
        okra.apply({**check, "spec": {"analysis": analysis}})
        okra.wait(f"{CHECKS}/shared", "jsonpath={.status.lastPassed}=true")
        routes = {}
        for name in ("one", "two"):
            versions = {"1.0.0": 1, "1.1.0": 0, "1.2.0": 0}
            routes[name] = aws_world.route(versions, name=name, replicas=1, targets=1)
            tagged(aws_world, routes[name], "1.0.0", name)
            tagged(aws_world, routes[name], "1.1.0", name)
            use = {"name": "errors", "from": {"checkName": "shared"}}
            okra.apply(cell(name, routes[name], role=name, updateStrategy=steps(50), checks=[use]))
        for name in routes:
            okra.wait(f"cell/{name}", "jsonpath={.status.stableVersion}=1.1.0")
        now = 0.5
        for name, route in routes.items():
            tagged(aws_world, route, "1.2.0", name)
        for name, route in routes.items():
            okra.wait(f"cell/{name}", "jsonpath={.status.reason}=RolledBack")
            assert aws_world.weights(route.arn)[route.groups["1.1.0"][0]] > 0
        assert [row["NAME"] for row in okra.table(CHECKS)] == ["shared"], "Cells make no copy of it"
        okra.wait(f"{CHECKS}/shared", "jsonpath={.status.lastPassed}=false")
    attempts = okra.controllers.find("shared", "checks")["status"]["attempts"]
    assert {(each["cell"].split("/")[-1], each["verdict"]) for each in attempts} >= {
        ("one", "Passed"),
        ("one", "Failed"),
        ("two", "Passed"),
        ("two", "Failed"),
    }


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"replicas": 0}, "spec.replicas"),
        ({"replica": 2}, "spec.replica"),
        ({"updateStrategy": {"type": "Canary", "canary": {"stepWeight": -1}}}, "spec.updateStrategy.canary.stepWeight"),
        ({"checks": [{"name": "a"}]}, "spec.checks[0]"),
        ({"onFailure": {"action": "Explode"}}, "spec.onFailure.action"),
    ],
)
def test_kubectl_refuses_an_invalid_cell_and_names_the_field(okra: Installed, wrong: dict[str, Any], path: str) -> None:
    listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
    made = cell("web", Route(listener, listener, ""), **{"replicas": 1, **wrong})
    with pytest.raises(RuntimeError, match=path.replace("[", r"\[").replace(".", r"\.")):
        okra.apply(made)
    assert okra.kubectl("get", "cells", "-o", "name") == ""


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"replicas": "many"}, "spec.replicas"),
    "unknown": ({"replica": 2}, "spec.replica"),
    "deep": ({"checks": [{"name": "a", "analysis": {"query": "q", "provider": {"web": {}}}}]}, "spec.checks[0]"),
    "absent": ({"ingress": None}, "spec"),
}
"""What a schema would refuse, by the name of the Cell that has it, and the path of the wrong field."""


def test_an_invalid_cell_that_got_past_the_schema_says_which_field_is_wrong_and_aws_hears_nothing(
    own_control_plane: OwnControlPlane,
    aws_world: AwsWorld,
    aws_server: MotoServer,
    chart: Chart,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when an older chart's kinds are there, or somebody took the schema away. Until a person edits it."""
    install_crds(own_control_plane)
    take_schemas_away(own_control_plane)
    (folder := tmp_path / "okra").mkdir()
    user = Account(aws_world).user("okra", policy())  # whose calls the double keeps a record of
    controllers = Controllers(own_control_plane, "default", folder, {**aws_server.environ, **user})
    route = aws_world.route(replicas=1, tags={"role": "web"})
    with closing(controllers):
        okra = Installed(controllers, chart("default"))
        okra.start(ALONE)
        for name, (wrong, _) in WRONG.items():
            made = cell(name, route)
            made["spec"] = {key: value for key, value in {**made["spec"], **wrong}.items() if value is not None}
            okra.apply(made)
        for name, (_, path) in WRONG.items():
            okra.wait(f"cell/{name}", "condition=Ready=false")
            ready = okra.condition(name, "Ready")
            assert ready["reason"] == "InvalidSpec"
            assert path in ready["message"]
        assert decisions(aws_world.url) == []
        monkeypatch.setenv("KUBE_EDITOR", "sed -i 's/replicas: many/replicas: 1/'")
        okra.kubectl("edit", "cell", "text")
        eventually(lambda: decisions(aws_world.url))


def take_schemas_away(cluster: OwnControlPlane) -> None:
    """Everything that judges Cells on this API server: their schema, and the policies."""
    name = "cells.okra.mumoshu.github.io"
    definition = json.loads(cluster.kubectl("get", "crd", name, "-o", "json"))
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for version in definition["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": anything}
    cluster.kubectl("replace", "-f", "-", given=json.dumps(definition))
    cluster.kubectl("delete", "validatingadmissionpolicybindings", "--all")
    # What a schema refuses and what a policy does: both are in force for a moment longer.
    deep, _ = WRONG["deep"]
    wobbly = [
        {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "Cell", "metadata": {"name": "a"}, "spec": spec}
        for spec in ({"a": 1}, deep)
    ]
    path = "/apis/okra.mumoshu.github.io/v1alpha1/namespaces/default/cells?dryRun=All"
    eventually(lambda: all(cluster.call("POST", path, each).status == 201 for each in wobbly))
