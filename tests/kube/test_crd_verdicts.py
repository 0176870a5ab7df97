"""Three judges, one verdict: the API server, `okra lint` and the controller on the same table of objects.

`tests/api/test_api_cases.py` holds the table against the function that lint and the controller share; here a real API
server, with the definitions and policies that `okra crds` prints, judges the same table.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.api.crd_policies import POLICIES
from okra.api.crd_rule import Rule
from okra.api.crd_rules import RULES
from okra.api.lint import lint
from okra.api.parse import parse
from okra.testing.controlplane.access import ControlPlane
from tests.api.cases import CASES, INVALID, VALID, Case
from tests.kube.crd_judge import judge, names

DOCUMENTS = Path(__file__).parents[1] / "api" / "data"
MUTATIONS = 400
EXTRA_ACCEPTANCE = {
    "a condition that doesn't compile",
    "a condition on something else",
    "two spellings of one place",
    "an address that is none",
    "a path that doesn't compile",
    "a name for the server to make",
    "a metadata label without a value",
    "an unknown variable in a job's argument",
    "an unknown variable in a container's variable",
    "an integer with a point that no rule reads",
    "a number of healthy targets with a point",
}
"""All that the API server lets through and lint does not: the table says why. Whoever makes this longer explains it."""


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_the_api_server_accepts_a_valid_object_and_its_defaults_change_nothing(
    case: Case, okra_crds: ControlPlane
) -> None:
    verdict = judge(okra_crds, case.object)
    assert verdict.text == ""
    stored, findings = parse(verdict.object)
    given, _ = parse(case.object)
    assert findings == []
    assert stored is not None
    assert given is not None
    assert stored.model_dump(include={"spec"}) == given.model_dump(include={"spec"})


@pytest.mark.parametrize("case", [each for each in INVALID if not each.server_accepts], ids=lambda case: case.name)
def test_the_api_server_refuses_an_invalid_object_and_names_its_place(case: Case, okra_crds: ControlPlane) -> None:
    verdict = judge(okra_crds, case.object)
    assert not verdict.accepted
    for path in (case.server or case.path, *case.also):
        assert names(verdict.text, path, case.object), verdict.text


@pytest.mark.parametrize("case", [each for each in INVALID if each.server_accepts], ids=lambda case: case.name)
def test_the_api_server_accepts_what_it_cannot_judge(case: Case, okra_crds: ControlPlane) -> None:
    assert judge(okra_crds, case.object).accepted


def test_what_the_api_server_lets_through_is_listed() -> None:
    assert {case.name for case in CASES if case.server_accepts} == EXTRA_ACCEPTANCE


def test_every_rule_refuses_something_in_the_table(okra_crds: ControlPlane) -> None:
    """A rule that never fires may as well be wrong."""
    said = "\n".join(judge(okra_crds, case.object).text for case in INVALID)
    rules = [rule for each in RULES.values() for rule in each]
    assert [rule for rule in rules if not all(text in said for text in texts_of(rule))] == []
    judged = {rule for policy in POLICIES for rule in policy.rules}
    assert [rule for rule in judged if f"{rule.field}: {rule.message}" not in said] == []


def texts_of(rule: Rule) -> list[str]:
    """What is fixed in its message: all, or the strings between the values."""
    return [part[1:-1] for part in rule.says.split(" + ") if part[0] in "'\""] if rule.says else [rule.message]


def largest() -> dict[str, Any]:
    """As many clusters and applications as a Cell may have, with more labels than anybody gives them."""
    base = next(case.object for case in VALID if case.name == "clusters and applications")
    common = {f"example.com/label-{number}": "x" * 60 for number in range(15)}
    clusters = [
        {
            "name": f"cluster-{number:02}",
            "eks": {"region": "us-east-1", "roleARN": f"arn:aws:iam::123456789012:role/{'x' * 100}"},
            "labels": {**common, "role": f"role-{number // 2}"},
        }
        for number in range(64)
    ]
    applications = []
    for number in range(32):
        one = copy.deepcopy(base["spec"]["applications"][0]) | {"name": f"app-{number:02}"}
        one["clusterSelector"] = {"matchLabels": {**common, "role": f"role-{number}"}}
        one["alb"]["forwardConfig"]["priority"] = number + 1
        one["argocd"]["clusterSecret"]["labels"] = {f"argo-{key}": f"app-{number}" for key in common}
        applications.append(one)
    return {**base, "spec": {"clusters": clusters, "applications": applications}}


def test_the_largest_cell_exceeds_no_budget(okra_crds: ControlPlane) -> None:
    """A policy that costs too much refuses whatever it judges."""
    assert judge(okra_crds, largest()).text == ""
    assert lint([("cell.json", json.dumps(largest()))]).findings == []


@pytest.mark.parametrize("name", ["minimal-cell.yaml", "complex-cell.yaml", "system.yaml"])
def test_kubectl_applies_the_documents_of_the_concept(name: str, okra_crds: ControlPlane) -> None:
    applied = okra_crds.kubectl("create", "--dry-run=server", "-f", str(DOCUMENTS / name))
    assert applied.endswith("created (server dry run)\n")


def test_kubectl_and_lint_refuse_a_misspelt_field_alike(okra_crds: ControlPlane) -> None:
    text = (
        (DOCUMENTS / "complex-cell.yaml")
        .read_text()
        .replace("labels:\n          myservice-role: b", "lables:\n          myservice-role: b")
    )
    with pytest.raises(RuntimeError, match=r'unknown field "spec\.applications\[2\]\.argocd\.clusterSecret\.lables"'):
        okra_crds.kubectl("create", "--dry-run=server", "-f", "-", given=text)
    assert [each.path for each in lint([("cell.yaml", text)]).findings] == [
        "spec.applications[2].argocd.clusterSecret.lables"
    ]


def test_kubectl_and_lint_refuse_a_forgotten_colon_alike(okra_crds: ControlPlane) -> None:
    text = (DOCUMENTS / "complex-cell.yaml").read_text().replace("analysis:", "analysis", 1)
    with pytest.raises(RuntimeError, match="error converting YAML to JSON"):
        okra_crds.kubectl("create", "--dry-run=server", "-f", "-", given=text)
    assert "can't be read as YAML" in lint([("cell.yaml", text)]).findings[0].message


@pytest.mark.parametrize("number", ["2.0", "0.2e1"])
def test_kubectl_and_lint_read_a_whole_number_with_a_point_alike(number: str, okra_crds: ControlPlane) -> None:
    """In a file. Nobody takes one from a program that sends JSON itself: see the table."""
    text = (DOCUMENTS / "minimal-cell.yaml").read_text()
    assert "replicas: 2\n" in text
    text = text.replace("replicas: 2\n", f"replicas: {number}\n")
    for each in (text, json.dumps(yaml.safe_load(text)).replace('"0.2e1"', number)):
        applied = okra_crds.kubectl("create", "--dry-run=server", "-f", "-", given=each)
        assert applied.endswith("created (server dry run)\n")
        assert lint([("cell", each)]).findings == []


VALUES: tuple[Any, ...] = (
    *(None, "", 0, -1, 10**12, 1.5, True, "x", "a b", "1h", "0s", "9999999h", "{{", "app=api", "a=,b", "x" * 300),
    *("50%", "007%", "0.1ns", "9223372036.5s", "app=a\u00a0b", "app\x0b=a", "app\f=a"),
    *([], {}, ["a"], ["a", "a"], [1], [{}], {"a": None}, {"a": "b"}, {"a": 1}, {"": "y"}, {"é x": "y"}),
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/b",
)
UNJUDGED = ("successCondition", "failureCondition", "jmesPath")
"""What the API server can't judge (see EXTRA_ACCEPTANCE)."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the top that the API server can judge."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        if key not in UNJUDGED:
            yield (*path, key)
            yield from places(below, (*path, key))


def mutant(chance: random.Random) -> dict[str, Any]:
    """A valid object of the table with one or two of its parts removed, repeated or replaced."""
    obj = copy.deepcopy(chance.choice(VALID).object)
    for _ in range(chance.choice((1, 1, 2))):
        *above, key = chance.choice([("spec", *path) for path in places(obj["spec"])] or [("spec",)])
        holder: Any = obj
        for each in above:
            holder = holder[each]
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[0]))
            case _:
                holder[key] = copy.deepcopy(chance.choice(VALUES))
        if not isinstance(obj.get("spec"), dict):
            break
    return obj


@pytest.mark.timeout(180)
def test_the_api_server_and_lint_agree_on_random_changes_of_the_table(okra_crds: ControlPlane) -> None:
    chance = random.Random(20261121)
    differing = []
    refused = 0
    for _ in range(MUTATIONS):
        obj = mutant(chance)
        verdict, (_, findings) = judge(okra_crds, obj), parse(obj)
        refused += not verdict.accepted
        if verdict.accepted == bool(findings):
            differing.append(f"{yaml.safe_dump(obj)}\nserver: {verdict.text or 'accepts'}\nlint: {findings}")
    assert differing == []
    assert MUTATIONS / 4 < refused < MUTATIONS
