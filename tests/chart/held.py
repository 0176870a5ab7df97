"""`make crds`: the chart holds what `okra crds` prints, as files that Helm can read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from okra.api.crd import crd_files
from okra.api.crd_policies import policy_files

CHART = Path(__file__).parents[2] / "charts" / "okra"
HELD: Mapping[str, Mapping[str, str]] = {"crds-files": crd_files(), "policies": policy_files()}


def main() -> None:
    for folder, files in HELD.items():
        place = CHART / folder
        place.mkdir(exist_ok=True)
        for old in place.glob("*.yaml"):
            old.unlink()
        for name, text in files.items():
            (place / name).write_text(text)


if __name__ == "__main__":
    main()
