"""Which CEL rules a model has. What CEL in a schema can't say is in `okra.api.crd_policies`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from okra.api import crd_rules_cell, crd_rules_checks, crd_rules_routes, crd_rules_sets, crd_rules_strategy
from okra.api.crd_rule import Rule

RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    **crd_rules_routes.RULES,
    **crd_rules_checks.RULES,
    **crd_rules_cell.RULES,
    **crd_rules_strategy.RULES,
    **crd_rules_sets.RULES,
}


def rules_of(model: type[BaseModel]) -> tuple[Rule, ...]:
    """The model's rules, inherited ones first."""
    return tuple(rule for each in reversed(model.__mro__) for rule in RULES.get(each, ()))
