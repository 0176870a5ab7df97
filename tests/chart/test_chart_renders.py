"""What the chart makes of its values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from okra.api.crd import crd_files
from tests.chart.conftest import CHART, WITHOUT_KINDS, Refused, Rendered, Run
from tests.chart.held import HELD
from tests.chart.objects import container, environ, objects_in, one


def test_helm_finds_nothing_to_complain_about(helm: Run) -> None:
    said = helm("lint", "--strict", CHART).stdout
    assert "0 chart(s) failed" in said


def test_the_chart_holds_the_kinds_that_okra_prints() -> None:
    for folder, printed in HELD.items():
        held = {path.name: path.read_text() for path in (CHART / folder).glob("*.yaml")}
        assert held == dict(printed), "run: make crds"


def test_the_schema_knows_every_value(helm: Run) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]

    def unknown(values: dict[str, Any], known: dict[str, Any], path: str) -> list[str]:
        found = [path + name for name in values if name not in known]
        for name, value in values.items():
            deeper = known.get(name, {}).get("properties")
            found += unknown(value, deeper, f"{path}{name}.") if deeper and isinstance(value, dict) else []
        return found

    assert unknown(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "") == []


def test_settings_become_variables(rendered: Rendered) -> None:
    objects = rendered("settings.stepInterval=90s", "settings.stepWeight=5", "settings.checkProvider.web.url=http://m")
    assert environ(objects)["OKRA_STEP_INTERVAL"] == "90s"
    assert environ(objects)["OKRA_STEP_WEIGHT"] == "5"
    assert yaml.safe_load(environ(objects)["OKRA_CHECK_PROVIDER"]) == {"web": {"url": "http://m"}}


@pytest.mark.parametrize(
    "value",
    [
        "settings.stepIntervall=1m",
        "settings.stepInterval=60",
        "replicaCount=two",
        "replicas=3",
        "crds.enable=false",
        "imagePullSecrets[0]=a",
    ],
)
def test_a_value_that_means_nothing_is_refused(refused: Refused, value: str) -> None:
    said = refused(value)
    assert re.split(r"[.=\[]", value)[0] in said or value.split("=")[0].split(".")[-1] in said


def test_the_kinds_are_kept_on_uninstall_unless_told_otherwise(rendered: Rendered) -> None:
    def policies(objects: list[dict[str, Any]]) -> set[Any]:
        kinds = [each["metadata"] for each in objects if each["kind"] == "CustomResourceDefinition"]
        assert kinds
        return {each.get("annotations", {}).get("helm.sh/resource-policy") for each in kinds}

    assert policies(rendered("crds.enabled=true")) == {"keep"}
    assert policies(rendered("crds.enabled=true", "crds.keep=false")) == {None}
    assert not [each for each in rendered("crds.enabled=false") if each["kind"] == "CustomResourceDefinition"]


def test_hotswaps_kinds_come_only_when_asked_for(rendered: Rendered) -> None:
    """Two are named as Okra's own are, and a bare name means the first of the alphabet."""

    def kinds(*values: str) -> set[str]:
        objects = rendered("crds.enabled=true", *values)
        return {each["metadata"]["name"] for each in objects if each["kind"] == "CustomResourceDefinition"}

    every = {yaml.safe_load(text)["metadata"]["name"] for text in crd_files().values()}
    assert kinds() == {name for name in every if "hotswap" not in name}
    assert kinds("crds.hotswap=true") == every


ARGO_CDS = {"argocdclusters", "argocdapplicationdeployments"}


def test_who_may_view_or_edit_a_namespace_may_do_so_with_the_kinds_that_are_installed(rendered: Rendered) -> None:
    def roles(*values: str) -> dict[str, list[dict[str, Any]]]:
        found = [each for each in rendered("scope.namespace=shop", *values) if each["kind"] == "ClusterRole"]
        return {
            key.partition("/aggregate-to-")[2]: each["rules"]
            for each in found
            for key in each["metadata"]["labels"]
            if "/aggregate-to-" in key
        }

    usual = roles("crds.enabled=true")
    assert set(usual) == {"view", "edit"}
    (viewing,), (editing,) = usual["view"], usual["edit"]
    assert viewing["apiGroups"] == editing["apiGroups"] == ["okra.mumoshu.github.io"]
    assert {"cells", "checks"} <= set(editing["resources"])
    assert {*viewing["resources"]} - {*editing["resources"]} == ARGO_CDS
    assert viewing["verbs"] == ["get", "list", "watch"]
    assert {"create", "update", "patch", "delete"} <= set(editing["verbs"])
    assert not [each for each in editing["resources"] if "/" in each or each == "*"], "status is Okra's"
    both = roles("crds.enabled=true", "crds.hotswap=true")
    for rules in both.values():
        assert [rule["apiGroups"][0] for rule in rules] == ["hotswap.mumoshu.github.io", "okra.mumoshu.github.io"]
    assert all(set(rule["resources"]) >= ARGO_CDS for rule in both["view"])
    assert not [rule for rule in both["edit"] if ARGO_CDS & set(rule["resources"])], "their secrets are shared"
    assert roles("crds.enabled=true", "rbac.aggregate=false") == roles("rbac.aggregate=true") == {}


def test_in_one_namespace_it_has_no_right_outside(rendered: Rendered) -> None:
    objects = rendered("scope.namespace=shop")
    assert not [each for each in objects if each["kind"] in ("ClusterRole", "ClusterRoleBinding")]
    assert {each["metadata"]["namespace"] for each in objects if each["kind"] == "Role"} == {"shop", "okra-system"}
    assert "--namespace=shop" in container(objects)["args"]


@pytest.mark.parametrize("scope", ["", "shop"])
def test_releases_of_one_name_in_several_namespaces_do_not_meet(helm: Run, scope: str) -> None:
    """Apart from the kinds, which belong to one of them."""

    def outside(namespace: str) -> set[tuple[str, str, str]]:
        scoped = ("--set", f"scope.namespace={scope}")
        said = helm("template", "okra", *WITHOUT_KINDS, "--namespace", namespace, *scoped).stdout
        metadata = [(each["kind"], each["metadata"]) for each in objects_in(said)]
        known = {(kind, each.get("namespace", ""), each["name"]) for kind, each in metadata}
        return {each for each in known if each[1] != namespace}

    assert outside("blue")
    assert not outside("blue") & outside("green")


def test_the_pods_run_restricted(rendered: Rendered) -> None:
    objects = rendered()
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["enableServiceLinks"] is False
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_an_image_must_be_named(refused: Refused) -> None:
    """Else some okra of a public registry's would be pulled."""
    assert "image.repository is needed" in refused("image.repository=")


def test_a_digest_wins_over_the_tag(rendered: Rendered) -> None:
    repository, digest = "registry.example.com/okra", f"sha256:{'0' * 64}"
    assert container(rendered())["image"] == f"{repository}:0.1.0"
    assert container(rendered("image.tag=v2"))["image"] == f"{repository}:v2"
    assert container(rendered("image.tag=v2", f"image.digest={digest}"))["image"] == f"{repository}@{digest}"


def test_the_pods_can_be_shut_to_all_but_those_who_scrape(rendered: Rendered) -> None:
    assert not [each for each in rendered() if each["kind"] == "NetworkPolicy"]
    shut = one(rendered("networkPolicy.enabled=true"), "NetworkPolicy")["spec"]
    assert (shut["policyTypes"], shut.get("ingress", [])) == (["Ingress"], [])
    peers = "networkPolicy.from[0].namespaceSelector.matchLabels.team=metrics"
    objects = rendered("networkPolicy.enabled=true", peers)
    policy = one(objects, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == one(objects, "Deployment")["spec"]["selector"]["matchLabels"]
    ports = [each["name"] for each in container(objects)["ports"]]
    assert policy["ingress"] == [
        {"ports": [{"port": ports[0]}], "from": [{"namespaceSelector": {"matchLabels": {"team": "metrics"}}}]}
    ]


def test_one_replica_needs_no_disruption_budget(rendered: Rendered) -> None:
    assert [each for each in rendered() if each["kind"] == "PodDisruptionBudget"]
    assert not [each for each in rendered("replicaCount=1") if each["kind"] == "PodDisruptionBudget"]


@pytest.mark.parametrize(("values", "said"), [((), "WARNING"), (("settings.install=blue",), "blue/NAMESPACE/NAME")])
def test_after_an_install_it_is_said_how_routes_are_signed(helm: Run, values: Sequence[str], said: str) -> None:
    """Two clusters of one name write the same routes, and nothing can tell."""
    sets = [part for value in values for part in ("--set", value)]
    notes = helm("install", "okra", *WITHOUT_KINDS, "--dry-run=client", *sets).stdout.partition("NOTES:")[2]
    assert said in notes
    assert ("settings.install=" in notes) == (not values)


def test_after_an_install_a_role_is_asked_for_only_where_none_is_named(helm: Run) -> None:
    role = "arn:aws:iam::111122223333:role/okra"
    irsa = ("--set", f"serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn={role}")
    without, named = (
        helm("install", "okra", *WITHOUT_KINDS, "--dry-run=client", *sets).stdout.partition("NOTES:")[2]
        for sets in ((), irsa)
    )
    assert "Give its service account (okra) a role" in without
    assert "Give its service account" not in named
    assert (
        f"\n\nMay it use AWS? Its service account has the role {role}, which needs the policy that this prints:\n"
        in named
    )
    assert "okra iam-policy" in named


def test_the_pods_listen_in_both_families_of_addresses(rendered: Rendered) -> None:
    """A cluster of IPv6 only has probes of IPv6 only."""
    assert environ(rendered())["OKRA_LISTEN"] == ":8080"


def test_a_pause_and_a_first_look_are_one_value_each(rendered: Rendered) -> None:
    assert one(rendered("paused=true"), "ConfigMap")["data"] == {"paused": "true"}
    assert not one(rendered(), "ConfigMap").get("data"), "the key is whose who patches it"
    assert "--read-only" in container(rendered("readOnly=true"))["args"]
