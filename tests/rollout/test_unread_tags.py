"""Whose a route is can't be read: what takes traffic off a failed version waits for a question, not for its answer."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.effects import Claim, Effect
from okra.rollout.observation import Problem
from tests.rollout.cases import at, cell, edit, ended, once, reasons, say, share, writes
from tests.rollout.process import DROPPED, Process
from tests.rollout.world import canary_plan

HALF = Fraction(1, 2)
THROTTLED = Problem("Throttled", "DescribeTags is throttled.", fatal=False)


class Untold(Process):
    """From `silent` on, no question for the owner is answered."""

    silent = False

    def execute(self, effect: Effect) -> bool:
        if self.silent and isinstance(effect, Claim):
            self.see(problems={**self.obs.problems, effect.route: THROTTLED})
            self.waits_for_store, self.wake = True, self.world.now + 1.0  # what failed is tried again later
            return False
        return super().execute(effect)

    def hush(self) -> None:
        self.silent = True
        self.see(owners={})


def failed() -> Untold:
    """A rollout that ended in a revert a while ago, its version blocked."""
    calm = cell()
    p = Untold(calm.world, calm.policy)
    at(p, HALF)
    say(p, "abort")
    ended(p)
    p.run(5)
    p.hush()
    return p


def test_weight_on_a_blocked_version_is_put_back_though_the_owner_cannot_be_read() -> None:
    p = failed()
    edit(p, a1=1, b1=1)
    p.run(60)
    assert share(p) == 0


def test_what_landed_late_and_was_taken_for_asked_is_put_back_too() -> None:
    p = failed()
    p.restart()
    edit(p, a1=1, b1=1)
    p.run(90)
    assert share(p) == 0


def test_a_known_other_owner_stops_it() -> None:
    p = failed()
    edit(p, a1=1, b1=1)
    p.see(owners={"r": "other/default/web"})
    p.run(60)
    assert (share(p), p.state.condition.reason) == (HALF, "RouteConflict")


def test_traffic_that_somebody_gave_to_a_version_that_did_not_fail_waits_for_the_answer() -> None:
    p = failed()
    p.world.add("0.9.0", "z1")
    p.discover()
    edit(p, a1=1, z1=1)
    p.run(60)
    assert share(p, "0.9.0") == HALF
    p.silent = False
    p.run(60)
    assert share(p, "0.9.0") == 0


def test_a_lost_write_that_lowers_the_canary_is_made_again_without_the_answer() -> None:
    calm = cell(plan=canary_plan(50, 100, 600.0))
    p = Untold(calm.world, calm.policy)
    at(p, HALF)
    edit(p, b1=9)
    p.fault = once(DROPPED)
    p.until(lambda: "WeightsPutBack" in reasons(p))
    p.hush()
    before = len(writes(p))
    p.run(60)
    assert (share(p), len(writes(p)) > before) == (HALF, True)
