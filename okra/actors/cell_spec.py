"""What a Cell's object asks for: the policy that the core decides by, and the routes that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from okra.actors.cell_routes import account_of, labels_of, listed_of, records_of, ref_of_key, refs_of, with_pin
from okra.actors.messages import Subscribe
from okra.api.alb import ALB
from okra.api.cell import Cell
from okra.api.parse import parse
from okra.api.records import is_record
from okra.ports import Account, Object, RouteRef
from okra.rollout.compile import compile_policy, invalid, without_spec
from okra.rollout.compile_alb import as_cell, compile_alb
from okra.rollout.policy import Policy

if TYPE_CHECKING:
    from okra.actors.cell import CellActor


class Spec:
    def __init__(self, cell: CellActor) -> None:
        self._cell, self._wiring = cell, cell.wiring
        self.model: Cell | None = None
        """An ALB's as a Cell's. None: it is invalid; `policy` says why."""
        self.policy: Policy = invalid(())
        self.refs: dict[str, RouteRef] = {}
        """The spec's routes, and those of `status` that it doesn't name (any more), by key."""
        self._subscribed: Subscribe | None = None

    @property
    def present_policy(self) -> Policy:
        """What the Cell asks for, unless every Cell is paused."""
        held = self._wiring.held()
        return replace(self.policy, paused=True, held_by=held) if held else self.policy

    @property
    def account(self) -> Account:
        """For what isn't a route's own: metrics. Records are nowhere, so the region is the spec's, or Okra's."""
        balancers = (ref.account for ref in self.refs.values() if not is_record(ref.key))
        return next(balancers, account_of(self._cell.record.object) if self.refs else Account())

    def read(self, obj: Object) -> None:
        """The object is now this one."""
        model, findings = parse(obj)
        wiring = self._wiring
        match model:
            case Cell():
                self.model, policy = model, compile_policy(model, wiring.defaults, wiring.no_clusters)
            case ALB():
                self.model, policy = as_cell(model), compile_alb(model, wiring.defaults)
            case _:
                self.model, policy = None, invalid(findings)
        if policy.problem is not None:
            policy = without_spec(policy, self._wiring.defaults, *self._cell.key, self._cell.kind.kind)
        self.policy = policy
        claims = self._cell.sight.claims
        claims.own = self.policy.owner
        claims.wrote_before([route.key for route in self._cell.record.state.routes if route.serial])
        self.reroute()

    def reroute(self) -> None:
        """The routes of the spec or of `status`, or the rules that they are, are others than before."""
        account = account_of(self._cell.record.object)
        named = refs_of(self.model, account) if self.model is not None and self.policy.problem is None else {}
        routes = self._cell.record.state.routes
        known = {route.key: ref_of_key(account, route.key) for route in routes}
        pinned = {route.key: route.arn for route in routes}
        self.refs = {key: with_pin(ref, pinned.get(key, "")) for key, ref in {**known, **named}.items()}
        self._cell.sight.keep_routes(self.refs)
        self._subscribe()

    def _subscribe(self) -> None:
        cell = self._cell
        refs = tuple(self.refs.values()) if self.policy.problem is None else ()
        created = cell.record.object["metadata"].get("creationTimestamp", "")
        labels, of_records = labels_of(self.model), records_of(self.model, account_of(cell.record.object))
        listed = frozenset((*listed_of(self.model), *of_records))
        wanted = Subscribe(cell.ref, cell.seat, created, self.policy.owner, refs, labels, listed)
        if wanted != self._subscribed:
            self._subscribed = wanted
            cell.tell_discovery(wanted)
