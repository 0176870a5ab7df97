"""The table of clusters and applications in docs/reference.md says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from okra.api.cell import CellSpec
from okra.api.complex import Application, Cluster
from tests.app.documents import ROOT

SECTION = (ROOT / "docs" / "reference.md").read_text().split("\n## Clusters and applications\n")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| `")
]
FIELDS = [(path, row[1]) for row in ROWS for path in re.findall(r"`([\w.\[\]]+)`", row[0])]
ROOTS: dict[str, type[BaseModel]] = {"clusters[]": Cluster, "applications[]": Application}
OF_OTHER_TABLES = {
    "applications[].alb.updateStrategy",
    "applications[].argocd.applicationSet.selector",
    "applications[].alb.forwardConfig.targetGroup.targetgroupBindingSelector",
    "applications[].clusterSelector",
    *(f"applications[].{each}" for each in ("prechecks", "checks", "postchecks")),
}
"""What has a table of its own, or is explained in a row, is not taken apart here."""
WHOLE = {"lockstep", "applications[].alb"}
"""What has a row as it is: a field of the Cell itself, and one that is a list, too."""


def field_of(path: str) -> Any:
    *outer, last = path.split(".")
    model = ROOTS[outer.pop(0)] if outer else CellSpec
    for name in outer:
        model = model_of(named(model, name).annotation) or pytest.fail(f"{name} of {path} has no fields")
    return named(model, last)


def model_of(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return next(filter(None, map(model_of, get_args(annotation))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def named(model: type[BaseModel], alias: str) -> Any:
    found = {field.alias or name: field for name, field in model.model_fields.items()}
    assert alias in found, f"{model.__name__} has no field {alias}"
    return found[alias]


def leaves(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        place, inner = f"{path}.{field.alias or name}", model_of(field.annotation)
        yield from [place] if inner is None or place in OF_OTHER_TABLES else leaves(inner, place)


@pytest.mark.parametrize(("path", "default"), FIELDS, ids=[path for path, _ in FIELDS])
def test_a_field_of_the_table_is_one_of_the_api_with_the_default_that_it_has(path: str, default: str) -> None:
    field = field_of(path)
    if isinstance(field.default, bool) or (field.default and isinstance(field.default, str)):
        assert str(field.default).lower() == default.lower()
    else:
        assert default in ("", "none", "the name", "the Cell's", "the settings'")


def test_every_field_of_clusters_and_applications_is_in_the_table() -> None:
    fields = {path for root, model in ROOTS.items() for path in leaves(model, root)}
    assert fields | WHOLE == {path for path, _ in FIELDS}
