"""The scalar fields of the API: strict about types, bounded, and each with a message that says what it wants.

A type error never echoes the value: it may stand in a header or a Secret. Bounds are not decoration: unbounded strings
and lists make the API server refuse a schema's CEL rules for their cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

LONGEST_SHOWN = 200
"""Characters of a wrong value in a message: the ARNs of load balancers, whose difference is at the end, are whole."""


@dataclass(frozen=True, slots=True)
class Form:
    """A string that matches `pattern` as a whole; `hint` says what it is.

    The pattern must mean the same to RE2 and to `re`: no look-around, and no shorthand for a class such as white space,
    which takes in Unicode's here and not there.
    """

    pattern: str
    hint: str
    max_length: int = 253
    echo: bool = True
    """Whether a message may show the value."""
    policy: bool = False
    """Judged by a policy instead of the CRD, because the rule that doesn't show it exceeds the schema's budget."""

    def check(self, value: str) -> str:
        if len(value) > self.max_length:
            raise PydanticCustomError("form", f"must be at most {self.max_length} characters long, not {len(value)}")
        if re.fullmatch(self.pattern, value) is None:
            said = value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
            shown = f", not {said!r}" if self.echo else ""
            raise PydanticCustomError("form", "must be {hint}{shown}", {"hint": self.hint, "shown": shown})
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What begins with `x-` is for the making of CRDs (`okra.api.crd_schema`)."""
        form = {"pattern": self.pattern, "maxLength": self.max_length, "x-hint": self.hint}
        return {**handler(schema), **form, "x-secret": not self.echo, "x-policy": self.policy}


Int = Annotated[int, Strict()]
"""2.0 is none, as in the kinds of Kubernetes itself; a file is read as kubectl does it (`okra.api.yaml_scalars`)."""
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
"""A bool: `"true"` is a string."""

Text = Annotated[str, Field(min_length=1, max_length=253)]
Version = Annotated[
    str, Field(min_length=1), Form(r"^[^\x00-\x1f\x7f]+$", "a version such as 1.2.3, without control characters")
]
"""What a tag may hold, and so no end of a line. Whether it is ordered is for `okra.rollout.versions` to say."""
LongText = Annotated[str, Field(min_length=1, max_length=4096)]

PARTITION = "arn:aws(-[a-z]+)*"
"""aws, aws-cn, aws-us-gov, aws-iso …"""
_ELB = rf"^{PARTITION}:elasticloadbalancing:[a-z0-9-]+:[0-9]{{12}}"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_QUALIFIED = rf"({_LABEL}(\.{_LABEL})*/)?{_NAME}"

Region = Annotated[str, Form(r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", "a region of AWS such as us-east-1", max_length=32)]
RoleARN = Annotated[
    str,
    Form(
        rf"^{PARTITION}:iam::[0-9]{{12}}:role/[A-Za-z0-9_+=,.@/-]+$",
        "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/okra",
        max_length=2048,
    ),
]
ApplicationListenerARN = Annotated[
    str,
    Form(
        rf"{_ELB}:listener/app/[A-Za-z0-9-]+/[A-Za-z0-9]+/[A-Za-z0-9]+$",
        "the ARN of an Application Load Balancer's listener (arn:aws:elasticloadbalancing:…:listener/app/…)",
        max_length=512,
    ),
]
NetworkListenerARN = Annotated[
    str,
    Form(
        # `app` too: AWS doubles name every load balancer so. What it really is, the controller reads.
        rf"{_ELB}:listener/(net|app)/[A-Za-z0-9-]+/[A-Za-z0-9]+/[A-Za-z0-9]+$",
        "the ARN of a Network Load Balancer's listener (arn:aws:elasticloadbalancing:…:listener/net/…)",
        max_length=512,
    ),
]
RuleARN = Annotated[
    str,
    Form(
        rf"{_ELB}:listener-rule/app/[A-Za-z0-9-]+/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+$",
        "the ARN of a listener's rule (arn:aws:elasticloadbalancing:…:listener-rule/app/…)",
        max_length=512,
    ),
]
TargetGroupARN = Annotated[
    str,
    Form(
        rf"{_ELB}:targetgroup/[A-Za-z0-9-]+/[A-Za-z0-9]+$",
        "the ARN of a target group (arn:aws:elasticloadbalancing:…:targetgroup/…)",
        max_length=512,
    ),
]

Name = Annotated[
    str,
    Form(rf"^{_LABEL}$", "a name of lower case letters, digits and '-' (DNS-1123), as in my-name", max_length=63),
]
ObjectName = Annotated[
    str,
    Form(rf"^{_LABEL}(\.{_LABEL})*$", "an object's name of lower case letters, digits, '-' and '.' (DNS-1123)"),
]
EKSClusterName = Annotated[
    str,
    Form(r"^[A-Za-z0-9][A-Za-z0-9_-]*$", "an EKS cluster's name of letters, digits, '-' and '_'", max_length=100),
]

TagKey = Annotated[
    str, Form(r"^[^ \t\r\n\f,()=!<>]+$", "a tag's key, without spaces or any of ,()=!<>", max_length=317)
]
TagValue = Annotated[str, Field(max_length=256)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=50)]
"""AWS tags, and whatever may be matched against them. Laxer than Kubernetes' labels."""

LabelKey = Annotated[str, Form(rf"^{_QUALIFIED}$", "a label's key such as role or example.com/role", max_length=317)]
LabelValue = Annotated[
    str,
    Form(
        r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "a label's value of letters, digits, '-', '_' and '.'",
        max_length=63,
    ),
]
UNIQUE: dict[str, Any] = {"x-kubernetes-list-type": "set"}
"""Schema of a list without duplicates."""


def keyed_by(name: str) -> dict[str, Any]:
    """Schema of a list in which no two entries have the same `name`; server-side apply merges it by that."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [name]}


Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=64)]
"""Labels of Kubernetes objects."""
_CAPITALS = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
AnnotationKey = Annotated[
    str,
    Form(
        rf"^({_CAPITALS}(\.{_CAPITALS})*/)?{_NAME}$",
        "an annotation's key such as note or example.com/note",
        max_length=317,
    ),
]
"""Kubernetes takes capitals before the slash here, and not in labels."""
AnnotationValue = Annotated[str, Field(max_length=262_144)]
Annotations = Annotated[dict[AnnotationKey, AnnotationValue], Field(max_length=256)]
