"""One CEL rule of a CRD (`x-kubernetes-validations`), and the words that rules are made of.

Only functions that every API server since 1.30 knows: no two-variable macros, no `distinct`. A rule stands in the
schema of the object that it judges; `path` leads from there to the field that is to blame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """How the API server words a violation, and `reason` in the cause. For a duplicate it would drop the message."""

    INVALID = "FieldValueInvalid"
    REQUIRED = "FieldValueRequired"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class Rule:
    """`rule` must be true. `says`, a CEL expression, words the message when it can name more than `message` does."""

    rule: str
    message: str
    path: str = ""
    """Such as `.ttl`; "" blames the object itself. It can't lead into a list or a map."""
    reason: Reason = Reason.INVALID
    says: str = ""

    def as_json(self) -> dict[str, str]:
        """As it stands in a schema."""
        entries = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.says,
            "fieldPath": self.path,
            "reason": "" if self.reason is Reason.INVALID else str(self.reason),
        }
        return {key: value for key, value in entries.items() if value}


def required(rule: str, path: str, message: str, says: str = "") -> Rule:
    return Rule(rule, message, path, Reason.REQUIRED, says)


def forbidden(rule: str, path: str, message: str, says: str = "") -> Rule:
    return Rule(rule, message, path, Reason.FORBIDDEN, says)


def only_one(*names: str) -> str:
    """Exactly one of the fields is given."""
    return f"[{', '.join(f'has(self.{name})' for name in names)}].exists_one(given, given)"


def given(path: str) -> str:
    """`a.b.c` is there, as each of its parts must be: `has(self.a) && has(self.a.b) && …`."""
    parts = path.split(".")
    return " && ".join(f"has(self.{'.'.join(parts[: end + 1])})" for end in range(len(parts)))


def unless(condition: str, rule: str) -> str:
    """The rule holds, or the condition doesn't."""
    return f"!({condition}) || {rule}"


def all_differ(values: str) -> str:
    """No two of the values, a CEL list, are equal. Each is made once: what is dear is to read fields of the object, for
    which the API server lists all of the schema's each time, also when only a status is written."""
    return f"[{values}].all(values, values.all(one, values.exists_one(other, other == one)))"
