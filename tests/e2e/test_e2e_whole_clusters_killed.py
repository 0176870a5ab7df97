"""Okra is killed at every write about whole clusters that says something new: there, back, there again. The same end.

Who is killed at a stage of an application, at a phase of a child, at the labels of a secret, is followed by the next
one, which goes on until it writes what nobody was killed at yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from tests.chaos.killed import NEVER
from tests.chaos.mortal import Lost, Mortal
from tests.chaos.shielded import shields
from tests.e2e.story import FIRST, SECOND, Story, analysis
from tests.scenarios.killed import AFTER, EFFECTS

pytestmark = [pytest.mark.timeout(900)]

THERE = ("Init Syncing", "Migrating Syncing", "Completing Syncing", "Completed Synced")
BACK = ("Error Reverting", "Error Failed")
TOLD_OF_WEB = (
    *(f"(web: {each}" for each in (*THERE, "Migrating CheckFailed", *BACK)),
    *(f"machine Step weight {each}% {how}" for each in (50, 100) for how in ("asked", "confirmed")),
    "machine Revert weight 0% asked",
)
OF_WEB = (
    *TOLD_OF_WEB,
    *("cells/mysystem: finalizers ['", "cells/mysystem: finalizers []", "controllerrevisions/"),
    *(f"argocdclusters/mysystem-mycluster-web-{each}-v2: made" for each in (1, 2)),
    *(f"secrets/mysystem-mycluster-web-{each}-v2: {how}myservice-role" for each in (1, 2) for how in "+-"),
    *(f"secrets/mysystem-mycluster-web-{each}-v1: -myservice-role" for each in (1, 2)),
    *("argocdapplicationdeployments/mysystem-web: spec", "cells/mysystem-web: spec"),
    *("cells/mysystem-web: finalizers ['", "cells/mysystem-web: finalizers []"),
)
OF_WORKERS = (
    *(f"(backgroundjobs: {each}" for each in (*THERE, "Completing PostcheckFailed", *BACK)),
    *("checks/mysystem-run-test: spec", "jobs/mysystem-run-test-"),
    *(f"secrets/mysystem-mycluster-backgroundjobs-v{each}: {how}myservice-role" for each in (1, 2) for how in "+-"),
)


@contextmanager
def mortal_okra(story: Story, lost: Lost) -> Iterator[Mortal]:
    """In the place of the one that there is."""
    controllers = story.fleet.okra.controllers
    controllers.started[-1].kill()
    environ = {
        **controllers.aws,
        **controllers.settings,
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", EFFECTS), os.devnull),
        "OKRA_NAMESPACE": controllers.namespace,
        "OKRA_LEADER_ELECT": "false",
        "PATH": os.environ["PATH"],
        AFTER: str(NEVER),
    }
    with shields(controllers.cluster, controllers.folder) as made:
        shield, log = made.make(controllers.namespace), controllers.folder / "mortal.log"
        mortal = Mortal(shield, environ, log, lost)
        try:
            yield mortal
        except AssertionError as error:
            raise AssertionError(f"{error}\n{mortal.said()}") from None
        mortal.end()


def there_and_back_and_there(story: Story, lost: Lost) -> list[str]:
    """What the metrics say of the second version is bad at first. Returns where Okra was killed."""
    (application,) = story.applications
    story.says(lambda: 0.9)
    with mortal_okra(story, lost) as mortal:
        story.move()
        mortal.live(until=lambda: over(story, "Failed"))
        story.is_on(FIRST)
        story.says(lambda: 0.0)
        story.fleet.okra.controllers.command("retry", name=story.name)
        mortal.live(until=lambda: over(story, "Synced"))
        story.is_on(SECOND)
    found = story.application(story.fleet.status(), application)
    assert found["attempt"] == 3, "one a move"
    return mortal.killed


def over(story: Story, phase: str) -> bool:
    """It is at rest in this phase, and nothing is left to do."""
    found = story.fleet.okra.controllers.find(story.name)
    status = found.get("status") or {}
    fresh = status.get("observedGeneration") == found["metadata"]["generation"]
    rests = fresh and status["phase"] == phase and not found["metadata"].get("finalizers")
    return rests and not any(each.get("former") for each in status["applications"])


def not_among(killed: list[str], wanted: tuple[str, ...]) -> list[str]:
    return [each for each in wanted if not any(each in boundary for boundary in killed)]


@pytest.mark.parametrize(("lost", "boundaries"), [(Lost.WRITE, TOLD_OF_WEB), (Lost.ANSWER, OF_WEB)], ids=[*Lost])
def test_a_kill_at_every_write_leads_to_the_same_end(story: Story, lost: Lost, boundaries: tuple[str, ...]) -> None:
    def by_halves(spec: dict[str, Any]) -> None:
        spec["applications"][0]["alb"]["updateStrategy"]["stepWeight"] = 50

    story = replace(story, applications=("web",), change=by_halves)
    story.begin()
    seen = story.fleet.observe("web")
    killed = there_and_back_and_there(story, lost)
    assert not_among(killed, boundaries) == [], killed
    new = [story.fleet.groups[each] for each in story.cluster("web", SECOND)]
    shares = [share for share, _ in groupby(seen.shares(new))]
    assert [int(share * 100) for share in shares] == [0, 50, 0, 50, 100]


def test_a_kill_at_every_write_never_has_two_clusters_run_the_workers(story: Story) -> None:
    def judged(spec: dict[str, Any]) -> None:
        spec["applications"][0]["postchecks"] = [{"name": "done", "analysis": analysis(story.url, max=0.1)}]

    story = replace(story, applications=("backgroundjobs",), change=judged)
    story.begin()
    killed = there_and_back_and_there(story, Lost.ANSWER)
    assert not_among(killed, OF_WORKERS) == [], killed
