"""What ends a rollout from outside its plan, in the order of its weight (DESIGN §5)."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout import health, late
from okra.rollout.asking import READ_BEFORE, unfit_message
from okra.rollout.census import wanted
from okra.rollout.creating import absent
from okra.rollout.distribution import raised
from okra.rollout.drift import check_routes
from okra.rollout.effects import Release
from okra.rollout.looking import just_swept
from okra.rollout.observation import ABSENT, WriteOutcome
from okra.rollout.policy import OnNewerVersion
from okra.rollout.reach import all_gone, out_of_reach
from okra.rollout.start import present_share
from okra.rollout.state import FORWARD, MOST_WARNINGS, RUNNING, Failure, Outcome, Phase, RolloutKind
from okra.rollout.turn import Turn
from okra.rollout.versions import newer
from okra.rollout.words import percent

FOR_GOOD = 3
"""Refusals in a row after which a write counts as failed for good, and takes the other routes back."""


def deleted(turn: Turn) -> bool:
    """A deleted Cell, or one that is this Okra's no more, reverts what moves, then lets go."""
    if not turn.obs.deleting:
        return False
    reason, why = "Deleting", "The Cell is being deleted"
    if turn.obs.unselected:
        reason, why = "NotSelected", "This Okra's selector doesn't match the Cell any more"
    if turn.state.phase in RUNNING:
        said = f"{why}, in the rollout of {turn.rollout.version}."
        _withdraw(turn, Failure("CellDeleted" if reason == "Deleting" else reason, said, turn.now))
    if all_gone(turn):
        turn.report(reason, f"{why}. The routes exist no more: there is nothing to put back.")
        turn.effects += [Release()] if turn.obs.may_write else []
        return True
    if turn.state.phase is not Phase.IDLE:
        return False
    if late.may_land(turn.state, turn.now) and not out_of_reach(turn):
        turn.report(reason, f"{why}. Waiting until no write of unknown outcome can land any more.")
        check_routes(turn)
        return True
    turn.report(reason, f"{why}. Nothing moves; the weights stay as they are.")
    if turn.obs.may_write:
        turn.effects.append(Release())
    else:
        turn.opens_later()
    return True


def _withdraw(turn: Turn, failure: Failure, outcome: Outcome = Outcome.WITHDRAWN) -> None:
    turn.fail(Failure(failure.reason, failure.message, failure.at, outcome, block=False, set_aside=False))


def unhealthy(turn: Turn) -> bool:
    """A canary group that carries traffic showed too few healthy targets three times in a row."""
    if turn.state.phase not in RUNNING or turn.first:
        return False
    for _, route, reading in turn.routes:
        carrying = [arn for arn in raised(route, reading.weights) if arn in route.canary]
        bad = [arn for arn in carrying if health.unhealthy(turn.obs, arn, turn.need(route, arn) or 1)]
        if bad:
            said = f"Unhealthy under traffic: {unfit_message(turn, route, bad)}"
            block = turn.rollout.kind is RolloutKind.CANARY
            turn.fail(Failure("CanaryUnhealthy", said, turn.now, block=block, set_aside=not block))
            return False
    return False


def withdrawn(turn: Turn) -> bool:
    """A canary group vanished or lost its tag: there is no such version any more; nothing is blocked. Of the
    others that a goal names those count that are still to be attached: what is on the route exists."""
    if turn.state.phase not in RUNNING or turn.obs.groups is None:
        return False
    version = turn.rollout.version
    if turn.distributes and turn.policy.pin != version:
        return False  # the spec names other groups now: `superseded`
    for _, route, reading in turn.routes:
        needed = {*route.canary, *(arn for arn in route.goal if arn not in reading.weights)}
        gone = needed.difference(turn.censuses[route.key].versions.get(version, ()))
        if gone:
            said = f"{len(gone)} of {len(needed)} target groups of {version} vanished or lost their label."
            _withdraw(turn, Failure("Withdrawn", said, turn.now))
            return False
    return False


def vanished(turn: Turn) -> bool:
    """A rule that Okra can make again is gone: what moved goes back, and begins anew on the one that is made; but where
    a person is waited for, not before they resume."""
    hold = turn.state.hold
    if turn.state.phase in FORWARD and (gone := absent(turn)) and just_swept(turn, READ_BEFORE):
        _withdraw(turn, Failure(ABSENT, f"{', '.join(gone)} exists no more.", turn.now))
        turn.set(hold=hold)
    return False


def out_of_spec(turn: Turn) -> bool:
    """An edit took a moving route out of the spec: the traffic goes back first."""
    keys = {route.key for route in turn.policy.routes}
    if turn.policy.problem is None and turn.state.phase in RUNNING and set(turn.route_policies) != keys:
        said = "The spec names other routes now; reverting the old first."
        _withdraw(turn, Failure("RouteChanged", said, turn.now))
    return False


def superseded(turn: Turn) -> bool:
    """A newer version, or another pin, in mid-rollout."""
    if turn.state.phase not in (Phase.GATE, Phase.STEP) or turn.rollout.kind is not RolloutKind.CANARY:
        return False
    version, pin = turn.rollout.version, turn.policy.pin
    if pin == version:
        return False
    want = wanted(turn.policy, turn.state, turn.censuses.values(), turn.obs)
    back = pin is not None and newer(pin, version) is not True
    if not back and (want.version is None or want.version == version or newer(want.version, version) is False):
        return False
    restarts = turn.policy.on_newer_version is OnNewerVersion.RESTART and present_share(turn) < Fraction(1, 2)
    if back or restarts:
        to = pin or want.version
        said = f"{version} gives way to {to} at {percent(present_share(turn))} of the traffic."
        _withdraw(turn, Failure("Superseded", said, turn.now), Outcome.SUPERSEDED)
    return False


def refused_for_good(turn: Turn) -> bool:
    """A write that AWS refuses again and again on one of several routes takes the others back."""
    if turn.state.phase not in RUNNING or len(turn.state.routes) < 2 or turn.first:
        return False
    for key, write in turn.obs.writes.items():
        problem = write.problem
        if write.outcome is WriteOutcome.REFUSED and write.failures >= FOR_GOOD and problem and problem.fatal:
            said = f"{key} refuses its weights: {problem.message}"
            turn.fail(Failure(problem.reason, said, turn.now, block=False, set_aside=True))
            return False
    return False


def deadline(turn: Turn) -> bool:
    """The rollout takes longer than `progressDeadline`: said, and reverted only if asked for."""
    limit = turn.policy.progress_deadline
    if limit is None or turn.state.phase not in (Phase.STEP, Phase.BAKE) or turn.watch.total < limit:
        return False
    said = f"No end after {limit:g} watched seconds."
    if not turn.policy.deadline_reverts:
        if said not in turn.state.warnings:
            turn.set(warnings=(*turn.state.warnings, said)[-MOST_WARNINGS:])
            turn.emit("ProgressDeadlineExceeded", said, "Warning")
    elif not turn.first:
        turn.fail(Failure("ProgressDeadlineExceeded", said, turn.now, block=turn.rollout.kind is RolloutKind.CANARY))
    return False
