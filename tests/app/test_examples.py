"""What the README, the docs and the examples tell people to write is what Okra takes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from okra.api.lint import lint
from okra.cli.commands import app
from tests.app.documents import DOCUMENTS, EXAMPLES, ROOT, commands, yaml_blocks

VALUES = yaml.safe_load((ROOT / "charts" / "okra" / "values.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "charts" / "okra" / "values.schema.json").read_text())
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS}
BLOCKS = [(name, block) for name, text in TEXTS.items() for block in yaml_blocks(text)]
COMMANDS = typer.main.get_group(app).commands
PLACEHOLDER = re.compile(r"\[?[A-Z]{2,}\]?|…")
"""`okra rollback web [VERSION]`: what people put something else for."""

LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
"""To another file; what follows # isn't looked at."""


def of_program(program: str) -> list[Any]:
    return [
        pytest.param(words, id=f"{name}: {' '.join(words)}")
        for name, text in TEXTS.items()
        for words in commands(text, program)
    ]


def sources(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted(folder.glob("*.yaml"))]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_clean_and_needs_no_setting(folder: Path) -> None:
    report = lint(sources(folder), provider_is_set=False)
    assert report.objects >= 1
    assert (report.findings, report.notes) == ([], [])
    assert report.foreign.keys() <= {"ApplicationSet"}, "Argo CD's, which Okra doesn't judge"


def test_the_examples_may_be_applied_together() -> None:
    report = lint([pair for folder in EXAMPLES for pair in sources(folder)], provider_is_set=False)
    assert report.findings == []


def test_each_example_has_a_number_of_its_own() -> None:
    numbers = [int(folder.name.split("-")[0]) for folder in EXAMPLES]
    assert numbers == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(BLOCKS)])
def test_a_block_of_yaml_is_clean(name: str, block: str) -> None:
    if block.startswith("# values.yaml"):
        assert list(unknown(yaml.safe_load(block))) == []
    elif "apiVersion:" in block:
        report = lint([(name, block)], provider_is_set=False)
        assert (report.objects, report.findings) == (1, [])
        assert "okra.mumoshu.github.io/v1alpha1" not in block or report.foreign == {}, "it is one of Okra's kinds"
    else:
        assert isinstance(yaml.safe_load(block), dict)


def test_the_readme_shows_the_first_example() -> None:
    text = (EXAMPLES[0] / "cell.yaml").read_text()
    assert re.sub(r"^#.*\n", "", text, flags=re.MULTILINE) in yaml_blocks(TEXTS["README.md"])


def test_every_example_is_linked_from_the_readme_or_the_docs() -> None:
    paths = [f"examples/{each.name}" for each in EXAMPLES]
    assert [path for path in paths if not any(path in text for text in TEXTS.values())] == []


@pytest.mark.parametrize("words", of_program("okra"))
def test_a_command_of_okra_is_one_that_the_command_line_takes(words: list[str]) -> None:
    """In a sentence `okra retry` alone names the command; else what is required must be there."""
    name, *rest = words[1:] or ["--help"]
    arguments = [PLACEHOLDER.sub("x", word) for word in itertools.takewhile(lambda word: word != ">", rest)]
    assert name in COMMANDS or name == "--help", f"there is no `okra {name}`"
    if arguments and arguments != ["--help"]:
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("words", of_program("helm"))
def test_a_value_that_a_helm_command_sets_is_one_of_the_chart(words: list[str]) -> None:
    assert words[1] in ("install", "upgrade", "uninstall", "template")
    for option, value in itertools.pairwise(words):
        if option == "--set":
            key = value.replace(r"\.", "/").split("=")[0]
            assert list(unknown(nested(key.split(".")))) == [], value


def nested(keys: list[str]) -> Any:
    return {keys[0]: nested(keys[1:])} if keys else "x"


def unknown(values: Mapping[str, Any], known: Any = None, path: str = "") -> Iterator[str]:
    """Keys that values.yaml hasn't. A map that is empty there takes any, `settings` those of the schema."""
    known = VALUES if known is None else known
    for key, value in values.items():
        where = f"{path}{key}"
        if path == "settings." and key in SCHEMA["properties"]["settings"]["properties"]:
            continue
        if path == "settings." or (known and key not in known):
            yield where
        elif isinstance(value, dict):
            yield from unknown(value, known.get(key, {}) if known else {}, f"{where}.")


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("words", of_program("make"))
def test_a_target_of_make_exists(words: list[str]) -> None:
    assert set(words[1:2]) <= targets((ROOT / "Makefile").read_text()) | {"PYTHON"}


def test_links_lead_somewhere() -> None:
    links = [(path, link) for path in DOCUMENTS for link in LINK.findall(path.read_text())]
    broken = [f"{path.name}: {link}" for path, link in links if not (path.parent / link).exists()]
    assert broken == []
