"""Selectors as they are written in specs. Each gives the one `Selector` that does the matching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from okra.api.base import Model, Violation
from okra.api.fields import TagKey, Tags, TagValue
from okra.api.selectors import Operator, Requirement, Selector

_MOST_LABELS = 50
"""As many as AWS tags."""
_LONGEST_TEXT = 1024


class LabelExpression(Model):
    """A set-based condition on one label."""

    key: TagKey = Field(description="The label's (for AWS: the tag's) key.")
    operator: Operator = Field(
        description="In, NotIn, Exists or DoesNotExist. NotIn also holds when the label is absent."
    )
    values: Annotated[tuple[TagValue, ...], Field(max_length=64)] = Field(
        default=(), description="The values of In and NotIn."
    )

    def rules(self) -> Iterator[Violation]:
        takes_values = self.operator in (Operator.IN, Operator.NOT_IN)
        if takes_values and not self.values:
            yield Violation(("values",), f"{self.operator} needs at least one value")
        if self.values and not takes_values:
            yield Violation(("values",), f"{self.operator} takes no values: remove them, or use In or NotIn")


class LabelSelector(Model):
    """What must be true of the labels; everything in it must hold."""

    match_labels: Tags = Field(default={}, description="Labels that must be equal.")
    match_expressions: Annotated[tuple[LabelExpression, ...], Field(max_length=32)] = Field(
        default=(), description="Set-based conditions."
    )

    @property
    def selector(self) -> Selector:
        return Selector.of(
            self.match_labels,
            (Requirement(each.key, each.operator, each.values) for each in self.match_expressions),
        )

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.selector.matches(labels)

    def rules(self) -> Iterator[Violation]:
        if not self.match_labels and not self.match_expressions:
            yield Violation((), "matches everything: name at least one label in matchLabels or matchExpressions")


class TextSelector(LabelSelector):
    """The same, which may also be written as a string: `app=api,tier in (a,b)`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1, "maxLength": _LONGEST_TEXT}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        if not isinstance(data, str):
            return data
        if len(data) > _LONGEST_TEXT:
            raise PydanticCustomError("form", f"must be at most {_LONGEST_TEXT} characters long")
        try:
            selector = Selector.parse(data)
        except ValueError as error:
            raise PydanticCustomError("form", "is no selector: {reason}", {"reason": str(error)}) from None
        return {
            "matchExpressions": [
                {"key": each.key, "operator": each.operator.value, "values": each.values}
                for each in selector.requirements
            ]
        }


class ClusterSelector(Model):
    """Which of the Cell's clusters an application runs on: plain labels, or matchLabels, or matchEKSTags."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"maxProperties": _MOST_LABELS})
    __pydantic_extra__: dict[str, TagValue]

    match_labels: Tags | None = Field(default=None, description="Labels of clusters[] that must be equal.")
    match_eks_tags: Tags | None = Field(default=None, description="Tags of the EKS clusters in AWS that must be equal.")

    @property
    def plain(self) -> Mapping[str, str]:
        """The labels that stand directly in the selector."""
        return self.__pydantic_extra__ or {}

    @property
    def labels(self) -> Selector | None:
        """What clusters[].labels must satisfy; None when the EKS clusters' tags decide."""
        return Selector.of(self.match_labels or self.plain) if self.match_eks_tags is None else None

    @property
    def tags(self) -> Selector | None:
        """What the EKS clusters' tags must satisfy, or None."""
        return None if self.match_eks_tags is None else Selector.of(self.match_eks_tags)

    def rules(self) -> Iterator[Violation]:
        ways = [way for way in (self.plain, self.match_labels, self.match_eks_tags) if way]
        if not ways:
            yield Violation((), "matches everything: name at least one label, or remove clusterSelector")
        if len(self.plain) > _MOST_LABELS:
            yield Violation((), f"holds {len(self.plain)} labels; at most {_MOST_LABELS}")
        if len(ways) > 1:
            yield Violation((), "mixes plain labels, matchLabels and matchEKSTags: use one of them")
