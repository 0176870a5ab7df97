"""Label selectors: one value that matches labels, parsed from and written as Kubernetes' selector strings.

Pure and free of pydantic, so that the stores use the same semantics as the specs. AWS tags count as labels, hence keys
and values are taken as they come; whether they are legal where they were written is for the models to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. As in Kubernetes, NotIn also holds when the label is absent."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case Operator.IN:
                return f"{self.key} in ({','.join(self.values)})"
            case Operator.NOT_IN:
                return f"{self.key} notin ({','.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold. One without requirements matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    @classmethod
    def of(cls, labels: Mapping[str, str], expressions: Iterable[Requirement] = ()) -> Selector:
        """Equality with each of `labels`, and `expressions`."""
        equal = (Requirement(key, Operator.IN, (value,)) for key, value in labels.items())
        return cls((*equal, *expressions))

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read `app=api,tier in (a,b),team!=x,!legacy,canary`. ValueError says what is wrong and where."""
        if not text.strip(_BLANKS):
            return cls()
        return cls(tuple(_requirement(part.strip(_BLANKS)) for part in _split(text)))


_BLANKS = " \t\r\n\f"
"""Neither Python's idea of white space nor Go's: what the API server's policy reads as such, too."""
_WORD = rf"[^{_BLANKS},()=!<>]+"
_GAP = rf"[{_BLANKS}]"
_EXISTS = re.compile(rf"(!?){_GAP}*({_WORD})")
_EQUALS = re.compile(rf"({_WORD}){_GAP}*(==|=|!=){_GAP}*({_WORD})?")
_SET = re.compile(rf"({_WORD}){_GAP}+(in|notin){_GAP}*\(([^()]*)\)")


def _split(text: str) -> list[str]:
    """The parts between the commas that stand outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(text: str) -> Requirement:
    if found := _EQUALS.fullmatch(text):
        key, sign, value = found.groups()
        return Requirement(key, Operator.NOT_IN if sign == "!=" else Operator.IN, (value or "",))
    if found := _SET.fullmatch(text):
        key, word, listed = found.groups()
        values = tuple(value.strip(_BLANKS) for value in listed.split(","))
        if not all(re.fullmatch(_WORD, value) for value in values):
            raise ValueError(f"{text!r}: write the values as ({', '.join(filter(None, values)) or 'a, b'})")
        return Requirement(key, Operator.IN if word == "in" else Operator.NOT_IN, values)
    if found := _EXISTS.fullmatch(text):
        absent, key = found.groups()
        return Requirement(key, Operator.DOES_NOT_EXIST if absent else Operator.EXISTS)
    raise ValueError(f"{text!r} is none of: key=value, key!=value, key in (a,b), key notin (a,b), key, !key")
