"""`okra convert` as people run it."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from okra.cli.commands import app
from tests.cli.test_commands import okra
from tests.convert.test_convert_courier import BLUE, courier
from tests.convert.test_convert_go_okra import go, go_cell


def test_objects_go_to_standard_output_and_what_needs_a_person_to_standard_error(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(yaml.safe_dump_all([go_cell(), go("Cel", {})]))
    found = okra("convert", tmp_path / "old.yaml")
    assert found.exit_code == 1
    assert [each["kind"] for each in yaml.safe_load_all(found.stdout) if each] == ["Cell"]
    assert "Cel/web kind: Cel is no kind of Go okra's" in found.stderr
    assert "Cel is no kind of Go okra's" in " ".join(found.stdout.split())


def test_what_it_prints_is_what_lint_takes(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "cell.yaml").write_text(yaml.safe_dump(go_cell()))
    (tmp_path / "old" / "main.tf").write_text(courier())
    found = okra("convert", tmp_path / "old")
    assert (found.exit_code, found.stderr) == (0, "")
    (tmp_path / "new.yaml").write_text(found.stdout)
    judged = okra("lint", tmp_path / "new.yaml")
    assert (judged.exit_code, judged.stdout) == (0, "1 file, 2 objects: no findings\n")


def test_standard_input_may_be_either_language() -> None:
    for text, kind in ((yaml.safe_dump(go_cell()), "Cell"), (courier(), "ALB")):
        found = CliRunner().invoke(app, ["convert", "-"], input=text)
        assert found.exit_code == 0
        assert yaml.safe_load(found.stdout)["kind"] == kind


def test_a_value_is_given_by_an_option(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(courier(blue="aws_lb_target_group.blue.arn"))
    assert okra("convert", tmp_path).exit_code == 1
    found = okra("convert", tmp_path, "--value", f"aws_lb_target_group.blue.arn={BLUE}")
    assert found.exit_code == 0
    wrong = okra("convert", tmp_path, "--value", "blue")
    assert wrong.exit_code == 2
    assert "--value blue: write REFERENCE=VALUE" in wrong.stderr


def test_json_holds_the_comments_too(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(go_cell(oddity=1)))
    [entry] = json.loads(okra("convert", tmp_path / "old.yaml", "-o", "json").stdout)
    assert entry["object"]["kind"] == "Cell"
    assert {"at": [], "text": "spec.oddity: 1 has no counterpart and was left out."} in entry["comments"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("old.yaml", "a: [", "YAML: can't be read"),
        ("main.tf", 'resource "a" "b" {', "main.tf:1 HCL: can't be read: it ends in the middle of something"),
        ("main.tf", 'a = 1\nb = "hush" "x"', "main.tf:2 HCL: can't be read: what begins in column 12"),
        ("none.yaml", "just a sentence", "is no object"),
        ("binary.tf", b"\xff\xfe\x00", "is no UTF-8 text: save the file as UTF-8"),
        ("other.yaml", "{apiVersion: v1, kind: Secret, metadata: {name: s}}", "nothing to convert"),
        ("empty.tf", "", "is empty: write Go okra's objects, or terraform's couriers, into it"),
    ],
)
def test_what_can_t_be_read_exits_with_two(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = okra("convert", tmp_path / name)
    assert found.exit_code == 2
    assert said in found.stderr
    assert "hush" not in found.output, "a syntax error repeats nothing of the file"


def test_a_file_that_is_not_there_is_said_and_the_others_are_converted(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(go_cell()))
    found = okra("convert", tmp_path / "gone.yaml", tmp_path / "old.yaml")
    assert found.exit_code == 2
    assert "gone.yaml: no such file: check the path" in found.stderr
    assert yaml.safe_load(found.stdout)["kind"] == "Cell"


def test_what_may_be_a_secret_is_left_out_without_being_repeated(tmp_path: Path) -> None:
    old = go_cell(password="hush-1", nested={"apiKey": "hush-2", "of": [{"token": "hush-3"}], "size": 3})
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(old))
    (tmp_path / "main.tf").write_text(courier().rstrip().removesuffix("}") + '  api_token = "hush-4"\n}\n')
    found = okra("convert", tmp_path)
    assert found.exit_code == 0
    said = " ".join(found.stdout.replace("#", "").split())
    assert "hush" not in found.output
    assert "spec.password: (not shown: it may be a secret) has no counterpart" in said
    assert "'size': 3" in said


def test_a_folder_without_any_such_file_says_which_it_looked_for(tmp_path: Path) -> None:
    found = okra("convert", tmp_path)
    assert found.exit_code == 2
    assert "holds no .yaml, .yml, .json, .tf or .tfvars file" in found.stderr
