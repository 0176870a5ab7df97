"""What every object has: apiVersion, kind and metadata."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from okra.api.base import Model
from okra.api.fields import AnnotationKey, AnnotationValue, Int, LabelKey, LabelValue, Name, ObjectName

OKRA_GROUP = "okra.mumoshu.github.io"
HOTSWAP_GROUP = "hotswap.mumoshu.github.io"
VERSION = "v1alpha1"
VERSION_LABEL = "okra.mumoshu.github.io/version"
COMMAND_ANNOTATION = "okra.mumoshu.github.io/command"
ANALYSIS_HASH_ANNOTATION = "analysis-hash"
PARENT_LABEL = "okra.mumoshu.github.io/parent"
"""On an object that a complex Cell made: the Cell's name."""

_MOST = 10_000
"""Kubernetes bounds labels, annotations and finalizers by the object's size only; so many nobody has."""

_Time = Annotated[str, Field(max_length=64)]


class OwnerReference(Model):
    """An object without which this one is not wanted."""

    api_version: str = Field(max_length=317, description="Its apiVersion.")
    kind: str = Field(max_length=63, description="Its kind.")
    name: str = Field(max_length=253, description="Its name.")
    uid: str = Field(max_length=128, description="Its uid.")
    controller: bool | None = Field(default=None, description="It manages this object.")
    block_owner_deletion: bool | None = Field(default=None, description="It waits for this object's deletion.")


class ObjectMeta(Model):
    """Kubernetes' metadata. A name may have dots here; kinds that people name are stricter."""

    name: ObjectName = Field(description="The object's name.")
    namespace: Name = Field(default="default", description="The object's namespace.")
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=_MOST)] = Field(default={}, description="Labels.")
    annotations: Annotated[dict[AnnotationKey, AnnotationValue], Field(max_length=_MOST)] = Field(
        default={}, description="Annotations."
    )
    uid: _Time | None = Field(default=None, description="Set by the store.")
    resource_version: _Time | None = Field(default=None, description="Set by the store.")
    generation: Int | None = Field(default=None, description="Set by the store: counts the spec's changes.")
    creation_timestamp: _Time | None = Field(default=None, description="Set by the store.")
    deletion_timestamp: _Time | None = Field(default=None, description="Set by the store: the object is going.")
    deletion_grace_period_seconds: Int | None = Field(default=None, description="Set by the store.")
    generate_name: _Time | None = Field(default=None, description="Used by the store when there is no name.")
    self_link: str | None = Field(default=None, max_length=2048, description="Not used any more.")
    finalizers: Annotated[tuple[LabelKey, ...], Field(max_length=_MOST)] = Field(
        default=(), description="What must be done before the object may go."
    )
    owner_references: Annotated[tuple[OwnerReference, ...], Field(max_length=_MOST)] = Field(
        default=(), description="Objects that this one belongs to."
    )
    managed_fields: Annotated[tuple[dict[str, Any], ...], Field(max_length=_MOST)] = Field(
        default=(), description="Set by the store: who wrote what."
    )


class NamedMeta(ObjectMeta):
    """Metadata of what people name. The name ends up in names and labels of children: it is short, without dots."""

    name: Name = Field(description="The object's name: lower case letters, digits and '-', at most 63.")


class Resource(Model):
    """An object. `spec` is each kind's own; `status` is read by its own model and ignored here."""

    api_version: str = Field(max_length=317, description="The API group and version.")
    kind: str = Field(max_length=63, description="The kind.")
    metadata: ObjectMeta = Field(description="The object's metadata: at least a name.")
