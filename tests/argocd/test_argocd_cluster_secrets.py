"""What a cluster secret holds, what is read of one, and what a patch changes."""

import base64
import json
from typing import Any

import pytest

from okra.api.meta import HOTSWAP_GROUP, VERSION_LABEL
from okra.argocd.content import Auth, Content, content_for, labels_in_use, newborn, patch_for
from okra.argocd.marks import Publisher
from okra.argocd.names import (
    MANAGED_BY,
    OWN_KEYS,
    OWNER,
    OWNER_UID,
    REGION,
    SECRET_TYPE,
    SHARED_WITH,
    TARGET_GROUP,
    TARGET_GROUP_OF,
)
from okra.argocd.publishing import publish, unpublish
from okra.argocd.secrets import ClusterSecret, read_secret
from okra.embedded.objects import merge_patch
from okra.ports import Object
from tests.argocd.objects import CA, LABELS, NOW, WEB, edited, foreign, info, ours, owner, secret, server

ROLE = "arn:aws:iam::123456789012:role/argocd"
GROUP_ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"


def made(labels: dict[str, str] | None = None, auth: Auth = Auth.AWS_AUTH_CONFIG, role: str = ROLE) -> Object:
    return newborn(content_for(owner("sys-web-1"), info("web-1"), role, labels or {}, auth), "argocd")


def config_of(obj: Object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(obj["data"]["config"]))
    return found


def test_it_is_a_cluster_secret_of_argo_cds_that_okra_manages() -> None:
    obj = made()
    assert obj["metadata"]["labels"] == {SECRET_TYPE: "cluster", MANAGED_BY: "okra"}
    assert (obj["metadata"]["name"], obj["metadata"]["namespace"]) == ("sys-web-1", "argocd")
    data = {key: base64.b64decode(value).decode() for key, value in obj["data"].items()}
    assert (data["name"], data["server"]) == ("sys-web-1", server("web-1"))


def test_it_says_whose_it_is_and_where_the_cluster_is() -> None:
    annotations = made({VERSION_LABEL: "v2", "tg": GROUP_ARN})["metadata"]["annotations"]
    assert annotations[OWNER] == "okra.mumoshu.github.io/default/sys-web-1"
    assert annotations[OWNER_UID] == "uid-of-sys-web-1"
    assert annotations[REGION] == "eu-west-1"
    assert annotations[VERSION_LABEL] == "v2"
    assert annotations[TARGET_GROUP] == GROUP_ARN


def test_argo_cd_authenticates_as_the_role_that_is_given() -> None:
    config = config_of(made())
    assert config["awsAuthConfig"] == {"clusterName": "web-1", "roleARN": ROLE}
    assert config["tlsClientConfig"] == {"insecure": False, "caData": CA}
    assert config_of(made(role=""))["awsAuthConfig"] == {"clusterName": "web-1"}


def test_the_exec_provider_knows_the_region_as_well() -> None:
    config = config_of(made(auth=Auth.EXEC_PROVIDER_CONFIG))
    assert "awsAuthConfig" not in config
    provider = config["execProviderConfig"]
    assert provider["args"] == ["aws", "--cluster-name", "web-1", "--role-arn", ROLE]
    assert provider["env"] == {"AWS_REGION": "eu-west-1"}


def test_labels_that_kubernetes_would_refuse_become_annotations_or_are_left_out() -> None:
    obj = made({"role": "web", "targetGroupARN": GROUP_ARN, "aws:cloudformation:stack": "x", "note": "two words"})
    assert obj["metadata"]["labels"]["role"] == "web"
    assert obj["metadata"]["annotations"]["targetGroupARN"] == GROUP_ARN
    assert obj["metadata"]["annotations"]["note"] == "two words"
    assert not [key for key in (*obj["metadata"]["labels"], *obj["metadata"]["annotations"]) if ":" in key]


@pytest.mark.parametrize(
    "key",
    [
        SECRET_TYPE,
        MANAGED_BY,
        OWNER,
        WEB.annotation,
        Publisher(HOTSWAP_GROUP, "default", "web").annotation,
        Publisher("example.com", "default", "web").annotation,
        f"{HOTSWAP_GROUP}/owner",
    ],
)
def test_no_label_of_a_cluster_can_pose_as_one_of_okras_own(key: str) -> None:
    obj = made({key: "someone"})
    assert obj["metadata"]["labels"].get(key) != "someone"
    assert obj["metadata"]["annotations"].get(key) != "someone"


def test_what_is_read_of_it_is_what_was_written() -> None:
    found = read_secret(made({"role": "web"}))
    assert (found.name, found.cluster, found.server) == ("sys-web-1", "sys-web-1", server("web-1"))
    assert found.owner == owner("sys-web-1")


@pytest.mark.parametrize(
    "broken",
    [
        {"metadata": {"labels": {MANAGED_BY: "helm"}}},
        {"metadata": {"annotations": {OWNER: None}}},
        {"metadata": {"annotations": {OWNER: "nonsense"}}},
        {"metadata": {"annotations": {OWNER_UID: None}}},
    ],
)
def test_without_okras_label_and_its_owner_a_secret_isnt_okras(broken: dict[str, Any]) -> None:
    assert read_secret(ours("a", **broken)).owner is None


@pytest.mark.parametrize("value", ["%%%", None, 7])
def test_data_that_cant_be_read_says_nothing(value: Any) -> None:
    obj = foreign("a")
    obj["data"]["server"] = value
    assert read_secret(obj).server == ""


def test_no_credentials_are_kept() -> None:
    obj = foreign("a")
    obj["data"]["config"] = base64.b64encode(b'{"bearerToken": "s3cret"}').decode()
    assert "s3cret" not in repr(read_secret(obj))
    assert "czNjcmV0" not in repr(read_secret(obj))


# -- patches -------------------------------------------------------------------------------------------------------


def wanted(labels: dict[str, str] | None = None, **changes: Any) -> Any:
    return content_for(owner("a"), info("a", **changes), "", labels or {}, Auth.AWS_AUTH_CONFIG)


def patch(found: ClusterSecret, content: Content) -> dict[str, Any]:
    return patch_for(found, content, labels_in_use(found, content))


def patched(obj: Object, **changes: Any) -> Object:
    after: Object = merge_patch(obj, patch(read_secret(obj), wanted(**changes)))
    return after


def test_a_secret_that_is_as_it_should_be_isnt_written() -> None:
    assert patch(secret("a"), wanted()) == {}


def test_a_rotated_ca_and_a_new_endpoint_are_followed() -> None:
    after = patched(ours("a"), ca_data="bmV3", endpoint="https://new.example/")
    assert config_of(after)["tlsClientConfig"]["caData"] == "bmV3"
    assert read_secret(after).server == "https://new.example"


def test_each_patch_is_for_the_version_that_was_read() -> None:
    assert patch(secret("a"), wanted(ca_data="bmV3"))["metadata"] == {"resourceVersion": "1"}


def test_a_label_taken_off_by_hand_is_put_back() -> None:
    obj = ours("a", metadata={"labels": {SECRET_TYPE: None}})
    assert patched(obj)["metadata"]["labels"][SECRET_TYPE] == "cluster"


def test_labels_that_left_the_spec_leave_the_secret_and_others_stay() -> None:
    obj = ours("a", spec_labels={"role": "web", "note": "two words"}, metadata={"labels": {"team": "red"}})
    after = patched(obj)
    assert "role" not in after["metadata"]["labels"]
    assert "note" not in after["metadata"]["annotations"]
    assert after["metadata"]["annotations"][OWN_KEYS] == ""
    assert after["metadata"]["labels"]["team"] == "red"


def test_a_value_that_is_no_label_any_more_moves_to_the_annotations() -> None:
    after = patched(ours("a", spec_labels={"role": "web"}), labels={"role": "two words"})
    assert after["metadata"]["annotations"]["role"] == "two words"


def test_what_others_keep_in_the_data_stays() -> None:
    obj = ours("a", data={"project": "cHJvZA=="})
    assert patch(read_secret(obj), wanted()) == {}
    assert patched(obj, ca_data="bmV3")["data"]["project"] == "cHJvZA=="


def test_argo_cds_name_of_the_cluster_stays_what_it_is() -> None:
    renamed = base64.b64encode(b"production").decode()
    assert read_secret(patched(ours("a", data={"name": renamed}), ca_data="bmV3")).cluster == "production"


def test_labels_by_which_it_is_published_are_none_of_its_owners_business() -> None:
    obj = ours("a")
    obj = edited(obj, publish(read_secret(obj), WEB, "a", LABELS, NOW))
    assert patched(obj, labels={"myservice-role": "api"})["metadata"]["labels"]["myservice-role"] == "web"
    obj = ours("a", spec_labels=LABELS)
    obj = edited(obj, publish(read_secret(obj), WEB, "a", LABELS, NOW))
    assert patched(obj)["metadata"]["labels"]["myservice-role"] == "web"


def test_as_long_as_it_is_published_its_labels_are_only_added_to() -> None:
    obj = ours("a", spec_labels={"env": "prod", "tier": "gold", "note": "two words"})
    obj = edited(obj, publish(read_secret(obj), WEB, "a", LABELS, NOW))
    spec = {"env": "production", "team": "b", "note": "other words"}
    for _ in range(2):
        assert labels_in_use(read_secret(obj), wanted(spec)) == {"env": "prod", "tier": "gold"}
        obj = patched(obj, labels=spec)
        labels, annotations = obj["metadata"]["labels"], obj["metadata"]["annotations"]
        assert (labels["env"], labels["tier"], labels["team"]) == ("prod", "gold", "b")
        assert (annotations["note"], annotations[OWN_KEYS]) == ("other words", "env,note,team,tier")
    assert patch(read_secret(obj), wanted(spec)) == {}
    after = patched(edited(obj, unpublish(read_secret(obj), WEB, NOW)), labels=spec)["metadata"]
    assert (after["labels"]["env"], after["labels"].get("tier")) == ("production", None)
    assert after["annotations"][OWN_KEYS] == "env,note,team"


@pytest.mark.parametrize("spec", [{VERSION_LABEL: "1.1"}, {}])
def test_a_label_that_nothing_is_deployed_by_is_written_at_once(spec: dict[str, str]) -> None:
    obj = ours("a", spec_labels={VERSION_LABEL: "1.0"})
    obj = edited(obj, publish(read_secret(obj), WEB, "a", LABELS, NOW))
    found, content = read_secret(obj), wanted(spec)
    assert labels_in_use(found, content) == {VERSION_LABEL: "1.0"}
    metadata = patch_for(found, content, ())["metadata"]
    assert metadata["labels"] == {VERSION_LABEL: spec.get(VERSION_LABEL)}


def test_whoever_takes_a_secret_over_leaves_the_labels_of_its_former_owner() -> None:
    obj = ours("a", whose=owner("first"), spec_labels={"role": "web", "tier": "gold", "note": "two words"})
    for _ in range(2):
        obj = patched(obj, labels={"role": "api", "team": "b", "note": "other words"})
        labels, annotations = obj["metadata"]["labels"], obj["metadata"]["annotations"]
        assert (labels["role"], labels["tier"], labels["team"]) == ("web", "gold", "b")
        assert (annotations["note"], annotations[OWN_KEYS]) == ("two words", "team")
        assert read_secret(obj).owner == owner("a")
    after = patched(obj)["metadata"]
    assert (after["labels"]["role"], after["labels"].get("team")) == ("web", None)


def test_labels_that_the_former_owner_had_as_well_are_those_of_the_new_one() -> None:
    obj = patched(ours("a", whose=owner("first"), spec_labels={"role": "web"}), labels={"role": "web"})
    assert patched(obj, labels={"role": "api"})["metadata"]["labels"]["role"] == "api"


def test_a_label_that_a_person_gave_the_secret_isnt_overwritten_until_he_takes_it_off() -> None:
    obj = patched(ours("a", metadata={"labels": {"env": "prod"}}), labels={"env": "dev"})
    assert obj["metadata"]["labels"]["env"] == "prod"
    obj = patched(merge_patch(obj, {"metadata": {"labels": {"env": None}}}), labels={"env": "dev"})
    assert (obj["metadata"]["labels"]["env"], obj["metadata"]["annotations"][OWN_KEYS]) == ("dev", "env")


def test_with_whom_it_is_shared_is_an_annotation_that_follows_the_spec() -> None:
    obj = ours("a", spec_labels={SHARED_WITH: "team-b"})
    assert SHARED_WITH not in obj["metadata"]["labels"]
    assert obj["metadata"]["annotations"][SHARED_WITH] == "team-b"
    assert SHARED_WITH not in patched(obj)["metadata"]["annotations"]


def test_a_version_that_nobody_names_any_more_is_taken_off() -> None:
    after = patched(ours("a", spec_labels={VERSION_LABEL: "v1"}))
    assert VERSION_LABEL not in after["metadata"]["annotations"]


GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{}/73e2d6bc24d8a067"


def told(*sets: str, labels: dict[str, str] | None = None) -> Any:
    groups = {f"{TARGET_GROUP_OF}{name}": GROUP.format(name) for name in sets}
    return content_for(owner("a"), info("a"), "", labels or {}, Auth.AWS_AUTH_CONFIG, groups)


def test_target_groups_of_sets_are_annotations_and_one_alone_has_its_plain_name_too() -> None:
    one = told("web").annotations
    assert (one[f"{TARGET_GROUP_OF}web"], one[TARGET_GROUP]) == (GROUP.format("web"), GROUP.format("web"))
    two = told("web", "api").annotations
    assert {f"{TARGET_GROUP_OF}web", f"{TARGET_GROUP_OF}api"} <= two.keys()
    assert TARGET_GROUP not in two
    named = told("web", labels={"arn": GROUP.format("named")}).annotations
    assert named[TARGET_GROUP] == GROUP.format("named"), "what the spec says goes before"


def test_a_target_group_that_is_gone_leaves_the_secret() -> None:
    there = read_secret(newborn(told("web", "api"), "argocd"))
    patch = patch_for(there, told("web"), ())
    assert patch["metadata"]["annotations"] == {f"{TARGET_GROUP_OF}api": None, TARGET_GROUP: GROUP.format("web")}
    assert patch_for(read_secret(newborn(told("web"), "argocd")), told("web"), ()) == {}
