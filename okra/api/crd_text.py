"""Manifests as YAML: keys in the order in which they were put, long texts unfolded, nothing shared by alias."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _: Any) -> bool:
        return True


def as_yaml(manifest: Mapping[str, Any]) -> str:
    """One document, without `---`."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16)


def as_documents(manifests: Iterable[Mapping[str, Any]]) -> str:
    """A stream of documents."""
    return "".join(f"---\n{as_yaml(each)}" for each in manifests)
