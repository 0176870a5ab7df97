"""Files → objects for the store, and Secrets for memory."""

import json
import re
from pathlib import Path

import pytest
import yaml

from okra.app.inputs import BadInput, read_input, stamp
from okra.app.manifests import MAX_BYTES
from tests.actors.world import cell, lone_check

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dd"}, "stringData": {"api-key": "hunter2"}}


def write(path: Path, *objects: object) -> Path:
    path.write_text("---\n".join(yaml.safe_dump(each) for each in objects))
    return path


def test_a_folder_is_read_with_all_that_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / "cell.yaml", cell("a"))
    write(tmp_path / "deep" / "two.yml", cell("b"), lone_check("c"))
    (tmp_path / "deep" / "er" / "d.json").write_text(json.dumps(cell("d")))
    write(tmp_path / ".hidden" / "e.yaml", cell("e"))
    (tmp_path / "README.md").write_text("not a manifest: [")
    found = read_input([tmp_path])
    assert found.cells == [("default", "a"), ("default", "b"), ("default", "d")]
    assert [kind.kind for kind, _ in found.objects] == ["Cell", "Cell", "Check", "Cell"]


def test_an_object_without_a_namespace_is_in_default(tmp_path: Path) -> None:
    obj = cell("a")
    del obj["metadata"]["namespace"]
    assert read_input([write(tmp_path / "a.yaml", obj)]).cells == [("default", "a")]


def test_a_secret_is_for_memory_only_and_shows_nowhere(tmp_path: Path) -> None:
    found = read_input([write(tmp_path / "a.yaml", cell(), SECRET)])
    assert found.secrets == {("default", "dd"): {"api-key": "hunter2"}}
    assert [kind.kind for kind, _ in found.objects] == ["Cell"]
    assert "hunter2" not in repr(found)


def test_what_is_wrong_is_said_with_file_line_and_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", cell(replicas=0))
    with pytest.raises(BadInput, match=rf"{path}:\d+ Cell/web spec\.replicas: "):
        read_input([path])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a: [", "YAML"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "no ALB and no Check"),
        ("- 1\n", "a.yaml"),
        ("\x00", "a.yaml"),
    ],
)
def test_a_file_that_holds_nothing_to_run_is_bad_input(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as caught:
        read_input([path])
    assert str(caught.value)


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    binary, huge, missing = tmp_path / "b.yaml", tmp_path / "h.yaml", tmp_path / "m.yaml"
    binary.write_bytes(b"a: \xff\xfe")
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadInput) as caught:
        read_input([binary, huge, missing, empty])
    for path in (binary, huge, missing, empty):
        assert str(path) in str(caught.value)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path, link = write(tmp_path / "a.yaml", cell()), tmp_path / "link.yaml"
    link.symlink_to(path)
    assert read_input([path, tmp_path, path, link]).cells == [("default", "web")]
    write(tmp_path / "copy.yaml", cell())
    with pytest.raises(BadInput, match=rf"copy\.yaml.*is defined twice, first at {re.escape(str(path))}:"):
        read_input([path, path, tmp_path])


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("06-whole-clusters/cell.yaml", r"cell\.yaml:3 Cell/mysystem spec\.applications: needs Kubernetes"),
        ("07-hotswap-system/system.yaml", r"system\.yaml:2 System/shop: a System needs Kubernetes"),
    ],
)
def test_what_only_a_cluster_can_do_is_bad_input_for_a_run_without_one(example: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_input([Path(__file__).parents[2] / "examples" / example])


def test_a_job_check_is_bad_input_for_a_run_without_kubernetes(tmp_path: Path) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}
    with pytest.raises(BadInput, match=r"Cell/web spec\.checks\[0\]\.job: "):
        read_input([write(tmp_path / "a.yaml", cell(checks=[{"name": "t", "job": {"template": template}}]))])


def test_a_stamp_changes_with_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", cell())
    stamps = [stamp([tmp_path])]
    write(path, cell(replicas=2))
    stamps.append(stamp([tmp_path]))
    write(tmp_path / "b.yaml", cell("b"))
    stamps.append(stamp([tmp_path]))
    path.unlink()
    stamps.append(stamp([tmp_path]))
    assert len(set(stamps)) == 4
    assert stamp([tmp_path]) == stamps[-1]
