"""Ways back of whole clusters: a person's rollback, and that of a failed spec which had changed more than clusters."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.e2e.story import FIRST, SECOND, Story
from tests.scenarios.eventually import eventually

pytestmark = [pytest.mark.timeout(900)]

TIER = "myservice-tier"


def test_a_rollback_brings_everything_back_in_one_step_and_an_edit_does_not_undo_it(story: Story) -> None:
    story = replace(story, applications=("web", "backgroundjobs"))
    fleet, cli = story.fleet, story.fleet.okra.controllers.cli
    story.begin()
    story.move()
    story.synced()
    story.is_on(SECOND)
    seen = fleet.observe("web")
    story.says(lambda: 0.9)  # whoever asked would fail
    said = cli("rollback", story.name, "--wait", "60s")
    assert said.returncode == 0, said.stderr
    assert "Rolling back to revision 1" in said.stdout
    status = eventually(lambda: fleet.status(name=story.name), lambda found: found.get("reason") == "RolledBack")
    assert (status["phase"], status["rolledBackTo"]["revision"]) == ("Synced", 1)
    assert fleet.okra.condition(story.name, "Ready")["status"] == "False"
    assert "an edit of the spec ends that" in cli("status", story.name).stdout
    story.is_on(FIRST)
    old = [fleet.groups[each] for each in story.cluster("web", FIRST)]
    assert list(dict.fromkeys(seen.shares(old))) == [0, 1]
    assert len(set(fleet.traffic("web").values())) == 1
    fleet.okra.kubectl("patch", story.plural, story.name, "--type=merge", "-p", '{"spec": {"retainFor": "2s"}}')
    status = story.until({"": "Failed", "web": "Failed"})
    assert "is blocked: it failed, or was rolled back from" in status["message"]
    story.is_on(FIRST)


def test_the_way_back_of_a_failed_spec_is_by_the_labels_and_the_check_that_worked(story: Story) -> None:
    story = replace(story, applications=("web",))
    fleet = story.fleet

    def changed(spec: dict[str, Any]) -> None:
        (web,) = spec["applications"]
        web["argocd"]["clusterSecret"]["labels"][TIER] = "new"
        for check in web["checks"]:
            check["analysis"]["provider"]["web"]["url"] += "?new"

    story.change = changed
    story.begin()
    before = told(story)
    weights = fleet.world.weights(fleet.routes["web"].arn)
    story.says(lambda: 0.9 if story.share("web") >= Fraction(3, 10) else 0.0)
    story.move()
    status = story.until({"": "Failed", "web": "Failed"})
    assert "dd" in status["message"]
    assert story.share("web") == 0
    now = fleet.world.weights(fleet.routes["web"].arn)
    assert {arn: weight for arn, weight in now.items() if weight} == weights
    assert told(story) == before
    story.is_on(FIRST)
    eventually(lambda: labels(story), lambda found: found.isdisjoint({TIER}))


def told(story: Story) -> dict[str, Any]:
    """What of the children's specs isn't about clusters."""
    name = f"{story.name}-web"
    cell, deployment = (
        json.loads(story.fleet.okra.kubectl("get", plural, name, "-o", "json"))["spec"]
        for plural in (story.plural, "argocdapplicationdeployments.okra.mumoshu.github.io")
    )
    return {"checks": cell["checks"], "argocd": {key: deployment[key] for key in ("clusterSecret", "applicationSet")}}


def labels(story: Story) -> set[str]:
    """Of the secrets of the clusters of the first version."""
    names = [f"{story.name}-{each}" for each in story.cluster("web", FIRST)]
    kubectl, namespace = story.fleet.okra.controllers.cluster.kubectl, story.fleet.argocd.namespace
    found = json.loads(kubectl("-n", namespace, "get", "secrets", *names, "-o", "json"))["items"]
    return {label for each in found for label in each["metadata"]["labels"]}
