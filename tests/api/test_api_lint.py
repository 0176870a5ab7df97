"""`okra lint`: each finding with file, line, kind, name and path; exit codes for pipelines."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from okra.api.lint import Report
from okra.api.lint import lint as judge
from okra.cli.lint import lint

DATA = Path(__file__).with_name("data")
MINIMAL = (DATA / "minimal-cell.yaml").read_text()
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: dd}\nstringData: {api-key: abc}\n"


def findings(*texts: str) -> list[str]:
    report = judge((f"{index}.yaml", text) for index, text in enumerate(texts))
    return [str(finding) for finding in report.findings]


def line_with(text: str, fragment: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if fragment in line)


@pytest.mark.parametrize("name", ["complex-cell.yaml", "system.yaml"])
def test_both_typos_of_the_readmes_are_named_in_one_run(name: str) -> None:
    text = (DATA / name).read_text()
    before, _, after = text.rpartition("analysis:")
    broken = (
        before
        + "analysis"
        + after.replace(
            "labels:\n          myservice-role: backgroundjobs", "lables:\n          myservice-role: backgroundjobs"
        )
    )
    colon = broken[: len(before)].count("\n") + 1
    label = line_with(broken, "lables")
    kind = "System" if name == "system.yaml" else "Cell"
    first, second = findings(broken)
    assert first.startswith(f"0.yaml:{colon} {kind}/mysystem: can't be read as YAML")
    assert first.endswith("did you forget ':' after 'analysis'?")
    path = "spec.applications[2].argocd.clusterSecret.lables"
    assert second == f"0.yaml:{label} {kind}/mysystem {path}: unknown field; did you mean labels?"


def test_a_finding_has_the_line_of_its_field_or_of_what_surrounds_it() -> None:
    text = MINIMAL.replace("replicas: 2", "replicas: 7").replace(
        "        matchLabels:\n          role: web\n", "        {}\n"
    )
    broken = text.replace("  name: shop\n", "  labels: {a: b}\n")
    assert [entry.split(": ")[0] for entry in findings(broken)] == [
        f"0.yaml:{line_with(broken, 'metadata:')} Cell/? metadata.name",
        f"0.yaml:{line_with(broken, 'targetGroupSelector:')} Cell/? spec.ingress.awsApplicationLoadBalancer"
        ".targetGroupSelector",
    ]


def test_a_wrong_arn_is_shown_whole_and_of_a_longer_value_it_is_seen_that_it_was_cut() -> None:
    arn = next(line for line in MINIMAL.splitlines() if "listenerARN: " in line).partition("listenerARN: ")[2].strip()
    wrong = arn.replace("listener/app/", "listener/gwy/")
    assert f", not {wrong!r}" in findings(MINIMAL.replace(arn, wrong))[0]
    long = wrong + "0" * 200
    assert f", not {long[:199] + '…'!r}" in findings(MINIMAL.replace(arn, long))[0]


def test_a_key_that_is_given_twice_is_a_finding() -> None:
    text = MINIMAL + "  replicas: 3\n"
    first = line_with(text, "replicas: 2")
    assert findings(text) == [
        f"0.yaml:{len(text.splitlines())} Cell/shop spec.replicas: is given twice, first in line {first}: remove one"
    ]


def test_an_object_that_is_defined_twice_is_a_finding_where_it_is_the_second_time() -> None:
    other = MINIMAL.replace("name: shop", "name: shop\n  namespace: default")
    (finding,) = findings(MINIMAL, other)
    assert finding.startswith(f"1.yaml:{line_with(other, 'name: shop')} Cell/shop metadata.name: is defined twice")
    assert "first at 0.yaml:2" in finding
    assert findings(MINIMAL, MINIMAL.replace("name: shop", "name: shop\n  namespace: test")) == []


def test_a_check_that_is_not_in_the_files_is_a_note_only() -> None:
    cell = MINIMAL + "  checks:\n  - name: dd\n    from:\n      checkName: errors\n"
    check = (
        "apiVersion: okra.mumoshu.github.io/v1alpha1\nkind: Check\nmetadata: {name: errors}\n"
        "spec: {analysis: {query: q, max: 1}}\n"
    )
    report = judge([("a.yaml", cell)])
    assert report.findings == []
    assert [(note.line, note.path) for note in report.notes] == [
        (line_with(cell, "checkName"), "spec.checks[0].from.checkName")
    ]
    assert judge([("a.yaml", cell), ("b.yaml", check)]).notes == []


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("apiVersion: okra.mumoshu.github.io/v1alpha1\nkind: Chek", "kind: 'Chek' is no kind of"),
        ("apiVersion: okra.mumoshu.github.io/v1beta1\nkind: Cell", "did you mean okra.mumoshu.github.io/v1alpha1?"),
        ("apiVersion: okra.mumosho.github.io/v1alpha1\nkind: Cell", "did you mean okra.mumoshu.github.io/v1alpha1?"),
        ("kind: Cell", "apiVersion: is required"),
        ("apiVersion: okra.mumoshu.github.io/v1alpha1", "kind: is required"),
    ],
)
def test_a_kind_of_okras_with_a_typo_is_a_finding(head: str, says: str) -> None:
    assert any(says in finding for finding in findings(f"{head}\nmetadata: {{name: a}}\n"))


@pytest.mark.parametrize(
    "head", ["v1\nkind: ConfigMap", "argoproj.io/v1alpha1\nkind: Application", "x.github.io/v1\nkind: Cell"]
)
def test_another_products_kind_is_passed_over(head: str) -> None:
    report = judge([("a.yaml", f"apiVersion: {head}\nmetadata: {{name: a}}\nspec: {{}}\n")])
    assert (report.findings, report.notes) == ([], [])
    assert report.foreign == {head.rpartition(" ")[2]: 1}


COMPLEX = (DATA / "complex-cell.yaml").read_text()


@pytest.mark.parametrize(
    ("selector", "place", "says"),
    [
        ("role: apii", "role", "no cluster has role=apii; did you mean api?"),
        ("rolle: api", "rolle", "no cluster has the label rolle; did you mean role?"),
        ("role: nothing-like-it", "role", "no cluster has role=nothing-like-it; known here: api, backgroundjobs, web"),
        ("matchLabels: {role: apii}", "matchLabels.role", "no cluster has role=apii; did you mean api?"),
    ],
)
def test_a_selector_that_matches_no_cluster_is_a_finding_with_what_was_probably_meant(
    selector: str, place: str, says: str
) -> None:
    text = COMPLEX.replace("clusterSelector:\n      role: api\n", f"clusterSelector:\n      {selector}\n")
    line = line_with(text, f"      {selector}")
    assert findings(text) == [f"0.yaml:{line} Cell/mysystem spec.applications[1].clusterSelector.{place}: {says}"]


def test_labels_that_no_cluster_has_together_match_none() -> None:
    both = "clusterSelector:\n      role: web\n      targetGroupARN: arn:aws"
    text = COMPLEX.replace("clusterSelector:\n      role: api", both)
    text = text.replace("      role: backgroundjobs\n  applications", "      targetGroupARN: arn:aws\n  applications")
    assert [each.partition("clusterSelector")[2] for each in findings(text)] == [
        ": no cluster has all of role=web, targetGroupARN=arn:aws",
        ".role: no cluster has role=backgroundjobs; known here: api, web",
    ]


def test_an_application_cannot_be_published_by_a_label_that_its_cluster_has_itself() -> None:
    text = COMPLEX.replace("myservice-role: api", "role: api")
    line = line_with(text, "          role: api")
    path = "spec.applications[1].argocd.clusterSecret.labels.role"
    said = "is a label of the cluster mycluster-api-v1 itself (clusters[].labels), by which nothing can be published"
    assert findings(text) == [f"0.yaml:{line} Cell/mysystem {path}: {said}: choose another key"]


GROUP_OF_API = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/api-v1/6d0ecf831eec9f09"
TARGET_GROUP_AT = "alb.forwardConfig.targetGroup"


def test_a_target_group_of_another_region_than_the_listener_is_a_finding() -> None:
    text = COMPLEX.replace("eu-central-1:123456789012:listener", "eu-west-1:123456789012:listener")
    said = "is in eu-central-1, but the listener is in eu-west-1, and forwards to no other region: correct one of them"
    assert [each.partition("spec.")[2] for each in findings(text)] == [
        f"applications[0].{TARGET_GROUP_AT}.arn: {said}",
        f"applications[1].{TARGET_GROUP_AT}.arnFromLabel: the target group of mycluster-api-v1 {said}",
    ]


def test_a_listed_target_group_of_another_region_than_the_listener_is_a_finding() -> None:
    listed = f"targetGroups: [{{arn: {GROUP_OF_API}, version: v1}}]"
    listener = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"
    balancer = f"{{listenerARN: {listener}, {listed}}}"
    text = (
        "apiVersion: okra.mumoshu.github.io/v1alpha1\nkind: Cell\nmetadata: {name: a}\nspec: {ingress: "
        f"{{type: AWSApplicationLoadBalancer, awsApplicationLoadBalancer: {balancer}}}}}\n"
    )
    assert [each.partition(": ")[2] for each in findings(text)] == [
        "is in eu-central-1, but the listener is in eu-west-1, and forwards to no other region: correct one of them"
    ]
    assert findings(text.replace("eu-west-1", "eu-central-1")) == []


def test_a_target_group_that_two_clusters_have_is_a_finding() -> None:
    found = f"labels:\n      role: api\n      targetGroupARN: {GROUP_OF_API}\n"
    twin = f"  - name: twin\n    eks: {{}}\n    {found}"
    text = COMPLEX.replace("  - name: mycluster-backgroundjobs-v1", twin + "  - name: mycluster-backgroundjobs-v1", 1)
    said = "twin has the target group of mycluster-api-v1: give each its own"
    assert [each.partition("spec.")[2] for each in findings(text)] == [
        f"applications[1].{TARGET_GROUP_AT}.arnFromLabel: {said}"
    ]


@pytest.mark.parametrize(("label", "more"), [("targetGroupArn", ", or did you mean targetGroupARN?"), ("other", "")])
def test_a_label_for_target_groups_that_no_cluster_has_may_be_a_tag_and_is_a_note(label: str, more: str) -> None:
    report = judge([("a.yaml", COMPLEX.replace("arnFromLabel: targetGroupARN", f"arnFromLabel: {label}"))])
    said = f"no cluster has the label {label}: each must have it as a tag in EKS{more}"
    assert (report.findings, [each.message for each in report.notes if "Label" in each.path]) == ([], [said])


def test_what_tags_in_aws_select_is_for_the_controller_to_say() -> None:
    assert findings(COMPLEX.replace("matchEKSTags:\n        role: web", "matchEKSTags:\n        role: nothing")) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("stringData: {api-key: abc}", "stringData: {api-key: 54321}"), "stringData.api-key"),
        (("stringData: {api-key: abc}", "data: {api-key: 'not base64: s3cret'}"), "data"),
        (("stringData", "stringdata"), "stringdata"),
        (("name: dd", "nam: dd"), "metadata.nam"),
    ],
)
def test_a_secrets_shape_is_checked_and_its_values_are_never_shown(change: tuple[str, str], path: str) -> None:
    (finding,) = findings(SECRET.replace(*change))
    assert f"Secret/{'?' if path == 'metadata.nam' else 'dd'} {path}: " in finding
    assert not any(value in finding for value in ("abc", "54321", "s3cret"))


def test_a_good_secret_is_no_finding() -> None:
    assert (
        findings(SECRET, SECRET.replace("name: dd", "name: b").replace("stringData: {api-key: abc}", "data: {a: YWJj}"))
        == []
    )


def test_nothing_breaks_the_engine() -> None:
    report = judge(
        [
            ("a", "\x00"),
            ("b", "{"),
            ("c", "a: &a [*a]"),
            ("d", ""),
            ("e", "---\n---\n"),
            ("f", "kind: Secret\napiVersion: v1"),
        ]
    )
    assert isinstance(report, Report)
    assert [finding.file for finding in report.unreadable] == ["a", "b", "c"]
    assert [finding.file for finding in report.findings] == ["f"]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_clean_files_exit_0_with_a_closing_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cell.yaml").write_text(MINIMAL)
    assert lint([Path("cell.yaml")]) == 0
    assert capsys.readouterr().out == "1 file, 1 object: no findings\n"


def test_findings_exit_1_and_name_file_and_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cell.yaml").write_text(MINIMAL.replace("replicas: 2", "replicas: 0"))
    assert lint([Path("cell.yaml")]) == 1
    out = capsys.readouterr().out.splitlines()
    line = line_with(MINIMAL, "replicas")
    assert out == [
        f"cell.yaml:{line} Cell/shop spec.replicas: must be at least 1, not 0",
        "1 file, 1 object: 1 finding",
    ]


def test_a_folder_is_read_with_what_is_below_it_but_not_what_is_hidden(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.yaml", "sub/b.yml", "sub/deeper/c.json", ".git/d.yaml", "e.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(MINIMAL.replace("name: shop", f"name: {Path(name).stem}"))
    assert lint([Path(".")]) == 0
    assert capsys.readouterr().out == "3 files, 3 objects: no findings\n"


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MINIMAL.replace("Cell", "Cel").encode())))
    assert lint([Path("-")]) == 1
    assert "did you mean Cell?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file: check the path"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"kind: Cell\nname: \xff\n", "cell.yaml:2: is no UTF-8 text"),
        (b"# only a comment\n", "hold no object"),
        (b"a" * (16 * 1024 * 1024 + 1), "is larger than 16 MiB"),
    ],
    ids=["missing", "empty", "blank", "latin", "comment", "large"],
)
def test_what_cannot_be_judged_exits_2_and_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    if content is not None:
        Path("cell.yaml").write_bytes(content)
    assert lint([Path("cell.yaml")]) == 2
    assert says in capsys.readouterr().err


def test_an_unreadable_file_does_not_hide_findings_in_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cell.yaml").write_text(MINIMAL.replace("replicas: 2", "replicas: 0"))
    assert lint([Path("missing.yaml"), Path("cell.yaml")]) == 2
    captured = capsys.readouterr()
    assert "missing.yaml: no such file" in captured.err
    assert "spec.replicas" in captured.out


BROKEN = "kind: Cell\nmetadata: {name: web\nspec:\n  replicas: 2\n"


def test_broken_yaml_exits_2_and_the_other_documents_and_files_are_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = MINIMAL.replace("replicas: 2", "replicas: 0")
    Path("broken.yaml").write_text(f"{BROKEN}---\n{bad}")
    Path("cell.yaml").write_text(bad.replace("name: shop", "name: other"))
    assert lint([Path("broken.yaml"), Path("cell.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("broken.yaml:3 YAML: can't be read as YAML: ")
    first, second, last = captured.out.splitlines()
    assert ("Cell/shop spec.replicas: must be" in first, "Cell/other spec.replicas: must be" in second) == (True, True)
    assert last == "2 files, 2 objects: 2 findings; not all could be read"


@pytest.mark.parametrize("content", [None, "", BROKEN, "# only a comment\n"])
def test_nobody_says_no_findings_of_what_was_not_read(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        Path("cell.yaml").write_text(content)
    assert lint([Path("cell.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.err
    assert captured.out.endswith(" 0 objects: not all could be read\n")
    assert lint([Path("cell.yaml")], output="json") == 2
    assert json.loads(capsys.readouterr().out)["unreadable"]


def test_a_forgotten_colon_is_a_finding_since_the_rest_is_judged_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cell.yaml").write_text(MINIMAL.replace("  ingress:\n", "  ingress\n"))
    assert lint([Path("cell.yaml")]) == 1
    assert "did you forget ':' after 'ingress'?" in capsys.readouterr().out


def test_no_files_and_empty_folders_exit_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint([]) == 2
    Path("empty").mkdir()
    assert lint([Path("empty")]) == 2
    assert "holds no .yaml, .yml or .json file" in capsys.readouterr().err


def test_a_file_without_permission_exits_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.symlink("loop.yaml", "loop.yaml")
    assert lint([Path("loop.yaml")]) == 2
    assert "loop.yaml: can't be read" in capsys.readouterr().err


FOREIGN = (("Pod", "a"), ("ConfigMap", "a"), ("Pod", "b"))


def test_notes_go_to_standard_error_and_change_no_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = MINIMAL + "  checks:\n  - name: dd\n    from:\n      checkName: errors\n"
    others = [f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n" for kind, name in FOREIGN]
    Path("cell.yaml").write_text("---\n".join((cell, *others)))
    assert lint([Path("cell.yaml")]) == 0
    captured = capsys.readouterr()
    assert captured.out == "1 file, 4 objects: no findings\n"
    note, passed = captured.err.splitlines()
    assert note.startswith(f"note: cell.yaml:{line_with(cell, 'checkName')} Cell/shop spec.checks[0].from.checkName: ")
    assert passed == "note: passed over, as they are no kinds of Okra's: ConfigMap, Pod (2)"


def test_json_output_holds_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cell.yaml").write_text(MINIMAL.replace("replicas: 2", "replicas: 0"))
    assert lint([Path("cell.yaml"), Path("missing.yaml")], output="json") == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["files"], report["objects"], report["notes"]) == (1, 1, [])
    assert report["unreadable"] == ["missing.yaml: no such file: check the path"]
    assert report["findings"] == [
        {
            "file": "cell.yaml",
            "line": line_with(MINIMAL, "replicas"),
            "kind": "Cell",
            "name": "shop",
            "path": "spec.replicas",
            "message": "must be at least 1, not 0",
        }
    ]


RECORDS = """apiVersion: okra.mumoshu.github.io/v1alpha1
kind: Cell
metadata: {name: web}
spec:
  ingress:
    type: Route53
    route53:
      hostedZoneID: Z2FDTNDATAQYW2
      name: web.example.com
      type: A
      ttl: 30
      endpoints:
      - {version: "1", value: 192.0.2.1, healthCheckID: 12345678-abcd-ef01-2345-67890abcdef0}
      - {version: "2", value: 192.0.2.2}
"""


ALIASES = (
    RECORDS.replace("      ttl: 30\n", "").partition("      - ")[0]
    + """\
      - {version: "1", alias: {hostedZoneID: Z35, dnsName: lb.example.net}}
      - {version: "2", alias: {hostedZoneID: Z35, dnsName: nlb.example.net, evaluateTargetHealth: false}}
"""
)


def test_endpoints_of_which_nothing_tells_whether_they_can_serve_are_noted_and_are_no_fault() -> None:
    report = judge([("a.yaml", RECORDS), ("b.yaml", ALIASES.replace("name: web}", "name: other}"))])
    assert report.findings == []
    at = "spec.ingress.route53.endpoints"
    assert [f"{each.file}:{each.line} {each.path}" for each in report.notes] == [
        f"a.yaml:14 {at}[1]",
        f"b.yaml:12 {at}[0]",
        f"b.yaml:13 {at}[1]",
    ]
    value, evaluated, unknown = (note.message for note in report.notes)
    assert "unless its record has a health check" in value
    assert "while its target is unhealthy" in evaluated
    assert "nothing tells whether it can serve" in unknown
    assert all("has no healthCheckID" in said and "counts as healthy" in said for said in (value, evaluated, unknown))
