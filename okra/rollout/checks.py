"""One series of checks: asked for, awaited, counted (DESIGN §5.5, §7)."""

from __future__ import annotations

from dataclasses import replace

from okra.rollout.effects import RunChecks
from okra.rollout.looking import look
from okra.rollout.observation import SeriesResult, Verdict
from okra.rollout.policy import OnFailure
from okra.rollout.start import present_share
from okra.rollout.state import FORWARD, INCONCLUSIVE, Failure, Outcome, Phase, RolloutKind
from okra.rollout.turn import Turn
from okra.rollout.words import percent, sentence


def results(turn: Turn) -> dict[str, SeriesResult]:
    """The verdicts of the present series. Those of any other attempt are not evidence."""
    token = turn.rollout.token
    return {result.check: result for result in turn.obs.results if result.token == token}


def passed(turn: Turn, checks: tuple[str, ...], not_before: float) -> bool:
    """Has one series of these checks passed, and did the weights stay the same while it ran? Asks for it if need be."""
    found = results(turn)
    if not all(name in found and found[name].verdict is Verdict.PASSED for name in checks):
        if turn.obs.requested != turn.rollout.token:
            turn.effects.append(RunChecks(checks, turn.rollout.token, not_before))
        return False
    return look(turn, max((found[name].at for name in checks), default=0.0))


def last_passed_at(turn: Turn) -> float | None:
    """When the series before this one ended, as far as this process knows."""
    token = replace(turn.rollout.token, series=turn.rollout.series - 1)
    return max((result.at for result in turn.obs.results if result.token == token), default=None)


def judged(turn: Turn) -> bool:
    """A check of the present series has failed, or can't tell: revert, or wait for a person."""
    if turn.state.phase not in FORWARD or (turn.drifted and not present_share(turn)):
        return False
    found = results(turn)
    failed = [result for result in found.values() if result.verdict is Verdict.FAILED]
    unclear = [result for result in found.values() if result.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR)]
    reverting = [result for result in unclear if result.check in turn.policy.revert_when_inconclusive]
    if failed or reverting:
        return _failed(turn, (failed or reverting)[0])
    if unclear and turn.state.hold is None and not turn.rollout.promoted:
        first = unclear[0]
        said = f"Check {first.check} is inconclusive: {sentence(first.message)}"
        said = f"{said} To measure again: okra retry {turn.policy.name}"
        turn.hold(INCONCLUSIVE, said)
    return False


def _failed(turn: Turn, result: SeriesResult) -> bool:
    stage = _stage(turn)
    said = sentence(f"Check {result.check} failed at {_where(turn)}: {result.message}")
    if stage == "PrecheckFailed" and _tries_again(turn, said):
        return True
    failure = Failure(stage, said, turn.now, block=turn.rollout.kind is RolloutKind.CANARY)
    if turn.policy.on_failure is OnFailure.STOP and stage != "PrecheckFailed":
        stop(turn, failure)
    else:
        # Who measures tells each verdict; that the prechecks' time is over, nobody else knows.
        turn.fail(replace(failure, set_aside=not failure.block), told=stage != "PrecheckFailed")
    return False


def _stage(turn: Turn) -> str:
    if turn.state.phase is Phase.GATE:
        return "PrecheckFailed"
    return "PostcheckFailed" if turn.rollout.step > len(turn.rollout.plan) else "CheckFailed"


def _where(turn: Turn) -> str:
    share = turn.rollout.current.share
    return "the gate" if turn.state.phase is Phase.GATE else percent(share)


def _tries_again(turn: Turn, said: str) -> bool:
    """A failed precheck is measured again until `onFailure.delay` is over: nothing carries traffic yet."""
    since = turn.rollout.failing_since
    if since is None:
        since = turn.now
        turn.set_rollout(failing_since=since)
    ends = since + turn.policy.failure_delay
    if turn.now >= ends:
        return False
    seconds = f"{turn.policy.failure_delay:g}"
    turn.report("PrecheckFailed", f"{said} Waiting {seconds} seconds before starting a rollback.")
    again = max(result.at for result in results(turn).values()) + min(turn.policy.check_interval, 10.0)
    if turn.now >= again:
        turn.set_rollout(attempt=turn.rollout.attempt + 1)
    turn.wake_at(min(again, ends) if turn.now < again else turn.now)
    return True


def stop(turn: Turn, failure: Failure) -> None:
    """`onFailure: Stop`: the weights stay; from now on the canary's share only falls."""
    turn.set_rollout(failure=failure, outcome=Outcome.STOPPED)
    if failure.block:
        turn.block(turn.rollout.version, failure.message)
    turn.set(phase=Phase.STOPPED, hold=None)
    turn.emit("Stopped", f"{failure.message} The weights stay as they are (onFailure: Stop).", "Warning")
