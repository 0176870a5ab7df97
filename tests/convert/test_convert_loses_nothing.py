"""Whatever stands in an object stands in what comes of it; and whatever it is, a conversion ends with words."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.convert.files import converted
from okra.convert.rendering import rendered
from tests.convert.test_convert_rolls_out import INPUTS

FILES = sorted(INPUTS.glob("*.yaml"))
_Path = tuple[str | int, ...]


def objects(path: Path) -> list[dict[str, Any]]:
    loaded = [each for each in yaml.safe_load_all(path.read_text()) if each]
    return [item for each in loaded for item in each.get("items", [each])]


def text_of(objects: list[dict[str, Any]]) -> str:
    return "\n---\n".join(map(json.dumps, objects))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_field_that_nobody_knows_is_never_lost_wherever_it_stands(path: Path) -> None:
    numbers = itertools.count()
    marked = objects(path)
    for each in marked:
        if each["kind"] != "ReplicaSet":
            for part in ("metadata", "spec") if "okra" in each["apiVersion"] else ("spec",):
                mark(each[part], numbers)
    text = " ".join(rendered(converted([("old.yaml", text_of(marked))], {}).documents).split())
    assert [number for number in range(next(numbers)) if f"mark{number:03}" not in text] == []


def mark(value: Any, numbers: Iterator[int]) -> None:
    """Give each map in it one field more. Managed fields and annotations are of the server and of kubectl."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in ("managedFields", "ownerReferences"):
                mark(each, numbers)
        value[f"mark{next(numbers):03}"] = "x"
    elif isinstance(value, list):
        for each in value:
            mark(each, numbers)


@pytest.mark.parametrize("path", FILES[5:], ids=lambda path: path.stem)
def test_a_value_of_whatever_type_ends_in_words_and_not_in_a_crash(path: Path) -> None:
    plain = objects(path)
    for where in paths(plain):
        for value in (3, "x", [1], {"a": 1}):
            changed = copy.deepcopy(plain)
            holder: Any = changed
            for key in where[:-1]:
                holder = holder[key]
            holder[where[-1]] = value
            found = converted([("old.yaml", text_of(changed))], {})
            assert found.problems is not None
            rendered(found.documents)


def paths(value: Any, at: _Path = ()) -> Iterator[_Path]:
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for key, each in items:
        if at and key not in ("apiVersion", "kind"):
            yield (*at, key)
        yield from paths(each, (*at, key))
