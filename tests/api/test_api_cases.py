"""The table of valid and invalid objects, judged by the function that lint and the controller share."""

import pytest

from okra.api.parse import parse
from tests.api.cases import CASES, INVALID, VALID, Case


def test_the_table_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_valid_object_has_a_model_and_no_findings(case: Case) -> None:
    model, findings = parse(case.object)
    assert findings == []
    assert model is not None
    assert model.kind == case.object["kind"]


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.name)
def test_an_invalid_object_has_one_finding_at_its_place_with_its_remedy(case: Case) -> None:
    model, findings = parse(case.object)
    assert model is None
    assert [finding.path for finding in findings] == [case.path, *case.also]
    assert case.says in findings[0].message


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_what_a_model_writes_is_read_as_the_same_model(case: Case) -> None:
    model, _ = parse(case.object)
    assert model is not None
    again, findings = parse(model.model_dump(mode="json", by_alias=True, exclude_unset=True))
    assert findings == []
    assert again == model
