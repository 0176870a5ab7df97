"""What Okra relies on of Argo CD: the same tests for the real ApplicationSet controller and for the double of it."""

from __future__ import annotations

from typing import Any

from okra.argocd.application_sets import ApplicationSet
from okra.argocd.applications import read_application
from okra.argocd.names import APPLICATION, APPLICATION_SET, SECRET, TARGET_GROUP
from okra.argocd.readiness import lacks
from okra.ports import Object
from okra.testing.application_controller import FINALIZER, Workload, degraded
from okra.testing.fake_argocd import application_set
from tests.kube.argo_contract import Argo, argo, real, which
from tests.support.argocd import ArgoCD

__all__ = ["argo", "which"]

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/7"
HELM = {"targetGroupARN": "{{metadata.annotations." + TARGET_GROUP + "}}", "unknown": "{{metadata.labels.nobody}}"}


def up_to_date(seen: ApplicationSet) -> bool:
    return seen.up_to_date


def in_error(seen: ApplicationSet) -> bool:
    return bool(seen.error)


def parameters(application: Object) -> dict[str, str]:
    return {each["name"]: each["value"] for each in application["spec"]["source"]["helm"]["parameters"]}


# -- a cluster is published --------------------------------------------------------------------------------------------


async def test_a_labelled_secret_becomes_an_application_filled_in_from_its_annotations(argo: Argo) -> None:
    await argo.application_set(helm=HELM)
    server = await argo.cluster("c1", annotations={TARGET_GROUP: ARN}, role="web")
    await argo.cluster("c2", role="api")
    made = await argo.application("web-c1")
    assert parameters(made) == {"targetGroupARN": ARN, "unknown": "{{metadata.labels.nobody}}"}
    assert made["metadata"]["finalizers"] == [FINALIZER]
    seen = await argo.well("web-c1")
    assert (seen.set, seen.server, seen.automated, seen.deleting) == ("web", server, True, False)
    assert (await argo.told(up_to_date)).error == ""
    assert await argo.conditions() == {
        "ErrorOccurred": ("False", "ApplicationSetUpToDate"),
        "ParametersGenerated": ("True", "ParametersGenerated"),
        "ResourcesUpToDate": ("True", "ApplicationSetUpToDate"),
    }
    assert await argo.names() == {"web-c1"}
    assert argo.applications.running(server) == {"web-c1"}


async def test_a_changed_annotation_is_followed(argo: Argo) -> None:
    await argo.application_set(helm=HELM)
    await argo.cluster("c1", annotations={TARGET_GROUP: ARN}, role="web")
    await argo.well("web-c1")
    another = {"metadata": {"annotations": {TARGET_GROUP: ARN + "0"}}}
    await argo.store.patch(SECRET, argo.namespace, "c1", another)
    await argo.application("web-c1", lambda obj: parameters(obj)["targetGroupARN"] == ARN + "0")


async def test_two_generators_make_the_applications_of_both(argo: Argo) -> None:
    roles = [{"clusters": {"selector": {"matchLabels": {"role": role}}}} for role in ("web", "api")]
    await argo.application_set(change=lambda made: made["spec"].update(generators=roles))
    await argo.cluster("c1", role="web")
    await argo.cluster("c2", role="api")
    await argo.only("web-c1", "web-c2")


# -- and taken back ----------------------------------------------------------------------------------------------------


async def test_a_label_taken_off_removes_the_workloads_and_then_the_application(argo: Argo) -> None:
    await argo.application_set()
    server = await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    losing: set[Workload] = set()
    argo.applications.deletes_in, argo.applications.losing = 3.0, losing.add
    await argo.label("c1", role=None)
    deleting = await argo.application("web-c1", lambda obj: "deletionTimestamp" in obj["metadata"])
    assert deleting["metadata"]["finalizers"] == [FINALIZER]
    assert (await argo.told(up_to_date)).error == ""
    await argo.only()
    assert not argo.applications.running(server)
    assert not argo.applications.orphans
    assert losing == {(server, "web-c1")}
    assert [each.runs for each in argo.applications.history] == [True, False]


async def test_a_secret_that_goes_first_leaves_the_workloads_running(argo: Argo) -> None:
    """Why Okra never deletes the secret of a cluster that still has Applications."""
    await argo.application_set()
    server = await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    await argo.store.delete(SECRET, argo.namespace, "c1")
    await argo.only()
    assert argo.applications.running(server) == {"web-c1"}


async def test_resources_that_are_preserved_go_on_running(argo: Argo) -> None:
    await argo.application_set(syncPolicy={"preserveResourcesOnDeletion": True})
    server = await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    assert (await argo.told(up_to_date)).preserves
    await argo.label("c1", role=None)
    await argo.only()
    assert argo.applications.running(server) == {"web-c1"}


async def test_finalizers_of_the_template_take_the_place_of_argo_cds(argo: Argo) -> None:
    """Then nothing removes the workloads, unless it is among them."""
    own = ["example.com/hold"]
    await argo.application_set(change=lambda made: made["spec"]["template"]["metadata"].update(finalizers=own))
    await argo.cluster("c1", role="web")
    assert (await argo.application("web-c1"))["metadata"]["finalizers"] == own
    assert (await argo.told(up_to_date)).preserves


async def test_applications_that_are_never_deleted_stay(argo: Argo) -> None:
    await argo.application_set(syncPolicy={"applicationsSync": "create-update"})
    await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    assert (await argo.told(up_to_date)).keeps
    await argo.label("c1", role=None)
    await argo.cluster("c2", role="web")
    await argo.application("web-c2")  # it has seen the other label since
    assert await argo.names() == {"web-c1", "web-c2"}


async def test_a_label_that_comes_back_makes_the_application_again(argo: Argo) -> None:
    await argo.application_set()
    await argo.cluster("c1", role="web")
    first = await argo.application("web-c1")
    await argo.label("c1", role=None)
    await argo.application("web-c1", lambda obj: "deletionTimestamp" in obj["metadata"])
    await argo.label("c1", role="web")
    await argo.application("web-c1", lambda obj: obj["metadata"]["uid"] != first["metadata"]["uid"])
    await argo.well("web-c1")


# -- what goes wrong ---------------------------------------------------------------------------------------------------


async def test_an_error_of_a_generator_touches_no_application_and_is_told_until_it_is_over(argo: Argo) -> None:
    await argo.application_set()
    await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    bad = {"matchExpressions": [{"key": "role", "operator": "Near", "values": ["web"]}]}
    good = (await argo.store.get(APPLICATION_SET, argo.namespace, "web"))["spec"]
    await argo.store.patch(
        APPLICATION_SET, argo.namespace, "web", {"spec": {"generators": [{"clusters": {"selector": bad}}]}}
    )
    seen = await argo.told(in_error)
    assert "Near" in seen.error
    assert not seen.up_to_date
    assert await argo.conditions() == {
        "ErrorOccurred": ("True", "ApplicationGenerationFromParamsError"),
        "ParametersGenerated": ("False", "ErrorOccurred"),
        "ResourcesUpToDate": ("False", "ErrorOccurred"),
    }
    assert await argo.names() == {"web-c1"}
    await argo.store.patch(APPLICATION_SET, argo.namespace, "web", {"spec": good})
    assert (await argo.told(up_to_date)).error == ""


async def test_an_application_of_a_project_that_isnt_there_is_an_error(argo: Argo) -> None:
    await argo.application_set(change=lambda made: made["spec"]["template"]["spec"].update(project="nowhere"))
    await argo.cluster("c1", role="web")
    seen = await argo.told(in_error)
    assert "nowhere" in seen.error
    assert not seen.up_to_date
    assert await argo.conditions() == {
        "ErrorOccurred": ("True", "ApplicationValidationError"),
        "ParametersGenerated": ("True", "ParametersGenerated"),
        "ResourcesUpToDate": ("False", "ErrorOccurred"),
    }
    assert await argo.names() == set()


async def test_a_cluster_that_two_generators_select_is_an_error_and_gets_no_application(argo: Argo) -> None:
    twice = [{"clusters": {"selector": {"matchLabels": {"role": "web"}}}}] * 2
    await argo.cluster("c1", role="web")  # first: one generator may look before a label comes, the other after
    await argo.application_set(change=lambda made: made["spec"].update(generators=twice))
    assert "duplicate name: web-c1" in (await argo.told(in_error)).error
    assert await argo.names() == set()


async def test_a_name_that_another_set_has_taken_is_an_error(argo: Argo) -> None:
    await argo.application_set()
    await argo.cluster("c1", role="web")
    await argo.well("web-c1")
    await argo.store.create(
        APPLICATION_SET,
        application_set("other", {"role": "web"}, namespace=argo.namespace)
        | {"spec": (await argo.store.get(APPLICATION_SET, argo.namespace, "web"))["spec"]},
    )
    await argo.told(in_error, "other")
    assert (await argo.well("web-c1")).set == "web"


async def test_a_degraded_application_says_why(argo: Argo) -> None:
    argo.applications.broken["web-c1"] = degraded("CrashLoopBackOff")
    await argo.application_set()
    await argo.cluster("c1", role="web")
    await argo.application("web-c1", lambda obj: obj.get("status", {}).get("health", {}).get("status") == "Degraded")


# -- what the double doesn't do ----------------------------------------------------------------------------------------


async def test_a_rolling_sync_is_told_step_by_step(argocd: ArgoCD) -> None:
    async with real(argocd) as argo:
        argo.applications.ignored.add("web-c1")
        wave = {"wave": "{{metadata.labels.wave}}"}
        steps = [{"matchExpressions": [{"key": "wave", "operator": "In", "values": [each]}]} for each in "12"]
        await argo.application_set(
            strategy={"type": "RollingSync", "rollingSync": {"steps": steps}},
            change=lambda made: made["spec"]["template"]["metadata"].update(labels=wave),
        )
        await argo.cluster("c1", role="web", wave="1")
        await argo.cluster("c2", role="web", wave="2")
        seen = await argo.told(lambda seen: {*seen.steps} == {"web-c1", "web-c2"} and not seen.rolled)
        assert seen.rolling
        second = read_application(await argo.application("web-c2"))
        assert next(lacks([seen], [second], 0, None, 0)).reason == "RollingSync"
        assert not second.automated
        argo.applications.ignored.clear()
        await argo.well("web-c1")
        seen = await argo.told(lambda seen: seen.rolled and set(seen.steps.values()) == {"Healthy"})
        assert seen.up_to_date
        await argo.application("web-c2", lambda obj: not [*lacks([seen], [read_application(obj)], 0, 0, 100)])


async def test_a_template_in_go_that_misses_a_key_is_an_error(argocd: ArgoCD) -> None:
    async with real(argocd) as argo:
        go: dict[str, Any] = {"goTemplate": True, "goTemplateOptions": ["missingkey=error"]}

        def change(made: Object) -> None:
            template = made["spec"]["template"]
            template["metadata"]["name"] = "web-{{.name}}"
            template["spec"]["destination"]["server"] = "{{.server}}"
            template["spec"]["source"]["path"] = "{{ .nobody }}"

        await argo.application_set(change=change, **go)
        await argo.cluster("c1", role="web")
        seen = await argo.told(in_error)
        assert "nobody" in seen.error
        assert not seen.up_to_date
        assert (await argo.store.list(APPLICATION, argo.namespace)).items == []
