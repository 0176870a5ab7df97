"""Go okra's ClusterSet, AWSTargetGroupSet and AWSTargetGroup."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from okra.convert.document import Remarks, Unconvertible
from okra.convert.fields import Fields
from okra.convert.go_cell import VERSION_LABEL
from okra.convert.go_seen import Seen
from okra.convert.names import as_name, free

_TAG = re.compile(r'\{\{-?\s*(?:\.awseks\.cluster\.tags\.(\w+)|index\s+\.awseks\.cluster\.tags\s+"([^"]+)")\s*-?\}\}')
"""A tag of the cluster, and nothing else."""
_Made = list[tuple[str, str, Mapping[str, Any]]]


def cluster_set(root: Fields, _seen: Seen, remarks: Remarks) -> _Made:
    spec, name = root.inside("spec"), _name(root)
    generators = [{"awseks": {"selector": {"matchTags": _tags(each)}}} for each in spec.each("generators")]
    if len(generators) > 1:
        remarks.say("Go okra looked at the first generator only; Okra takes them all.", "spec", "generators")
    made: dict[str, Any] = {"generators": generators, **_template(spec, remarks)}
    return [("ClusterSet", name, made)]


def target_group_set(root: Fields, seen: Seen, remarks: Remarks) -> _Made:
    """One for each TargetGroupBinding selector: Go okra has it in the generator, Okra in the set."""
    spec, name = root.inside("spec"), _name(root)
    template = _template(spec, remarks)
    by_binding: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for generator in spec.each("generators"):
        eks = generator.inside("awseks")
        binding = eks.inside("bindingSelector").labels("matchLabels")
        if not binding:
            raise Unconvertible(eks.where("bindingSelector"), "is required: by it the target group is found")
        clusters = eks.inside("clusterSelector").labels("matchLabels")
        by_binding.setdefault(tuple(sorted(binding.items())), []).extend(_generators(clusters, root, seen, remarks))
    names: list[str] = []
    made: _Made = []
    for binding_labels, generators in by_binding.items():
        names.append(free(name, names))
        body: dict[str, Any] = {
            "generators": generators,
            "targetgroupBindingSelector": {"matchLabels": dict(binding_labels)},
            **template,
        }
        made.append(("TargetGroupSet", names[-1], body))
    if not made:
        raise Unconvertible(spec.where("generators"), "is required: at least one awseks generator")
    remarks.say(
        f"Go okra copied the labels of each TargetGroupBinding ({VERSION_LABEL} among them) to its AWSTargetGroup. Okra"
        " reads the groups' tags: a label that a Cell selects by must be one of theirs, or in template.metadata.",
        "spec",
        "targetgroupBindingSelector",
    )
    return made


def target_group(root: Fields, _seen: Seen, remarks: Remarks) -> _Made:
    """No object: the tags that say in AWS what its labels said."""
    spec, labels = root.inside("spec"), root.inside("metadata").labels("labels")
    arn = spec.required("arn")
    remarks.say("Okra keeps no object of a target group; it reads tags. These say what the labels said:")
    tags = " ".join(shlex.quote(f"Key={key},Value={value}") for key, value in labels.items())
    remarks.say(f"  aws elbv2 add-tags --resource-arns {arn} --tags {tags}" if tags else "  (it had no labels)")
    return []


def _name(root: Fields) -> str:
    return as_name(root.inside("metadata").required("name"), "metadata.name")


def _tags(generator: Fields) -> dict[str, str]:
    """Under the name that the code reads, or those that its documents show."""
    eks = generator.inside("awseks")
    found = eks.inside("selector").labels("matchTags") or eks.inside("clusterSelector").labels("matchTags")
    found = found or generator.inside("eks").labels("tags")
    if not found:
        raise Unconvertible(generator.where("awseks.selector.matchTags"), "is required: the clusters' tags")
    return found


def _template_labels(spec: Fields) -> dict[str, str]:
    return spec.inside("template").inside("metadata").labels("labels")


def _template(spec: Fields, remarks: Remarks) -> dict[str, Any]:
    """Okra's `template`: labels as they are written, and the clusters' tags that become labels."""
    labels: dict[str, str] = {}
    tags: list[str] = []
    for key, value in _template_labels(spec).items():
        tag = _TAG.fullmatch(value)
        if "{{" not in value:
            labels[key] = value
        elif tag and key in tag.groups():
            tags.append(key)
        else:
            remarks.object_to(
                f"spec.template.metadata.labels.{key}",
                f"{value} can't be filled in: Okra copies a cluster's tag under the tag's own key. Tag the clusters"
                f" with {key} and list it in template.labelsFromTags, or write the value itself",
                *("spec", "template"),
            )
    made: dict[str, Any] = {"metadata": {"labels": labels}} if labels else {}
    made |= {"labelsFromTags": tags} if tags else {}
    return {"template": made} if made else {}


def _generators(labels: Mapping[str, str], root: Fields, seen: Seen, remarks: Remarks) -> list[dict[str, Any]]:
    """Go okra selects cluster secrets by their labels, Okra clusters by their tags. A ClusterSet knows both."""
    for each in seen.beside(root, "ClusterSet"):
        other = Fields(each).inside("spec")
        if labels and labels.items() <= _template_labels(other).items():
            return [{"awseks": {"selector": {"matchTags": _tags(generator)}}} for generator in other.each("generators")]
    if not labels:
        raise Unconvertible("spec.generators[].awseks.clusterSelector", "is required: by it the clusters are found")
    remarks.say(
        "These were labels of Argo CD's cluster secrets, and no ClusterSet in the given files says which clusters have"
        " them: Okra selects by the tags of the EKS clusters. Correct them where they differ.",
        "spec",
        "generators",
    )
    return [{"awseks": {"selector": {"matchTags": dict(labels)}}}]
