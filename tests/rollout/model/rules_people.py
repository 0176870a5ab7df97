"""What people do: edits of the weights, of the spec, commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from okra.rollout.commands import VERBS
from okra.rollout.observation import Command
from okra.rollout.policy import OnDrift, OnFailure, bare
from okra.rollout.state import RouteState
from okra.rollout.weights import share_of
from tests.rollout.model.base import PLANS, VERSIONS, Base
from tests.rollout.world import ABORT, PERSON, On, heaviest

ROUTE = st.integers(0, 2)
ODD = st.sampled_from((1, 7, 31))
"""Out of a prime number: no step asks for such a share."""


def prime(key: str) -> int:
    return 251 if heaviest(key) < 997 else 997


class PeopleRules(Base):
    def somebody_sets(self, route: RouteState, weights: Mapping[str, int]) -> None:
        """What AWS takes. It is an abort when it takes traffic off the canary and Okra's last write has arrived."""
        if self.world.refusal(route.key, weights):
            return
        state = self.live.state
        before, after = (share_of(w, route.canary) for w in (self.world.routes[route.key], weights))
        settled = all(
            r.confirmed_at is not None for s in (state, self.world.stored) for r in s.routes if r.key == route.key
        )
        alone = self.stale is None and not self.live.late and not self.live.unsaved
        aborts = state.rollout is not None and state.moving and after < before and settled and alone
        author = f"{ABORT} {state.rollout.number}" if aborts and state.rollout else PERSON
        self.person_wrote = True
        self.world.write(route.key, weights, author)

    def route(self, pick: int) -> RouteState | None:
        routes = self.live.state.routes
        return routes[pick % len(routes)] if routes else None

    @precondition(lambda self: any(route.canary for route in self.live.state.routes))
    @rule(pick=ROUTE, odd=st.one_of(st.just(0), ODD))
    def somebody_takes_traffic_off_the_canary(self, pick: int, odd: int) -> None:
        if (route := self.route(pick)) and route.stable and route.canary:
            shown = self.world.routes[route.key]
            canary = [arn for arn in route.canary if arn in shown]
            stable = [arn for arn in route.stable if arn in shown]
            if canary and stable:
                weights = dict.fromkeys(shown, 0) | {stable[0]: prime(route.key) - odd} | {canary[0]: odd}
                self.somebody_sets(route, weights)

    @rule(pick=ROUTE, odd=ODD)
    def somebody_feeds_the_canary(self, pick: int, odd: int) -> None:
        if (route := self.route(pick)) and route.stable:
            shown = self.world.routes[route.key]
            fed = [arn for arn in shown if arn not in route.stable]
            if fed:
                self.somebody_sets(route, dict.fromkeys(shown, odd) | {fed[0]: heaviest(route.key) - 25})

    @precondition(lambda self: any(route.retained for route in self.live.state.routes))
    @rule(pick=ROUTE)
    def somebody_goes_back_to_what_is_retained(self, pick: int) -> None:
        if (route := self.route(pick)) and route.retained:
            shown = self.world.routes[route.key]
            back = [arn for arn in route.retained if arn in shown]
            if back:
                self.somebody_sets(route, dict.fromkeys(shown, 0) | dict.fromkeys(back, 1))

    @rule(pick=ROUTE, weight=st.sampled_from((0, 0, 5)))
    def somebody_attaches_a_group_of_their_own(self, pick: int, weight: int) -> None:
        if route := self.route(pick):
            arns = self.new_groups(None, route.key, 1)
            self.somebody_sets(route, self.world.routes[route.key] | {arns[0]: weight})

    @rule(pick=ROUTE, which=st.integers(0, 4), idle=st.booleans())
    def somebody_detaches_a_group(self, pick: int, which: int, idle: bool) -> None:
        if route := self.route(pick):
            shown = self.world.routes[route.key]
            groups = [arn for arn, weight in shown.items() if not idle or not weight]
            if groups:
                gone = groups[which % len(groups)]
                self.somebody_sets(route, {arn: weight for arn, weight in shown.items() if arn != gone})

    @rule(pick=ROUTE, weights=st.lists(st.integers(0, 9), min_size=4, max_size=4))
    def somebody_shifts_between_stable_groups(self, pick: int, weights: list[int]) -> None:
        if route := self.route(pick):
            shown = self.world.routes[route.key]
            stable = [arn for arn in shown if arn in route.stable]
            self.somebody_sets(route, shown | dict(zip(stable, weights, strict=False)))

    # -- the spec --------------------------------------------------------------------------------------------------

    @rule(
        change=st.one_of(
            st.fixed_dictionaries({"pin": st.sampled_from((None, None, *VERSIONS, "9.9.9"))}),
            st.fixed_dictionaries({"paused": st.booleans()}),
            st.fixed_dictionaries({"plan": st.sampled_from(PLANS), "retain_for": st.sampled_from((0.0, 60.0))}),
            st.fixed_dictionaries({"on_drift": st.sampled_from(OnDrift), "on_failure": st.sampled_from(OnFailure)}),
            st.fixed_dictionaries({"replicas": st.integers(1, 4)}),
        )
    )
    def edit_spec(self, change: dict[str, Any]) -> None:
        self.edit(**change)

    @precondition(lambda self: len(self.policy.routes) == 1)
    @rule(back=st.sampled_from((True, True, False)))
    def replace_the_route(self, back: bool) -> None:
        key = self.first if back else "spare"
        self.edit(routes=(replace(bare(key), selects=On(key)),))

    # -- commands --------------------------------------------------------------------------------------------------

    @rule(
        verb=st.sampled_from((*VERBS, "retry", "abort", "explode")),
        arg=st.sampled_from(("", "", "", "1.0.0", "1.1.0", "nonsense")),
        same=st.sampled_from((False, False, True)),
    )
    def command(self, verb: str, arg: str, same: bool) -> None:
        before = self.world.commands[-1].id if same and self.world.commands else None
        self.world.commands.append(Command(before or f"c{len(self.world.commands)}", verb, arg, "ann"))
        self.live.see(commands=tuple(self.world.commands))

    @rule(what=st.sampled_from(("may write", "may write", "read-only", "delete")), odds=st.integers(0, 2))
    def read_only_or_deleted(self, what: str, odds: int) -> None:
        if what == "delete" and not odds:
            self.live.see(deleting=True)
        else:
            self.live.see(may_write=what != "read-only")
