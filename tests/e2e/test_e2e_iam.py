"""AWS allows what `okra iam-policy` prints and nothing else: enough for the main job, and none of it too much."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from okra.aws.iam import OWNER_TAG, policy
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.dns_world import DnsWorld
from okra.testing.eks_world import EksWorld
from okra.testing.moto_iam import Decision, allows, decisions
from tests.e2e.identities import Account, Document
from tests.e2e.installed import Installed
from tests.e2e.metric_apis import publish
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, ingress, steps

pytestmark = [pytest.mark.timeout(600)]

CHECK = {
    "name": "errors",
    "analysis": {
        "max": 0.1,
        "interval": "1s",
        "consecutiveErrorLimit": 0,
        "provider": {
            "cloudWatch": {
                "metrics": [
                    {"id": "m", "stat": "Average", "period": "1s", "metric": {"namespace": "Shop", "name": "good"}}
                ]
            }
        },
    },
}

MORE = {"OKRA_AWS_RATE_SHARE": "2"}
"""Four times as many calls as by default: of Route 53's few a second many Cells at once would wait long for theirs.
Without a limit they would swamp the double."""


def printed(okra: Installed) -> Document:
    """`okra iam-policy`."""
    document: Document = json.loads(okra.controllers.cli("iam-policy").stdout)
    return document


def actions(document: Document) -> list[str]:
    return [action for statement in document["Statement"] for action in statement["Action"]]


def without(document: Document, action: str) -> Document:
    statements = [{**each, "Action": [a for a in each["Action"] if a != action]} for each in document["Statement"]]
    return {**document, "Statement": [each for each in statements if each["Action"]]}


KINDS = ("rule", "default", "tcp")
"""Of routes: each is another kind of resource in the policy."""


def routes_of(world: AwsWorld, name: str, *kinds: str) -> dict[str, Route]:
    """Of each kind one, with groups of its own. Their names take 32 characters."""
    return {
        kind: world.route(
            name=f"{name[:20]}-{kind[0]}", kind=kind, replicas=1, targets=1, tags={"role": f"{name}-{kind}"}
        )
        for kind in kinds
    }


def records_of(world: AwsWorld, name: str) -> dict[str, Any]:
    """A route of weighted records, in a zone of its own, with a health check."""
    dns = DnsWorld(world, f"{name}.example.com")
    host, check = f"web.{name}.example.com", dns.health_check()
    dns.weighted(host, {"192.0.2.1": 1}, HealthCheckId={"192.0.2.1": check})
    endpoints = [{"version": "1.0.0", "value": "192.0.2.1"}]
    endpoints += [{"version": "1.1.0", "value": "192.0.2.2", "healthCheckID": check}]
    block = {"hostedZoneID": dns.zone, "name": host, "type": "A", "ttl": 1, "endpoints": endpoints}
    return {"type": "Route53", "route53": block}


def new_rule_of(world: AwsWorld, name: str) -> dict[str, Any]:
    """A route that Okra has to make: a rule on a listener that forwards to the old version."""
    role = f"{name}-new"
    old, _ = (
        world.target_group(f"{name[:20]}-n{number}", version=version, targets=1, tags={"role": role})
        for number, version in enumerate(("1.0.0", "1.1.0"))
    )
    block = {
        "listenerARN": world.listener(world.load_balancer(f"{name[:20]}-n"), {old: 1}),
        "rule": {"priority": 5, "conditions": {"hosts": [f"{name}.example.com"]}},
        "targetGroupSelector": {"matchLabels": {"role": role}},
    }
    return {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": block}


def owners_of_new(world: AwsWorld, made: Mapping[str, Any]) -> list[str]:
    """Of the rules that were made on its listener."""
    rules = world.elb.describe_rules(ListenerArn=made["awsApplicationLoadBalancer"]["listenerARN"])["Rules"]
    return [world.tags(each["RuleArn"]).get(OWNER_TAG, "") for each in rules if each["Priority"] != "default"]


def whole(name: str, routes: Mapping[str, Route], *others: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A Cell that needs each of the permissions: several kinds of routes, health, metrics, an owner's tag."""
    made = cell(name, next(iter(routes.values())), updateStrategy=steps(50), checks=[CHECK], **spec)
    del made["spec"]["ingress"]
    made["spec"]["ingresses"] = [*(ingress(route, f"{name}-{kind}") for kind, route in routes.items()), *others]
    return made


def cluster(name: str, world: AwsWorld, **spec: Any) -> dict[str, Any]:
    """An ArgoCDCluster, and the EKS cluster that it is about."""
    EksWorld(world).create(name)
    kind = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "ArgoCDCluster", "metadata": {"name": name}}
    return {**kind, "spec": {"eks": {"clusterName": name}, **spec}}


def unused(document: Document, made: Sequence[Decision]) -> list[tuple[str, str]]:
    """What of a policy no decision rests on: actions, and the patterns of their resources."""
    return [
        (action, pattern)
        for statement in document["Statement"]
        for action in statement["Action"]
        for pattern in statement["Resource"]
        if not any(
            allows([{**statement, "Action": action, "Resource": pattern}], each.action, resource, [])
            for each in made
            for resource in each.resources
        )
    ]


def test_the_printed_policy_is_enough_for_the_main_job_and_none_of_it_is_unused(
    aws_world: AwsWorld, okra: Installed, tmp_path: Path
) -> None:
    """Without any key: as the role that a pod gets for the token of its service account (IRSA)."""
    document = printed(okra)
    (token := tmp_path / "token").write_text("eyJ.of-the-service-account.sig")
    role = Account(aws_world).role("okra", document)
    okra.controllers.aws = {name: value for name, value in okra.controllers.aws.items() if "KEY" not in name}
    routes, records, new = (
        routes_of(aws_world, "web", *KINDS),
        records_of(aws_world, "web"),
        new_rule_of(aws_world, "web"),
    )
    publish(aws_world, "good", 0.01)
    okra.start("--no-leader-elect", AWS_ROLE_ARN=role, AWS_WEB_IDENTITY_TOKEN_FILE=str(token), **MORE)
    okra.apply(whole("web", routes, records, new), cluster("web", aws_world))
    okra.wait("cell/web", "jsonpath={.status.stableVersion}=1.1.0")
    okra.wait("cell/web", "condition=Ready")
    okra.wait("argocdclusters.okra.mumoshu.github.io/web", "jsonpath={.status.endpoint}")
    assert marked(aws_world, routes, records) == [*KINDS, "records"]
    assert [bool(owner) for owner in owners_of_new(aws_world, new)] == [True]
    okra.kubectl("delete", "cell", "web", "--timeout=60s")
    eventually(lambda: marked(aws_world, routes, records), lambda left: left == [])
    eventually(lambda: owners_of_new(aws_world, new), lambda left: left == [""])
    made = decisions(aws_world.url)
    assert {each.principal.rpartition("/")[0] for each in made} == {"arn:aws:sts::123456789012:assumed-role/okra"}
    assert [each for each in made if not each.allowed] == []
    assert unused(document, made) == []


def test_without_any_one_action_a_cell_says_which_it_lacks(aws_world: AwsWorld, okra: Installed) -> None:
    """Each Cell works as a role of its own, whose policy is the printed one but for one action."""
    leaving, clusters = "no-removetags", "no-describecluster"
    document, account = printed(okra), Account(aws_world)
    lacking = {f"no-{action.partition(':')[2].lower()}": action for action in actions(document)}
    roles = {name: account.role(name, without(document, action)) for name, action in lacking.items()}
    roles["whole"] = account.role("whole", document)
    publish(aws_world, "good", 0.01)
    okra.start("--no-leader-elect", **account.user("okra", policy(roles=list(roles.values()))), **MORE)
    lacking["no-assumerole"], roles["no-assumerole"] = "sts:AssumeRole", account.role("no-assumerole", document)
    routes = {name: routes_of(aws_world, name, "rule", "default") for name in roles}
    for name, role in roles.items():
        of_records = name == "whole" or lacking[name].startswith("route53:")  # the fewer, the quicker
        records = [records_of(aws_world, name)] if of_records else []
        made = [new_rule_of(aws_world, name)] if name in ("whole", "no-createrule") else []
        okra.apply(whole(name, routes[name], *records, *made, aws={"roleARN": role}))
    okra.apply(cluster(clusters, aws_world, aws={"roleARN": roles[clusters]}))
    okra.wait("cell/whole", "jsonpath={.status.stableVersion}=1.1.0")
    okra.wait(f"cell/{leaving}", "jsonpath={.status.stableVersion}=1.1.0")
    okra.kubectl("delete", "cell", leaving, "--wait=false")
    said: dict[str, str] = {}

    def unsaid() -> Mapping[str, str]:
        for name in lacking:
            plural = "argocdclusters" if name == clusters else "cells"
            condition = okra.condition(name, "Ready", plural)
            said[name] = condition.get("message", "") if name != leaving else notes(okra, name)
        return {name: said[name] for name, action in lacking.items() if action not in said[name]}

    eventually(unsaid, lambda found: found == {}, within=150)
    for name, action in lacking.items():
        if name not in (leaving, clusters):
            assert okra.condition(name, "Ready")["status"] == "False", action


def marked(world: AwsWorld, routes: Mapping[str, Route], records: Mapping[str, Any]) -> list[str]:
    """The kinds of the routes that have an owner."""
    zone = world.client("route53").list_resource_record_sets(HostedZoneId=records["route53"]["hostedZoneID"])
    texts = [each["Name"] for each in zone["ResourceRecordSets"] if each["Type"] == "TXT"]
    tagged = [kind for kind, route in routes.items() if OWNER_TAG in world.tags(route.arn)]
    return [*tagged, *(["records"] if texts else [])]


def notes(okra: Installed, name: str) -> str:
    """Of the Events about a Cell, which may be gone itself."""
    return "\n".join(event["note"] for event in okra.controllers.events(name))
