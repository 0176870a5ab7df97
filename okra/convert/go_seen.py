"""What one object of Go okra's needs to know of the others in the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.convert.fields import Fields

_DEFAULT = "default"
ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE = "AnalysisTemplate", "ClusterAnalysisTemplate"


@dataclass(slots=True)
class Seen:
    """All objects, by kind."""

    by_kind: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Iterable[Mapping[str, Any]]) -> Seen:
        seen = cls()
        for each in objects:
            seen.by_kind.setdefault(str(each.get("kind")), []).append(each)
        return seen

    def beside(self, obj: Fields, kind: str) -> Iterator[Mapping[str, Any]]:
        """Objects of a kind in the namespace of `obj`."""
        namespace = obj.inside("metadata").take("namespace") or _DEFAULT
        yield from (each for each in self.by_kind.get(kind, ()) if _namespace(each) == namespace)

    def templates(self, obj: Fields) -> dict[str, Mapping[str, Any]]:
        """The specs of AnalysisTemplates by name; the namespace's own win over the cluster's."""
        everywhere = self.by_kind.get(CLUSTER_ANALYSIS_TEMPLATE, [])
        found = [*everywhere, *self.beside(obj, ANALYSIS_TEMPLATE)]
        return {str(_metadata(each).get("name")): each.get("spec") or {} for each in found}


def _namespace(obj: Mapping[str, Any]) -> Any:
    return _metadata(obj).get("namespace") or _DEFAULT


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
