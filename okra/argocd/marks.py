"""Who publishes a cluster: an annotation on its secret for each ArgoCDApplicationDeployment.

It is written in one patch with the labels, so no crash can come between the two, and it stays until the Applications of
an unpublished cluster are gone. By it a label that two share is taken off by the last one only, and a secret that is
still in use is known without asking who might use it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.rollout.status import read_time, write_time

_PREFIX = "published."
_LONGEST, _HASH = 63, 10


@dataclass(frozen=True, slots=True, order=True)
class Publisher:
    """An ArgoCDApplicationDeployment, by its names: one that is made again is the same."""

    group: str
    namespace: str
    name: str
    uid: str = field(default="", compare=False)
    """Which of them it is: its marks say so."""

    @property
    def annotation(self) -> str:
        suffix = f"{self.namespace}.{self.name}"
        if len(suffix) > _LONGEST:
            digest = hashlib.sha256(suffix.encode()).hexdigest()[:_HASH]
            suffix = f"{suffix[: _LONGEST - _HASH - 1].rstrip('.-')}-{digest}"
        return f"{_PREFIX}{self.group}/{suffix}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A cluster is published by labels, or it was and its Applications may not be gone yet."""

    cluster: str
    """What `clusterNames` calls it."""
    labels: Mapping[str, str]
    at: float
    """When the labels were written (epoch seconds): what was reconciled before doesn't count."""
    withdrawn: float | None = None
    """When they were taken off."""
    found: tuple[str, ...] = ()
    """Keys of those labels that were there before anybody published by them: they aren't taken off."""
    relabelled: float | None = None
    """When labels of before an edit were taken off: their ApplicationSet may not have seen it yet."""
    uid: str = ""
    """The very object that wrote it, as far as that is known."""

    @property
    def own(self) -> dict[str, str]:
        """The labels that are there because of it."""
        if self.withdrawn is not None:
            return {}
        return {key: value for key, value in self.labels.items() if key not in self.found}

    def stands_on(self, labels: Mapping[str, str]) -> bool:
        """Does it publish, on a secret with these labels? Somebody may have taken them off by hand."""
        return self.withdrawn is None and self.labels.items() <= labels.items()


def is_mark(key: str) -> bool:
    """Is an annotation of this key read as a mark, whoever wrote it? Nobody's labels may become one."""
    return key.startswith(_PREFIX)


def write_mark(publisher: Publisher, mark: Mark) -> str:
    content: dict[str, Any] = {"by": str(publisher), "cluster": mark.cluster, "labels": dict(mark.labels)}
    content["at"] = write_time(mark.at)
    if publisher.uid:
        content["uid"] = publisher.uid
    if mark.found:
        content["found"] = mark.found
    for key, at in (("withdrawn", mark.withdrawn), ("relabelled", mark.relabelled)):
        if at is not None:
            content[key] = write_time(at)
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def read_marks(annotations: Mapping[str, str]) -> dict[Publisher, Mark]:
    """Those that can be read. One that a person made unreadable is written again by its publisher."""
    found = (_read(key, value) for key, value in annotations.items() if is_mark(key))
    return dict(each for each in found if each is not None)


def _read(key: str, value: str) -> tuple[Publisher, Mark] | None:
    try:
        content = json.loads(value)
        namespace, _, name = content["by"].partition("/")
        publisher = Publisher(key.partition("/")[0].removeprefix(_PREFIX), namespace, name)
        withdrawn, relabelled = (
            None if (at := content.get(key)) is None else read_time(at) for key in ("withdrawn", "relabelled")
        )
        mark = Mark(
            cluster=str(content["cluster"]),
            labels={str(label): str(worth) for label, worth in content["labels"].items()},
            at=read_time(content["at"]),
            withdrawn=withdrawn,
            found=tuple(map(str, content.get("found", ()))),
            relabelled=relabelled,
            uid=str(content.get("uid", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return (publisher, mark) if publisher.annotation == key else None
