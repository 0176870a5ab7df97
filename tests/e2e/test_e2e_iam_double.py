"""The double judges policies as IAM does, where Okra's policy depends on it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from okra.aws.iam import OWNER_TAG, policy
from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.moto_iam import Decision, allows, decisions
from okra.testing.moto_server import MotoServer
from tests.e2e.identities import Account

RULE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/0a/0b/0c"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0a"
ZONE = "arn:aws:route53:::hostedzone/Z1"
OKRA = policy()["Statement"]


@pytest.mark.parametrize(
    ("action", "resource", "keys", "allowed"),
    [
        ("elasticloadbalancing:DescribeTags", "*", [], True),
        ("ElasticLoadBalancing:describetags", "*", [], True),
        ("elasticloadbalancing:DeleteRule", RULE, [], False),
        ("elasticloadbalancing:ModifyRule", RULE, [], True),
        ("elasticloadbalancing:ModifyRule", RULE.replace("/app/", "/net/"), [], False),
        ("elasticloadbalancing:AddTags", RULE, [OWNER_TAG], True),
        ("elasticloadbalancing:AddTags", RULE, [OWNER_TAG, "team"], False),
        ("elasticloadbalancing:RemoveTags", RULE, ["team"], False),
        ("elasticloadbalancing:AddTags", GROUP, [OWNER_TAG], False),
        ("route53:ChangeResourceRecordSets", ZONE, ["A", "TXT"], True),
        ("route53:ChangeResourceRecordSets", ZONE, ["A", "MX"], False),
        ("route53:ListResourceRecordSets", ZONE.replace("hostedzone", "healthcheck"), [], False),
    ],
)
def test_okras_policy_allows_what_it_names_and_nothing_else(
    action: str, resource: str, keys: list[str], allowed: bool
) -> None:
    assert allows(OKRA, action, resource, keys) is allowed


def test_a_denial_outranks_every_permission() -> None:
    deny: list[dict[str, Any]] = [{"Effect": "Deny", "Action": "elasticloadbalancing:Modify*", "Resource": "*"}]
    assert not allows([*OKRA, *deny], "elasticloadbalancing:ModifyRule", RULE, [])
    assert allows([*OKRA, *deny], "elasticloadbalancing:DescribeRules", "*", [])


def test_a_condition_that_the_double_does_not_know_is_no_silent_yes() -> None:
    odd = [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]
    with pytest.raises(NotImplementedError, match="aws:SecureTransport"):
        allows(odd, "tag:GetResources", "*", [])


def test_a_user_is_held_to_its_policies_the_root_is_not_and_each_decision_is_recorded(
    aws_world: AwsWorld, aws_server: MotoServer
) -> None:
    key = Account(aws_world).user("some", {**policy(), "Statement": OKRA[:1]})
    route = aws_world.route()
    credentials = {"AccessKeyId": key["AWS_ACCESS_KEY_ID"], "SecretAccessKey": key["AWS_SECRET_ACCESS_KEY"]}
    with AwsWorld(aws_server.url, credentials=credentials) as some:
        assert some.weights(route.arn) == aws_world.weights(route.arn)
        with pytest.raises(
            ClientError, match="user/some is not authorized to perform: elasticloadbalancing:ModifyRule"
        ):
            some.set_weights(route.arn, {route.groups["1.0.0"][0]: 1})
    arn = "arn:aws:iam::123456789012:user/some"
    assert decisions(aws_server.url) == [
        Decision(arn, "elasticloadbalancing:DescribeRules", ("*",), True),
        Decision(arn, "elasticloadbalancing:ModifyRule", (route.arn,), False),
    ]
    aws_server.reset()
    assert decisions(aws_server.url) == []
    assert aws_world.client("iam").list_users()["Users"] == []


def test_zones_changes_and_health_checks_are_known_by_their_ids(aws_world: AwsWorld, aws_server: MotoServer) -> None:
    key = Account(aws_world).user("some", policy())
    dns = DnsWorld(aws_world)
    check = dns.health_check()
    credentials = {"AccessKeyId": key["AWS_ACCESS_KEY_ID"], "SecretAccessKey": key["AWS_SECRET_ACCESS_KEY"]}
    record = {"Name": "a.example.com", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    with AwsWorld(aws_server.url, credentials=credentials) as some:
        route53 = some.client("route53")
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        made = route53.change_resource_record_sets(HostedZoneId=dns.zone, ChangeBatch=batch)["ChangeInfo"]["Id"]
        route53.get_change(Id=made)
        route53.get_health_check_status(HealthCheckId=check)
        record |= {"Type": "MX", "ResourceRecords": [{"Value": "10 mail.example.com"}]}
        with pytest.raises(ClientError, match="not authorized to perform: route53:ChangeResourceRecordSets"):
            route53.change_resource_record_sets(HostedZoneId=dns.zone, ChangeBatch=batch)
    assert [(each.resources[0].rpartition(":")[2], each.allowed) for each in decisions(aws_server.url)] == [
        (f"hostedzone/{dns.zone}", True),
        (made.removeprefix("/"), True),
        (f"healthcheck/{check}", True),
        (f"hostedzone/{dns.zone}", False),
    ]
