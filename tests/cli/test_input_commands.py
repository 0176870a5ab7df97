"""What `okra run`, `okra lint` and `okra iam-policy` say of what they are given, before they do anything."""

import json
from pathlib import Path

import pytest
import yaml

from tests.actors.world import cell
from tests.cli.test_commands import okra


def test_run_says_all_that_is_wrong_and_exits_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(cell(replicas=0)))
    for args in (("-f", path), ("-f", tmp_path / "none.yaml"), ("-f", path, "--timeout", "soon")):
        found = okra("run", *args)
        assert found.exit_code == 2
        assert found.stderr
    path.write_text(yaml.safe_dump(cell()))
    monkeypatch.setenv("OKRA_STEP_WEIGHT", "many")
    found = okra("run", "-f", path)
    assert found.exit_code == 2
    assert "OKRA_STEP_WEIGHT" in found.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["cell.yaml"], "nothing was begun"


def test_a_log_level_that_there_is_none_of_is_refused_with_the_choices(tmp_path: Path) -> None:
    found = okra("run", "-f", tmp_path, "--log-level", "verbose")
    assert found.exit_code == 2
    assert "--log-level" in found.stderr
    assert "'debug', 'info', 'warning', 'error'" in " ".join(found.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", [("run", "-f"), ("lint",)])
def test_a_typo_in_a_setting_is_said_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OKRA_STEP_INTERVALL", "1m")
    found = okra(*command, tmp_path / "none.yaml")
    said = "warning: OKRA_STEP_INTERVALL is no setting of Okra and has no effect; did you mean OKRA_STEP_INTERVAL?"
    assert said in found.stderr.splitlines()
    assert said not in found.stdout


def test_a_check_without_a_provider_is_found_by_lint_and_by_run_unless_the_setting_gives_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(cell(checks=[{"name": "dd", "analysis": {"query": "errors", "max": 0.1}}])))
    said = "spec.checks[0].analysis.provider: is required: name one of datadog, cloudWatch, prometheus, web, or set"
    monkeypatch.delenv("OKRA_CHECK_PROVIDER", raising=False)
    lint, run = okra("lint", path), okra("run", "-f", path)
    assert (lint.exit_code, run.exit_code) == (1, 2)
    assert said in lint.stdout
    assert said in run.stderr
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "prometheus: {address: 'http://prometheus.example:9090'}")
    assert (okra("lint", path).exit_code, okra("lint", path).stderr) == (0, "")
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "prometheus: {port: 9090}")
    assert okra("lint", path).exit_code == 2


def test_lint_exits_with_one_for_findings_and_two_for_what_it_cannot_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(cell()))
    bad.write_text(yaml.safe_dump(cell(replica=2)))
    assert okra("lint", good).exit_code == 0
    found = okra("lint", good, bad)
    assert found.exit_code == 1
    assert "replicas" in found.stdout, "did you mean"
    assert okra("lint", tmp_path / "none.yaml").exit_code == 2
    assert json.loads(okra("lint", "-o", "json", bad).stdout)["findings"][0]["path"] == "spec.replica"


def test_the_iam_policy_is_a_policy() -> None:
    policy = json.loads(okra("iam-policy").stdout)
    assert policy["Version"] == "2012-10-17"
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert "elasticloadbalancing:ModifyListener" in actions
    assert not [action for action in actions if "*" in action]


def test_the_iam_policy_is_for_roles_only() -> None:
    found = okra("iam-policy", "--role", "arn:aws:iam::123456789012:role/okra", "--role", "notanarn")
    assert (found.exit_code, found.stdout) == (2, "")
    said = " ".join(found.stderr.replace("│", " ").split())
    assert "'--role'" in said
    assert "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/okra, not 'notanarn'" in said


def test_the_iam_policy_may_let_okra_assume_the_roles_of_cells() -> None:
    roles = [f"arn:aws-cn:iam::{account}:role/okra" for account in ("123456789012", "210987654321")]
    found = okra("iam-policy", "--role", roles[0], "--role", roles[1], "--partition", "aws-cn")
    *others, assume = json.loads(found.stdout)["Statement"]
    assert (assume["Action"], assume["Resource"]) == (["sts:AssumeRole"], roles)
    assert not [each for statement in others for each in statement["Resource"] if each.startswith("arn:aws:")]
