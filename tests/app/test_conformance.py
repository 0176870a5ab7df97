"""docs/conformance.md names files, functions and tests that there are, and leaves no cell empty."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.app.documents import ROOT

LINES = (ROOT / "docs" / "conformance.md").read_text().splitlines()
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in LINES
    if line.startswith("| ") and not line.startswith("| place ")
]
CODE = re.compile(r"`((?:okra|charts)/[\w./-]+)(?:: (\w+))?`")
TEST = re.compile(r"`(tests/[\w./]+)::(\w+)`")


def places() -> Iterator[tuple[str, str]]:
    return ((path, name) for row in ROWS for path, name in CODE.findall(row[2]))


def shown() -> Iterator[tuple[str, str]]:
    return ((path, name) for row in ROWS for path, name in TEST.findall(row[3]))


def test_both_pages_are_gone_through_and_no_cell_is_empty() -> None:
    assert [line for line in LINES if line.startswith("## ")] == ["## Okra's page", "## hotswap's page"]
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []
    assert len(ROWS) > 200


def test_each_row_names_a_test() -> None:
    assert [row for row in ROWS if not TEST.search(row[3])] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(places())))
def test_what_is_named_as_the_implementation_is_there(path: str, name: str) -> None:
    defined = rf"^(?:async )?(?:def|class) {name}\b|^{name}\b.*="
    assert not name or re.search(defined, (ROOT / path).read_text(), re.MULTILINE), f"{path} defines no {name}"
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), sorted(set(shown())))
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path} has no {name}"
