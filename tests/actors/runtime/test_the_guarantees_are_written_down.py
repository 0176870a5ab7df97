"""docs/actors.md and the tests say the same, sentence by sentence."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "actors.md"
GUARANTEE = re.compile(r"^(\d+)\. \*\*(.+?)\.\*\*", re.MULTILINE)
TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def name_of(sentence: str) -> str:
    return "test_" + re.sub(r"\W+", "_", re.sub(r"['’,]", "", sentence).lower())


def test_every_guarantee_has_its_test_and_every_such_test_its_guarantee() -> None:
    promised = [name_of(sentence) for _, sentence in GUARANTEE.findall(PAGE.read_text())]
    files = sorted(HERE.glob("test_guarantees_of_*.py"))
    held = [name for file in files for name in TEST.findall(file.read_text())]
    assert promised
    assert sorted(promised) == sorted(held)


def test_the_guarantees_are_numbered_without_a_gap() -> None:
    numbers = [int(number) for number, _ in GUARANTEE.findall(PAGE.read_text())]
    assert numbers == list(range(1, len(numbers) + 1))
