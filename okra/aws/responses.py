"""What the SDK's XML parser loses, put right before it runs: hooks on the `before-parse` event.

Three losses matter. An error without an error document (a 429 with an empty body, a proxy's HTML page) makes the parser
raise a plain exception that hides the status, and with it whether a write was *throttled* or is *unknown*. And a field
that the SDK's model doesn't know is dropped without a word: an action resent without it is not the one a person made.
And an answer that is no JSON at all passes for an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.sax.saxutils import escape

from botocore.parsers import ResponseParserError

UNKNOWN_FIELDS = "OkraUnknownFields"
"""Key of a parsed answer: ARN of a rule or listener → names of the fields of its actions that the SDK dropped."""

_JSON = frozenset({"json", "rest-json"})
_XML = frozenset({"query", "rest-xml"})
_BARE_ERROR = "InvalidChangeBatch"
"""Route 53 says this one with its messages only, in a document of its own."""
_ACTION_LISTS = {"Rules": ("RuleArn", "Actions"), "Listeners": ("ListenerArn", "DefaultActions")}


def before_parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Handler of botocore's `before-parse.*`; what it puts into `customized_response_dict` joins the answer."""
    protocol, status = operation_model.service_model.resolved_protocol, response_dict["status_code"]
    if protocol in _JSON and status < 300:
        _require_json(response_dict["body"])
    elif protocol in _JSON and not _says_code(response_dict):
        response_dict["body"] = json.dumps({"__type": _code_of(status), "message": _message_of(status)}).encode()
    elif protocol in _XML:
        root = _parse(response_dict["body"])
        if status >= 300:
            if root is None or not any(_tag(element) == "Code" for element in root.iter()):
                response_dict["body"] = _error_document(status, root)
        elif root is None and protocol == "rest-xml":
            raise ResponseParserError("not XML")  # the SDK takes no answer for an empty one
        elif root is not None and operation_model.name in {"DescribeRules", "DescribeListeners"}:
            customized_response_dict[UNKNOWN_FIELDS] = unknown_fields(root, operation_model.output_shape)
        elif root is not None and operation_model.name == "ListResourceRecordSets":
            customized_response_dict[UNKNOWN_FIELDS] = unknown_record_fields(root, operation_model.output_shape)


def _says_code(response: Mapping[str, Any]) -> bool:
    """Whether AWS says which error it is: REST services do in a header."""
    return b"__type" in response["body"] or "x-amzn-errortype" in response["headers"]


def _require_json(body: bytes) -> None:
    """The SDK takes a page for people, answered with 200, for an empty list: as if every target group were gone."""
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise ResponseParserError("not JSON") from error
    if not isinstance(answer, dict):
        raise ResponseParserError("not a JSON object")


def unknown_fields(root: Element, output_shape: Any) -> dict[str, list[str]]:
    """ARN → field names below the actions of that rule or listener which `output_shape` doesn't describe."""
    found: dict[str, list[str]] = {}
    for result, (arn_tag, actions_tag) in _ACTION_LISTS.items():
        if result not in output_shape.members:
            continue
        item_shape = output_shape.members[result].member
        for item in _children(_first(root, result)):
            actions = _first(item, actions_tag)
            names = list(_unknown(actions, item_shape.members[actions_tag])) if actions is not None else []
            arn = _first(item, arn_tag)
            if names and arn is not None and arn.text:
                found[arn.text] = names
    return found


def unknown_record_fields(root: Element, output_shape: Any) -> dict[str, list[str]]:
    """`NAME TYPE` → names of the fields of such records that `output_shape` doesn't describe."""
    found: dict[str, list[str]] = {}
    shape = output_shape.members["ResourceRecordSets"].member
    for record in _children(_first(root, "ResourceRecordSets")):
        if names := list(_unknown(record, shape)):
            said = (_first(record, field) for field in ("Name", "Type"))
            found.setdefault(" ".join(each.text or "" for each in said if each is not None), []).extend(names)
    return found


def _unknown(element: Element, shape: Any) -> Iterator[str]:
    match shape.type_name:
        case "list":
            for child in element:
                yield from _unknown(child, shape.member)
        case "structure":
            for child in element:
                member = shape.members.get(_tag(child))
                if member is None:
                    yield _tag(child)
                else:
                    yield from _unknown(child, member)
        case _:
            return


def _parse(body: bytes) -> Element | None:
    # AWS's own answers over TLS; expat as Python ships it limits entity expansion.
    parser = XMLParser()  # noqa: S314 — the SDK parses the same bytes with the same parser right after
    try:
        parser.feed(body)
        root: Element = parser.close()
    except ParseError:
        return None
    return root


def _error_document(status: int, root: Element | None) -> bytes:
    code, text = _code_of(status), _message_of(status)
    if root is not None and _tag(root) == _BARE_ERROR:
        code, text = _BARE_ERROR, escape("; ".join(each.text or "" for each in root.iter() if _tag(each) == "Message"))
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>".encode()


def _code_of(status: int) -> str:
    """The code that AWS would have given: it makes the SDK retry reads as it would AWS's own errors."""
    return "Throttling" if status == 429 else "ServiceUnavailable" if status >= 500 else f"HTTP{status}"


def _message_of(status: int) -> str:
    return f"HTTP {status} without an error document"


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _first(element: Element, tag: str) -> Element | None:
    return next((child for child in element.iter() if _tag(child) == tag), None)


def _children(element: Element | None) -> Iterator[Element]:
    return iter(element if element is not None else ())
