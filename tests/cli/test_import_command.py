"""`okra import` as people run it, against the double of AWS."""

import json

import pytest
import yaml

from okra.api.lint import lint
from okra.testing.aws_world import VERSION_TAG, AwsWorld
from okra.testing.moto_server import MotoServer
from tests.cli.test_commands import okra
from tests.support.aws import aws_server, aws_world, point_sdk_at, world_may_block

__all__ = ["aws_server", "aws_world", "world_may_block"]


@pytest.fixture
def world(aws_world: AwsWorld, aws_server: MotoServer, monkeypatch: pytest.MonkeyPatch) -> AwsWorld:
    point_sdk_at(monkeypatch, aws_server.url)
    return aws_world


@pytest.mark.parametrize("kind", ["rule", "default", "tls"])
def test_a_route_of_each_kind_becomes_a_clean_cell(world: AwsWorld, kind: str) -> None:
    route = world.route(kind=kind, tags={"role": "web"})
    tags = world.tags(route.arn)
    rule = ("--rule", "10") if kind == "rule" else ()
    found = okra("import", "--listener", route.listener_arn, *rule)
    assert (found.exit_code, found.stderr) == (0, "")
    report = lint([("cell.yaml", found.stdout)], provider_is_set=False)
    assert (report.objects, report.findings, report.notes) == (1, [], [])
    ingress = yaml.safe_load(found.stdout)["spec"]["ingress"]
    block = ingress["awsNetworkLoadBalancer" if kind == "tls" else "awsApplicationLoadBalancer"]
    assert block["targetGroupSelector"] == {"matchLabels": {"role": "web"}}
    assert block.get("rule") == ({"priority": 10} if kind == "rule" else None)
    assert "aren't on the route, too: 2 of 1.1.0" in " ".join(found.stdout.replace("#", "").split())
    assert world.tags(route.arn) == tags, "nothing was claimed"


def test_a_rule_may_be_named_by_its_arn(world: AwsWorld) -> None:
    route = world.route(tags={"role": "web"})
    args = ("--rule", route.arn, "--name", "api", "--version-label", VERSION_TAG, "-o", "json")
    found = okra("import", "--listener", route.listener_arn, *args)
    [entry] = json.loads(found.stdout)
    assert entry["object"]["metadata"]["name"] == "api"
    assert entry["object"]["spec"]["ingress"]["awsApplicationLoadBalancer"]["rule"] == {"ruleARN": route.arn}
    assert any("It forwards to" in comment["text"] for comment in entry["comments"])


def test_what_forwards_to_nothing_exits_with_one_and_says_what_to_do(world: AwsWorld) -> None:
    listener = world.listener(world.load_balancer())
    found = okra("import", "--listener", listener)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "answers with fixed-response" in found.stderr
    assert "takeOver: true" in found.stderr


def test_what_a_cell_can_t_be_exits_with_one_and_names_the_field(world: AwsWorld) -> None:
    route = world.route({"1.0.0": 1}, replicas=5, tags={"role": "web"})
    found = okra("import", "--listener", route.listener_arn, "--rule", "10")
    assert found.exit_code == 1
    assert "spec.replicas of Cell/web: must be at most 4" in found.stderr


def test_what_isn_t_there_exits_with_two(world: AwsWorld) -> None:
    route = world.route()
    gone = route.listener_arn[:-4] + "0000"
    for args, said in (
        (("--listener", route.listener_arn, "--rule", "11"), "No rule with priority 11"),
        (("--listener", gone), "0000"),
        (("--listener", "web"), "is no ARN of a listener"),
        (("--listener", "arn:aws:s3:::bucket"), "aws elbv2 describe-listeners"),
        (("--listener", route.arn), "A rule's ARN is for --rule"),
        (("--listener", route.listener_arn, "--rule", "ten"), "ten is neither a priority nor an ARN"),
    ):
        found = okra("import", *args)
        assert found.exit_code == 2
        assert said in " ".join(found.stderr.split())
        assert found.stdout == ""
