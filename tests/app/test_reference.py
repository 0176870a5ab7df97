"""The tables of docs/reference.md say what the code does: every field, every setting, every default."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from okra.api.cell import CellSpec
from okra.api.checks import Analysis
from okra.api.durations import Duration
from okra.api.job import Job
from okra.api.variables import VARIABLES
from okra.app.controller_settings import ControllerSettings
from okra.app.settings import Settings, load_settings
from okra.cli.commands import app

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
Row = list[str]


def rows(heading: str) -> list[Row]:
    """The table below a heading, without its head."""
    section = REFERENCE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def field_of(path: str) -> Any:
    """The model's field of a path such as `onFailure.delay`."""
    model: type[BaseModel] = CellSpec
    *outer, last = path.split(".")
    for name in outer:
        annotation = named(model, name).annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel))
    return named(model, last)


def named(model: type[BaseModel], alias: str) -> Any:
    found = {field.alias or name: field for name, field in model.model_fields.items()}
    assert alias in found, f"{model.__name__} has no field {alias}"
    return found[alias]


FIELDS = [(path, row) for row in rows("A Cell's fields") for path in re.findall(r"`([\w.]+)`", row[0])]
SETTINGS = [
    pair
    for names, default, _ in rows("Settings")
    for pair in zip(re.findall(r"`OKRA_(\w+)`", names), default.split(", "), strict=True)
]


@pytest.mark.parametrize(("path", "row"), FIELDS, ids=[path for path, _ in FIELDS])
def test_a_field_of_the_table_is_one_of_the_api_with_the_default_that_it_has(path: str, row: Row) -> None:
    field, default, setting = field_of(path), row[1], row[2].strip("`")
    if setting:
        assert field.default is None, "the setting decides"
        assert (setting.removeprefix("OKRA_").lower(), default) in [(name.lower(), text) for name, text in SETTINGS]
    elif isinstance(field.default, Duration | bool | int | str):
        assert str(getattr(field.default, "value", field.default)).lower() == default.strip("`").lower()
    else:
        assert default in ("", "none", "the highest", "Okra's own")


def test_every_field_of_a_cell_that_does_something_now_is_in_the_table() -> None:
    later = {"clusters", "applications", "lockstep", "deletionPolicy"}
    fields = {field.alias or name for name, field in CellSpec.model_fields.items()} - later
    in_table = {path.split(".")[0] for path, _ in FIELDS}
    assert fields - in_table - {"ingress", "ingresses"} == {"progressDeadlineAction"} - in_table


@pytest.mark.parametrize(("name", "default"), SETTINGS)
def test_a_setting_of_the_table_has_the_default_that_it_says(
    monkeypatch: pytest.MonkeyPatch, name: str, default: str
) -> None:
    for each in Settings.model_fields:
        monkeypatch.delenv(f"OKRA_{each.upper()}", raising=False)
    plain = load_settings()
    if default == "none":
        assert getattr(plain, name.lower()) is None
        return
    monkeypatch.setenv(f"OKRA_{name}", default)
    assert getattr(load_settings(), name.lower()) == getattr(plain, name.lower())


def test_every_setting_is_in_the_table() -> None:
    assert {name.lower() for name, _ in SETTINGS} == set(Settings.model_fields)


def test_a_field_of_an_analysis_in_the_table_is_one_of_the_api_with_the_default_that_it_has() -> None:
    found = [(path, default) for names, default, _ in rows("Checks") for path in re.findall(r"`(\w+)`", names)]
    fields = {field.alias or name: field.default for name, field in Analysis.model_fields.items()}
    assert {path for path, _ in found} == set(fields)
    numbers = {path: default for path, default in found if default.isdigit()}
    assert numbers == {path: str(fields[path]) for path in numbers}


def test_a_field_of_a_job_in_the_table_is_one_of_the_api_with_the_default_that_it_has() -> None:
    found = [(path, default) for names, default, _ in rows("Jobs") for path in re.findall(r"`(\w+)(?:\.\w+)?`", names)]
    fields = {field.alias or name: field.default for name, field in Job.model_fields.items()}
    assert {path for path, _ in found} == set(fields)
    numbers = {path: default for path, default in found if default.isdigit()}
    assert numbers == {path: str(default) for path, default in fields.items() if isinstance(default, int)}


def test_every_variable_of_a_query_is_in_the_table() -> None:
    found = [re.findall(r"\.Vars\.(\w+)", row[0]) for row in rows("Variables")]
    assert [name for names in found for name in names] == list(VARIABLES)


def test_every_option_of_the_controller_is_in_the_table_or_a_setting() -> None:
    table = rows("The controller's options")
    variables = {name.lower() for row in table for name in re.findall(r"OKRA_(\w+)", row[1])}
    assert variables == set(ControllerSettings.model_fields) - set(Settings.model_fields)
    options = {option for row in table for option in re.findall(r"--[a-z-]+", row[0])}
    command = typer.main.get_group(app).commands["controller"]
    assert options <= {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
