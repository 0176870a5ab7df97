"""A person's `rollback` of a complex Cell: which spec it goes by, and which there are to go back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from okra.actors.complex_record import ComplexRecord
from okra.actors.complex_revisions import Revision, Revisions
from okra.actors.complex_sight import ComplexSight
from okra.actors.discovery import problem_of
from okra.api.cell import Cell
from okra.api.defaults import Defaults
from okra.applications.compile import compile_policy
from okra.applications.observation import Kept
from okra.applications.policy import Application, Policy
from okra.applications.rollback import choose, in_one_step, is_over
from okra.errors import Fatal, Invalid, NotFound, OkraError
from okra.rollout.observation import Command, Problem


class Rollbacks:
    def __init__(self, record: ComplexRecord, revisions: Revisions, sight: ComplexSight, defaults: Defaults) -> None:
        self._record, self._revisions, self._sight, self._defaults = record, revisions, sight, defaults

    async def in_effect(self, cell: Cell) -> Cell:
        """The Cell by the spec that it goes by. One that is being deleted waits for none."""
        record = self._record
        if record.state.rolled_back is None:
            return cell
        if is_over(record.state, record.generation):
            await record.persist(replace(record.state, rolled_back=None))
            return cell
        try:
            return in_one_step(cell, await self._revisions.cell(record.state.rolled_back.name))
        except OkraError as error:
            if record.deleting:
                return in_one_step(cell, cell)
            if not isinstance(error, NotFound | Invalid) or record.state.rolled_back.generation == record.generation:
                raise
        await record.persist(replace(record.state, rolled_back=None))  # even in mid-move: there is nothing to go by
        return cell

    async def saved(self) -> bool:
        """Is the spec that it goes by the last one kept, or one that was?"""
        record = self._record
        return record.state.rolled_back is not None or await self._revisions.saved(record.object)

    async def kept(self, commands: Sequence[Command], policy: Policy) -> tuple[Kept, ...] | Problem:
        """For a rollback that is yet to be executed: what there is to go back to, the newest first; of the one that is
        chosen it is known whether that can be."""
        done = {each.id for each in self._record.state.commands}
        command = next((each for each in commands if each.verb == "rollback" and each.id not in done), None)
        if command is None:
            return ()
        try:
            found = [await self._kept(each) for each in await self._revisions.read()]
        except Fatal as error:
            return problem_of(error)
        chosen = choose(found, command.arg, policy, self._record.state)
        return tuple([await self._looked_at(each) if each is chosen else each for each in found])

    async def _kept(self, revision: Revision) -> Kept:
        back = self._record.state.rolled_back
        in_effect = (
            revision.data == {"spec": self._record.object["spec"]} if back is None else back.name == revision.name
        )
        if revision.cell is None:
            said = f"its spec isn't valid any more: {revision.problem}."
            return Kept(revision.name, revision.number, in_effect=in_effect, problem=said)
        policy, names = await self._asks(revision.cell), [each.name for each in revision.cell.spec.applications or ()]
        applications = tuple(map(Application, names, [()] * len(names))) if policy is None else policy.applications
        problem = "the tags of its clusters aren't known." if policy is None else ""
        if policy is not None and policy.problem is not None:
            problem = policy.problem.message
        return Kept(revision.name, revision.number, applications, in_effect, problem)

    async def _looked_at(self, kept: Kept) -> Kept:
        """Are its clusters still there?"""
        if kept.problem or kept.in_effect:
            return kept
        gone = await self._sight.gone((await self._revisions.cell(kept.name)).spec)
        return replace(kept, problem=f"its clusters are gone: {', '.join(gone)}.") if gone else kept

    async def _asks(self, cell: Cell) -> Policy | None:
        """What a Cell asks for; None: not known before the tags of its clusters are."""
        return compile_policy(cell, self._defaults, await self._sight.tags(cell.spec))
