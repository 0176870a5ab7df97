"""What Helm renders, as objects: read as strictly as an API server does, and found by kind and name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml

Manifest = dict[str, Any]


class Strict(yaml.CSafeLoader):
    """A key that is there twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        twice = [key for key, count in Counter(each.value for each, _ in node.value).items() if count > 1]
        assert not twice, f"{twice} twice at {node.start_mark}"
        return super().construct_mapping(node, deep)


def objects_in(text: str) -> list[Manifest]:
    return [each for each in yaml.load_all(text, Strict) if each]


def one(objects: Sequence[Manifest], kind: str, name: str = "okra") -> Manifest:
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def container(objects: Sequence[Manifest], deployment: str = "okra") -> Manifest:
    (found,) = one(objects, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environ(objects: Sequence[Manifest]) -> dict[str, str]:
    """Of the container; what a field of the pod fills in isn't there."""
    return {each["name"]: each["value"] for each in container(objects)["env"] if "value" in each}
