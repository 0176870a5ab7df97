"""`make crds`: the chart holds what `okra crds` prints, as files that Helm can read, and the schema of the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from okra.api.crd import crd_files
from okra.api.crd_policies import policy_files
from okra.api.crd_policy_rules import SELECTOR_TEXT
from tests.chart.settings_schema import Schema, settings_schema

CHART = Path(__file__).parents[2] / "charts" / "okra"
HELD: Mapping[str, Mapping[str, str]] = {"crds-files": crd_files(), "policies": policy_files()}
VALUES = CHART / "values.schema.json"


def values_schema() -> Schema:
    """The chart's, with the present settings and what a selector is."""
    schema: Schema = json.loads(VALUES.read_text())
    schema["properties"]["scope"]["properties"]["selector"]["pattern"] = f"^$|{SELECTOR_TEXT}"
    schema["properties"]["settings"] = settings_schema()
    return schema


def main() -> None:
    for folder, files in HELD.items():
        place = CHART / folder
        place.mkdir(exist_ok=True)
        for old in place.glob("*.yaml"):
            old.unlink()
        for name, text in files.items():
            (place / name).write_text(text)
    VALUES.write_text(json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
