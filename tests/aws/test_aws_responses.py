"""What the SDK's parser loses: fields it doesn't know, and errors without a document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree.ElementTree import fromstring

import botocore.loaders
import pytest
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserError

from okra.aws.responses import UNKNOWN_FIELDS, before_parse, unknown_fields

RULE = "arn:rule"
DOCUMENT = """
<DescribeRulesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeRulesResult><Rules>
  <member><RuleArn>arn:other</RuleArn><Actions><member><Type>forward</Type></member></Actions></member>
  <member>
    <RuleArn>arn:rule</RuleArn><Priority>10</Priority><SomethingNewOfARule>1</SomethingNewOfARule>
    <Conditions><member><Field>new</Field><NewConfig/></member></Conditions>
    <Actions><member><Type>forward</Type><ForwardConfig><TargetGroups><member>
      <TargetGroupArn>a</TargetGroupArn><Weight>1</Weight>{in_group}</member></TargetGroups>{in_config}</ForwardConfig>
      {in_action}
    </member></Actions>
  </member>
</Rules></DescribeRulesResult></DescribeRulesResponse>
"""


@cache
def operation(service: str, name: str) -> OperationModel:
    data = botocore.loaders.create_loader().load_service_model(service, "service-2")
    return ServiceModel(data, service).operation_model(name)


def describe_rules() -> OperationModel:
    return operation("elbv2", "DescribeRules")


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ({}, {}),
        ({"in_action": "<MirrorConfig><Percent>5</Percent></MirrorConfig>"}, {RULE: ["MirrorConfig"]}),
        ({"in_config": "<Algorithm>least</Algorithm>"}, {RULE: ["Algorithm"]}),
        ({"in_group": "<Zone>a</Zone>", "in_action": "<New/>"}, {RULE: ["Zone", "New"]}),
    ],
)
def test_fields_of_actions_that_the_sdk_would_drop_are_named_by_rule(
    place: dict[str, str], found: dict[str, list[str]]
) -> None:
    text = DOCUMENT.format(**{"in_group": "", "in_config": "", "in_action": "", **place})
    assert unknown_fields(fromstring(text), describe_rules().output_shape) == found
    extra: dict[str, Any] = {}
    response = {"status_code": 200, "body": text.encode()}
    before_parse(operation_model=describe_rules(), response_dict=response, customized_response_dict=extra)
    assert extra == {UNKNOWN_FIELDS: found}


def test_listeners_are_looked_at_too() -> None:
    text = """<R xmlns="x"><DescribeListenersResult><Listeners><member><ListenerArn>l</ListenerArn><NewOfAListener/>
    <DefaultActions><member><Type>forward</Type><New/></member></DefaultActions></member></Listeners>
    </DescribeListenersResult></R>"""
    shape = operation("elbv2", "DescribeListeners").output_shape
    assert unknown_fields(fromstring(text), shape) == {"l": ["New"]}


def prepared(model: OperationModel, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    response: dict[str, Any] = {"status_code": status, "body": body, "headers": headers or {}}
    before_parse(operation_model=model, response_dict=response, customized_response_dict={})
    return bytes(response["body"])


@pytest.mark.parametrize("body", [b"", b"<html><p>no", b"<html><body>well-formed</body></html>", b"\xff\xfe"])
def test_an_error_without_a_document_gets_one_that_says_its_status(body: bytes) -> None:
    for status, code in ((429, b"Throttling"), (503, b"ServiceUnavailable"), (403, b"HTTP403")):
        assert code in prepared(describe_rules(), status, body)
        assert code in prepared(operation("resourcegroupstaggingapi", "GetResources"), status, body)
        assert code in prepared(operation("eks", "DescribeCluster"), status, body)


def test_awss_own_errors_are_left_alone() -> None:
    document = b"<ErrorResponse><Error><Code>RuleNotFound</Code></Error></ErrorResponse>"
    assert prepared(describe_rules(), 400, document) == document
    body = b'{"__type": "ThrottlingException"}'
    assert prepared(operation("resourcegroupstaggingapi", "GetResources"), 400, body) == body
    said = {"x-amzn-errortype": "ResourceNotFoundException"}
    assert prepared(operation("eks", "DescribeCluster"), 404, b'{"message": "no"}', said) == b'{"message": "no"}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_an_answer_that_is_no_json_object_is_not_taken_for_an_empty_one(body: bytes) -> None:
    for model in (operation("resourcegroupstaggingapi", "GetResources"), operation("eks", "DescribeCluster")):
        with pytest.raises(ResponseParserError):
            prepared(model, 200, body)
