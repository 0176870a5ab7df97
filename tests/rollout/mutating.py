"""How the core is broken on purpose, and which scenario must notice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import dedent
from types import FunctionType
from typing import Any

import pytest

Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, tuple[Mutant, Callable[[], None]]] = {}


def killed_by(scenario: Callable[..., None], *args: Any) -> Callable[[Mutant], Mutant]:
    """Register a mutant; `scenario(*args)` must notice it."""

    def register(mutant: Mutant) -> Mutant:
        assert mutant.__name__ not in MUTANTS
        MUTANTS[mutant.__name__] = mutant, lambda: scenario(*args)
        return mutant

    return register


def rewritten(name: str, function: object, was: str, becomes: str, scenario: Callable[..., None], *args: Any) -> None:
    """`function` with `becomes` in the place of `was`, in the live code, whoever calls it. What isn't there any more
    fails the mutant's test: a mutant that changes nothing proves nothing."""
    assert isinstance(function, FunctionType)

    def mutant(patch: pytest.MonkeyPatch) -> None:
        source = dedent(inspect.getsource(function))
        assert source.count(was) == 1, f"{function.__qualname__} has not one {was!r}"
        made: dict[str, Any] = {}
        exec(compile(source.replace(was, becomes), "<mutant>", "exec"), dict(function.__globals__), made)
        patch.setattr(function, "__code__", made[function.__name__].__code__)

    mutant.__name__ = name
    killed_by(scenario, *args)(mutant)
