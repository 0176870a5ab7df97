"""What goes wrong with whole clusters, each at its place: everything is back where it was, and the status says why."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from okra.testing.application_controller import degraded
from tests.e2e.story import FIRST, SECOND, SHAPES, Story, analysis
from tests.scenarios.eventually import eventually

pytestmark = [pytest.mark.timeout(900)]

WEB, JOBS = ("web",), ("backgroundjobs",)


@pytest.fixture(name="story", params=[*SHAPES])
def of_each_shape(story: Story, request: pytest.FixtureRequest) -> Story:
    return replace(story, **SHAPES[request.param])


def assert_is_back(story: Story, status: dict[str, Any], application: str, reason: str) -> None:
    """It failed, is blocked, and everything is where it was."""
    found = story.application(status, application)
    assert status["phase"] == "Failed"
    assert (found["phase"], found["stage"]) == ("Failed", "Error")
    assert reason in found["message"]
    story.is_on(FIRST)


def test_a_precheck_that_fails_is_counted_down_and_nothing_is_touched(story: Story) -> None:
    story = replace(story, applications=JOBS)

    def with_a_failing_job(spec: dict[str, Any]) -> None:
        template = spec["applications"][0]["prechecks"][0]["job"]["template"]
        template["metadata"] = {"annotations": {"okra.test/pod": "fails"}}
        spec["onFailure"] = {"delay": "1h"}

    story.change = with_a_failing_job
    story.begin()
    story.move()
    status = story.until({"backgroundjobs": "PrecheckFailed"})
    said = story.application(status, "backgroundjobs")["message"]
    assert re.fullmatch(r"run-test failed\. Waiting \d+ seconds before starting a rollback", said)
    story.edit(onFailure={"delay": "0s"})
    status = story.until({"": "Failed", "backgroundjobs": "Failed"})
    assert_is_back(story, status, "backgroundjobs", "run-test failed")
    new = {story.fleet.addresses[each] for each in story.cluster("backgroundjobs", SECOND)}
    assert not new & {change.server for change in story.fleet.argocd.applications.history}


def test_a_check_that_fails_at_the_third_step_puts_the_traffic_back_exactly(story: Story) -> None:
    story = replace(story, applications=("web", "backgroundjobs"))
    story.begin()
    seen, before = story.fleet.observe("web"), story.fleet.world.weights(story.fleet.routes["web"].arn)
    story.says(lambda: 0.9 if story.share("web") >= Fraction(3, 10) else 0.0)
    story.move()
    status = story.until({"": "Failed", "web": "Failed", "backgroundjobs": "Pending"})
    assert_is_back(story, status, "web", "dd")
    new = [story.fleet.groups[each] for each in story.cluster("web", SECOND)]
    assert max(seen.shares(new)) == Fraction(3, 10)
    now = story.fleet.world.weights(story.fleet.routes["web"].arn)
    assert {arn: weight for arn, weight in now.items() if weight} == before


def test_a_postcheck_that_fails_puts_everything_back(story: Story) -> None:
    story = replace(story, applications=WEB)

    def with_postcheck(spec: dict[str, Any]) -> None:
        spec["applications"][0]["postchecks"] = [{"name": "orders-come-in", "analysis": analysis(story.url, min=1)}]

    story.change = with_postcheck
    story.begin()
    seen = story.fleet.observe("web")
    story.move()
    assert_is_back(story, story.until({"": "Failed", "web": "Failed"}), "web", "orders-come-in")
    assert max(seen.shares([story.fleet.groups[each] for each in story.cluster("web", SECOND)])) == 1


def test_a_cluster_that_never_gets_ready_fails_the_cell_before_anything_moves(story: Story) -> None:
    late = story.cluster("web", SECOND)[1]
    story = replace(story, applications=WEB, down={late: {"status": "CREATING"}})

    def impatient(spec: dict[str, Any]) -> None:
        (each,) = [each for each in spec["clusters"] if each["name"] in story.down]
        each["readyTimeout"] = "3s"

    story.change = impatient
    story.begin()
    seen = story.fleet.observe("web")
    story.move()
    status = story.until({"": "Failed"})
    assert late in status["message"]
    assert len(seen.seen) == 1
    story.is_on(FIRST)


def test_an_application_set_that_is_never_reconciled_fails_the_application(story: Story) -> None:
    story = replace(story, applications=WEB, change=lambda spec: spec.update(healthTimeout="5s"))
    story.begin()
    story.fleet.argocd.sets.freeze()
    story.move()
    status = story.until({"": "Failed", "web": "Failed"})
    story.fleet.argocd.sets.thaw()
    assert_is_back(story, status, "web", "Not Synced and Healthy within 5 s")


def test_an_application_that_is_degraded_fails_before_any_traffic_goes_there(story: Story) -> None:
    story = replace(story, applications=WEB, change=lambda spec: spec.update(healthTimeout="1h"))
    story.begin()
    seen = story.fleet.observe("web")
    broken = f"{story.sets['web']}-{story.name}-{story.cluster('web', SECOND)[1]}"
    story.fleet.argocd.applications.broken[broken] = degraded()
    story.move()
    story.until_it_says("web", "Degraded")
    story.edit(healthTimeout="1s")
    status = story.until({"": "Failed", "web": "Failed"})
    assert_is_back(story, status, "web", "Degraded")
    assert len(seen.seen) == 1


def test_labels_that_somebody_takes_off_a_secret_are_put_back_before_argo_cd_notices(story: Story) -> None:
    story = replace(story, applications=WEB)
    story.begin()
    fleet = story.fleet
    path = ("-n", fleet.argocd.namespace, "secret", f"{story.name}-{story.cluster('web', FIRST)[0]}")
    fleet.argocd.sets.freeze()
    fleet.okra.controllers.cluster.kubectl("label", *path, "myservice-role-")

    def label() -> str:
        return fleet.okra.controllers.cluster.kubectl(
            "get", *path[:2], *path[2:], "-o", "jsonpath={.metadata.labels.myservice-role}"
        )

    eventually(label, lambda seen: seen == story.sets["web"])
    fleet.argocd.sets.thaw()
    story.is_on(FIRST)
    events = fleet.okra.controllers.events  # written beside everything else
    eventually(lambda: [each["reason"] for each in events(f"{story.name}-web")], lambda seen: "PublishedAgain" in seen)
