"""The API server's rules for metadata, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from okra.embedded.metadata import findings
from okra.embedded.objects import metadata_of
from okra.errors import Invalid

OWNER = {"apiVersion": "v1", "kind": "Cell", "name": "web", "uid": "u1"}
SOUND: dict[str, Any] = {
    "name": "web-1.example",
    "namespace": "prod",
    "labels": {"app": "", "example.com/tier": "A_b-1.c"},
    "annotations": {"example.com/note": "anything: at all\n"},
    "finalizers": ["okra.mumoshu.github.io/rollout"],
    "ownerReferences": [OWNER],
}


def test_sound_metadata_has_no_findings() -> None:
    assert findings(SOUND) == []
    assert findings({"name": "a"}) == []
    assert findings({"name": "a" * 253, "labels": None, "annotations": {}, "finalizers": []}) == []


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("name", None, "metadata.name"),
        ("name", 7, "metadata.name"),
        ("name", "a.-b", "metadata.name"),
        ("namespace", "with.dot", "metadata.namespace"),
        ("namespace", "a" * 64, "metadata.namespace"),
        ("labels", "x", "metadata.labels"),
        ("labels", {"-a": "x"}, "metadata.labels"),
        ("labels", {"UPPER.com/a": "x"}, "metadata.labels"),
        ("labels", {"/a": "x"}, "metadata.labels"),
        ("labels", {"a": None}, "metadata.labels[a]"),
        ("labels", {"a": "-x"}, "metadata.labels[a]"),
        ("annotations", {"a": 1}, "metadata.annotations[a]"),
        ("annotations", {"a": "x" * 262_144}, "metadata.annotations"),
        ("finalizers", "x", "metadata.finalizers"),
        ("finalizers", ["ok", 7], "metadata.finalizers[1]"),
        ("ownerReferences", {}, "metadata.ownerReferences"),
        ("ownerReferences", {"uid": "x"}, "metadata.ownerReferences"),
        ("ownerReferences", ["x"], "metadata.ownerReferences[0].apiVersion"),
        ("ownerReferences", [OWNER, OWNER | {"uid": ""}], "metadata.ownerReferences[1].uid"),
    ],
)
def test_each_rule_names_the_field(field: str, value: object, path: str) -> None:
    assert findings(SOUND | {field: value})[0].startswith(f"{path}: ")


@pytest.mark.parametrize("metadata", [None, [], "name"])
def test_metadata_that_is_no_map_is_invalid(metadata: object) -> None:
    with pytest.raises(Invalid, match="metadata"):
        metadata_of({"metadata": metadata})
