"""Time that counts: deadlines and bakes count only seconds in which Okra watched (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from okra.rollout.observation import Observation
from okra.rollout.policy import Policy
from okra.rollout.state import INCONCLUSIVE, Phase, State, Watch


def until(obs: Observation, now: float) -> Observation:
    """The observation without what lies in the future, since the clock was set back.

    Moments of two clocks can't be put in order: a read "after" a write might have begun before it. So a reading is
    made again, and a write counts as not answered.
    """
    if all(at <= now for at in _moments(obs)):
        return obs
    return replace(
        obs,
        readings={key: reading for key, reading in obs.readings.items() if reading.began_at <= now},
        previous={key: reading for key, reading in obs.previous.items() if reading.began_at <= now},
        writes={key: write for key, write in obs.writes.items() if write.at <= now},
        health={arn: tuple(each for each in seen if each.began_at <= now) for arn, seen in obs.health.items()},
        swept_at=obs.swept_at if (obs.swept_at or 0.0) <= now else None,
        results=tuple(result if result.at <= now else replace(result, at=0.0) for result in obs.results),
    )


def _moments(obs: Observation) -> Iterator[float]:
    yield obs.swept_at or 0.0
    for reading in obs.readings.values():
        yield reading.began_at
    for reading in obs.previous.values():
        yield reading.began_at
    for write in obs.writes.values():
        yield write.at
    for seen in obs.health.values():
        for health in seen:
            yield health.began_at
    for result in obs.results:
        yield result.at


MOST_STRETCH = 30.0
"""Seconds: however short the budget is, a moving Cell is looked at after so many more."""


def poll(policy: Policy, state: State, obs: Observation) -> float:
    """Seconds between two looks at what moves. Where AWS's budget is short it stretches, but not a revert's."""
    return policy.poll_interval + (0.0 if state.phase is Phase.REVERT else min(obs.read_wait, MOST_STRETCH))


def watching(policy: Policy, state: State, obs: Observation, now: float) -> bool:
    """Does this process see the routes at this moment? Not when the newest readings are two polls old."""
    newest = [obs.readings.get(route.key) for route in state.routes]
    return all(reading is not None and now - reading.began_at <= 2 * poll(policy, state, obs) for reading in newest)


def advance(policy: Policy, state: State, obs: Observation, now: float) -> Watch:
    """The clocks, advanced by what was really watched: no jump of the clock, no gap over two polls."""
    watch = state.watch
    elapsed = now - watch.seen_at if watch.seen_at is not None else 0.0
    seen = 0.0 <= elapsed <= 2 * poll(policy, state, obs) and watching(policy, state, obs, now)
    added = elapsed if seen else 0.0
    return Watch(watch.step + added, watch.total + (added if _counts(policy, state) else 0.0), now)


def _counts(policy: Policy, state: State) -> bool:
    """Does time count toward the progress deadline?"""
    held = state.paused or policy.paused or (state.hold is not None and state.hold.reason != INCONCLUSIVE)
    awaits = state.rollout is not None and state.rollout.current.wait is None
    return state.phase in (Phase.STEP, Phase.BAKE) and not held and not awaits
