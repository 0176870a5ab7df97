"""Any history of edits, failures, commands, pauses and kills of two applications, in lockstep or not: the world judges
each moment, and in the end all is where the spec wants it."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from okra.applications.state import Phase
from okra.rollout.observation import Command
from tests.applications.test_complex_lockstep import API_NEW, API_OLD, pair, placed
from tests.applications.world import NEW, OLD, World, synced, world

WEB, API = (OLD, NEW), (API_OLD, API_NEW)
EVERYWHERE = world(*pair(OLD, API_OLD), *pair(NEW, API_NEW)).policy.clusters
EDIT = st.tuples(st.just("edit"), st.sampled_from([(0, 0), (1, 1), (0, 1), (1, 0)]), st.booleans())
FAIL = st.tuples(st.just("fail"), st.sampled_from(["web", "api", "both", "none"]))
COMMAND = st.tuples(st.just("command"), st.sampled_from(["retry", "abort"]))
PAUSE = st.tuples(st.just("pause"), st.booleans())
KILL = st.tuples(st.just("kill"), st.integers(1, 9))
WAIT = st.tuples(st.just("wait"), st.sampled_from([10.0, 20.0, 40.0, 80.0, 300.0]))
VERSIONS = {"web": "+".join(NEW), "api": "+".join(API_NEW), "both": "+".join((*NEW, *API_NEW))}


def one(w: World, number: int, step: tuple[object, ...]) -> None:
    match step:
        case ("edit", (int(first), int(second)), bool(lockstep)):
            w.want(*pair(WEB[first], API[second], lockstep=lockstep), clusters=EVERYWHERE)
        case ("fail", str(which)):
            w.fails = {v: (Phase.CHECK_FAILED, "dd failed") for name, v in VERSIONS.items() if name == which}
        case ("command", str(verb)):
            w.commands = (Command(str(number), verb),)
        case ("pause", bool(paused)):
            w.want(*w.policy.applications, paused=paused)
        case ("kill", int(effects)):
            w.dies_at = w.effects + effects
        case ("wait", float(seconds)):
            w.after(seconds)


@settings(max_examples=30, deadline=None)
@given(lockstep=st.booleans(), steps=st.lists(st.one_of(EDIT, WAIT, FAIL, COMMAND, PAUSE, KILL), max_size=10))
@example(lockstep=False, steps=[("edit", (0, 1), True), ("wait", 80.0)])
def test_whatever_happens_all_is_in_the_end_where_it_is_wanted(lockstep: bool, steps: list[tuple[object, ...]]) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=lockstep))
    for number, step in enumerate(steps):
        one(w, number, step)
    w.fails, w.dies_at = {}, 0
    w.want(*pair(OLD, API_OLD, lockstep=False), clusters=EVERYWHERE, paused=False)  # whoever is ahead goes back alone
    w.after(1500.0)
    w.want(*pair(NEW, API_NEW), clusters=EVERYWHERE)
    w.after(900.0)
    w.commands = (Command("last", "retry"),)
    w.after(1500.0)
    assert (w.state.phase, placed(w)) == (Phase.SYNCED, [NEW, API_NEW]), w.state
    assert {name: made.members for name, made in w.routes.items()} == {"web": ("web", "api")}
    assert {name: made.clusters for name, made in w.deployments.items()} == {"web": NEW, "api": API_NEW}
