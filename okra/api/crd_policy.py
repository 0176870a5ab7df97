"""The form of a ValidatingAdmissionPolicy: lists of places in an object, and what must be true at each of them.

A policy sees an object as it is, without a schema. So it can judge what a structural schema can't describe: a value
that is a string or a map, the keys of a map that may also hold named fields, a text whose regular expression exceeds
the schema's budget, and a value that must not be shown (the API server shows what a schema's pattern refuses).

Each variable is a list of lists of `{"at": path, "is": value}` (lists of lists, because CEL can't flatten what it finds
in each of several entries); each rule is a CEL expression over `each.is`. The first place that breaks a rule is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okra.api.meta import VERSION

API_VERSION = "admissionregistration.k8s.io/v1"
_CHANGED = "request.operation == 'CREATE' || !has(oldObject.spec) || object.spec != oldObject.spec"
"""A spec that doesn't change isn't judged again: a finalizer must come off an object that was let in before."""


@dataclass(frozen=True, slots=True)
class PlaceRule:
    """At each place of the variable `places`, `rule` holds. The message follows the place's path and `field`."""

    places: str
    rule: str
    message: str
    field: str = ""

    def broken(self) -> str:
        """Paths of the places that break it, as a list of lists."""
        return f"variables.{self.places}.map(some, some.filter(each, !({self.rule})).map(each, each.at))"

    def as_json(self, broken: str) -> dict[str, str]:
        """The validation, given the variable that holds what is `broken`."""
        return {
            "expression": f"variables.{broken}.all(some, size(some) == 0)",
            "messageExpression": f"variables.{broken}.filter(some, size(some) > 0)[0][0]"
            f" + {text(f'{self.field}: {self.message}')}",
            "message": f"{self.field.removeprefix('.')} {self.message}".strip(),
            "reason": "Invalid",
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """What is judged of some resources. `variables` may use those before them."""

    name: str
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    variables: Mapping[str, str]
    rules: tuple[PlaceRule, ...]

    def manifests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The policy and its binding."""
        binding = {"policyName": self.name, "validationActions": ["Deny"]}
        return self._manifest("ValidatingAdmissionPolicy", self._spec()), self._manifest(
            "ValidatingAdmissionPolicyBinding", binding
        )

    def _manifest(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": self.name}, "spec": spec}

    def _spec(self) -> dict[str, Any]:
        resources = {
            "apiGroups": list(self.groups),
            "apiVersions": [VERSION],
            "operations": ["CREATE", "UPDATE"],
            "resources": list(self.resources),
        }
        broken = {f"broken{index}": rule.broken() for index, rule in enumerate(self.rules)}
        return {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [resources]},
            "matchConditions": [{"name": "spec-changed", "expression": _CHANGED}],
            "variables": [{"name": name, "expression": each} for name, each in {**self.variables, **broken}.items()],
            "validations": [rule.as_json(name) for name, rule in zip(broken, self.rules, strict=True)],
        }


def place(path: str, value: str) -> str:
    """A place: its path and its value, both CEL expressions. CEL wants the values of a map to be of one type."""
    return f"{{'at': dyn({path}), 'is': dyn({value})}}"


def text(plain: str) -> str:
    """A CEL string."""
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
