"""Which version is newer."""

from __future__ import annotations

import pytest

from okra.rollout.versions import UNKNOWN, newer, ranks

ORDERED = [
    [
        "0.9.0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ],
    ["v1.9.0", "1.10.0", "v2.0.0"],
    ["2026-01-09", "2026-01-10", "2026-11-02"],
    ["r9", "r10", "r41"],
    [UNKNOWN, "r1", "r2"],
]


@pytest.mark.parametrize("versions", ORDERED)
def test_versions_are_ordered_by_semver_or_by_one_skeleton(versions: list[str]) -> None:
    order = ranks(versions)
    assert order is not None
    assert sorted(versions, key=lambda version: order[version]) == versions
    assert newer(versions[1], versions[0]) is True
    assert newer(versions[0], versions[1]) is False


@pytest.mark.parametrize("versions", [["1.0.0", "blue"], ["r1", "s2"], ["blue", "green"], ["2026-01-01", "1.0.0"]])
def test_versions_of_different_forms_have_no_order(versions: list[str]) -> None:
    assert ranks(versions) is None
    assert newer(versions[0], versions[1]) is None


def test_one_version_alone_needs_no_order() -> None:
    assert ranks(["blue"]) == {"blue": (0,)}
    assert newer("blue", UNKNOWN) is True
    assert ranks([]) == {}


def test_build_metadata_makes_no_version_newer() -> None:
    assert newer("1.0.0+b2", "1.0.0+b1") is False
    assert newer("1.0.0+b1", "1.0.0+b2") is False


@pytest.mark.parametrize("version", ["1.0", "1.0.0-01", "1.0.0-"])
def test_what_semver_forbids_is_no_semver(version: str) -> None:
    assert newer(version, "1.0.0") is None
