"""The fault proxy itself: what it recognises, which calls it hits, and its control from another process."""

from __future__ import annotations

import json
from collections.abc import Iterator

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from okra.testing.aws_world import AwsWorld
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Call, Fault, FaultKind, fault_from, fault_to
from okra.testing.moto_server import MotoServer
from okra.testing.wire import call_from, error_answer

SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/elasticloadbalancing/aws4_request, SignedHeaders=host"


def test_an_operation_is_recognised_in_every_protocol() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Authorization": SIGNED}
    query = call_from("POST", "/", form, b"Action=ModifyRule&RuleArn=arn%3Ax", 1.0)
    assert query == Call("ModifyRule", {"Action": "ModifyRule", "RuleArn": "arn:x"}, "query", "eu-west-1", "AKIA", 1.0)
    target = {"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData"}
    as_json = call_from("POST", "/", target, b'{"ScanBy": "x", "Queries": [1]}', 0.0)
    assert (as_json.operation, as_json.protocol) == ("GetMetricData", "json")
    assert as_json.parameters == {"ScanBy": "x", "Queries": "[1]"}
    cbor = call_from("POST", "/service/GraniteServiceVersion20100801/operation/GetMetricData", {}, b"\xa0", 0.0)
    assert (cbor.operation, cbor.protocol) == ("GetMetricData", "cbor")
    eks = call_from("GET", "/clusters/blue", {"Authorization": SIGNED}, b"", 0.0)
    assert eks == Call("DescribeCluster", {"name": "blue"}, "rest-json", "eu-west-1", "AKIA", 0.0)
    rest = call_from("GET", "/2013-04-01/hostedzone?x=1", {}, b"", 0.0)
    assert (rest.operation, rest.parameters, rest.protocol) == ("GET /2013-04-01/hostedzone", {"x": "1"}, "rest")


def test_an_error_is_said_in_the_protocol_of_the_call() -> None:
    for protocol, parser in (
        ("query", "query"),
        ("json", "json"),
        ("rest-json", "rest-json"),
        ("cbor", "smithy-rpc-v2-cbor"),
    ):
        status, kind, body = error_answer(Call("X", {}, protocol), 400, "Throttling", "slow <down>")
        headers = {"content-type": kind, "smithy-protocol": "rpc-v2-cbor"}
        parsed = create_parser(parser).parse({"status_code": status, "headers": headers, "body": body}, None)
        assert parsed["Error"]["Code"] == "Throttling"
        assert parsed["Error"]["Message"] == "slow <down>"


def test_a_fault_travels_as_json_but_for_a_condition_in_python() -> None:
    fault = Fault(FaultKind.ERROR, "ModifyRule", applied=True, times=3, skip=1, every=2, seconds=0.5, where={"a": "b"})
    assert fault_from(json.loads(json.dumps(fault_to(fault)))) == fault
    with pytest.raises(ValueError, match="where"):
        fault_to(Fault(FaultKind.HANG, when=lambda call: True))


async def outcomes(proxy: FaultProxy, count: int, action: str = "DescribeTargetGroups") -> list[int]:
    async with aiohttp.ClientSession() as session:
        found = []
        for _ in range(count):
            headers = {"Authorization": SIGNED}
            form = {"Action": action, "Version": "2015-12-01"}
            async with session.post(proxy.url, data=form, headers=headers) as answer:
                found.append(answer.status)
        return found


async def test_a_fault_hits_after_skip_every_so_many_so_many_times(
    aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    fault_proxy.add(Fault(FaultKind.UNAVAILABLE, "DescribeTargetGroups", skip=1, every=2, times=2))
    assert await outcomes(fault_proxy, 8) == [200, 200, 503, 200, 503, 200, 200, 200]
    assert [record.fault for record in fault_proxy.records].count("unavailable") == 2


async def test_only_calls_that_fit_are_hit(aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    fault_proxy.add(Fault(FaultKind.HTML, "ModifyRule"))
    fault_proxy.add(Fault(FaultKind.HTML, where={"Action": "Rules"}))
    fault_proxy.add(Fault(FaultKind.TOO_MANY_REQUESTS, when=lambda call: call.operation.endswith("Tags")))
    assert await outcomes(fault_proxy, 1) == [200]
    assert await outcomes(fault_proxy, 1, "DescribeRules") == [500]
    assert await outcomes(fault_proxy, 1, "DescribeTags") == [429]
    fault_proxy.clear()
    assert await outcomes(fault_proxy, 2, "DescribeTags") == [200, 200], "AWS's own answer again"


async def test_the_faults_that_were_added_first_are_tried_first(aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    fault_proxy.add(Fault(FaultKind.HTML, times=1), Fault(FaultKind.UNAVAILABLE))
    assert await outcomes(fault_proxy, 2) == [500, 503]


async def test_a_delay_is_a_true_answer_that_comes_late(aws_world: AwsWorld, fault_proxy: FaultProxy) -> None:
    fault_proxy.add(Fault(FaultKind.DELAY, seconds=0.05))
    assert await outcomes(fault_proxy, 1) == [200]
    assert len(fault_proxy.reached()) == 1


async def test_what_hangs_is_let_go_when_the_proxy_closes(aws_server: MotoServer) -> None:
    async with FaultProxy(aws_server.url) as proxy, aiohttp.ClientSession() as session:
        proxy.add(Fault(FaultKind.HANG))
        form = {"Action": "DescribeTargetGroups", "Version": "2015-12-01"}
        call = session.post(proxy.url, data=form, timeout=aiohttp.ClientTimeout(total=0.05))
        with pytest.raises(TimeoutError):
            await call


@pytest.fixture(scope="module")
def process(aws_server: MotoServer) -> Iterator[FaultProxyProcess]:
    with FaultProxyProcess(aws_server.url) as proxy:
        yield proxy


def test_the_proxy_in_a_process_of_its_own_is_controlled_over_http(
    aws_world: AwsWorld, process: FaultProxyProcess
) -> None:
    elb = boto3.client(
        "elbv2",
        region_name="us-east-1",
        endpoint_url=process.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    aws_world.target_group("g")
    process.add(Fault(FaultKind.THROTTLE, "DescribeTargetGroups", times=1))
    with pytest.raises(ClientError, match="Rate exceeded"):
        elb.describe_target_groups()
    assert len(elb.describe_target_groups()["TargetGroups"]) == 1
    assert [record.fault for record in process.records()] == ["throttle", ""]
    assert len(process.calls("DescribeTargetGroups")) == 2
    assert len(process.reached("DescribeTargetGroups")) == 1
    process.add(Fault(FaultKind.HTML))
    process.clear()
    elb.describe_target_groups()
    process.forget()
    assert process.records() == []
    elb.close()
