"""The CEL rules of ClusterSets and TargetGroupSets."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from okra.api.cluster_set import ClusterTemplate
from okra.api.crd_rule import Rule, given, unless
from okra.api.meta import VERSION_LABEL
from okra.api.secret_labels import FIXED, OWN, READ
from okra.api.target_group_set import OWN_TAG, TargetGroupMetadata, TargetGroupTemplate

_OWN_KEY = f"(!key.matches(r'{OWN}') || key in {list(READ)})"
_MAY_TAG = f"(key == '{VERSION_LABEL}' || !(key.startsWith('aws:') || key.matches(r'{OWN}')))"

RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    ClusterTemplate: (
        Rule(
            unless(
                given("metadata.labels"),
                "("
                + " && ".join(
                    f"(!('{key}' in self.metadata.labels) || self.metadata.labels['{key}'] == '{value}')"
                    for key, value in FIXED.items()
                )
                + f" && self.metadata.labels.all(key, {_OWN_KEY}))",
            ),
            f"hold a key that is Okra's own on a cluster secret, or another value of {' or '.join(FIXED)} than there:"
            " choose another key",
            ".metadata.labels",
        ),
        Rule(
            unless("has(self.labelsFromTags)", f"self.labelsFromTags.all(key, {_OWN_KEY} && !(key in {list(FIXED)}))"),
            "hold a key that is Okra's own on a cluster secret: remove it, or choose another tag",
            ".labelsFromTags",
        ),
    ),
    TargetGroupMetadata: (
        Rule(unless("has(self.labels)", f"self.labels.all(key, {_MAY_TAG})"), f"hold a key that {OWN_TAG}", ".labels"),
    ),
    TargetGroupTemplate: (
        Rule(
            unless("has(self.labelsFromTags)", f"self.labelsFromTags.all(key, {_MAY_TAG})"),
            f"hold a key that {OWN_TAG}",
            ".labelsFromTags",
        ),
    ),
}
