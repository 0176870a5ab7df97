"""How far back a PromQL query looks, which only its text says. Pure.

`rate(x[5m])` right after a step is mostly data from before it. What the query reaches back must therefore have passed
since the step. The estimate may be too long (the widest range, plus every subquery's, plus the widest offset), never
too short; a range that can't be read is Prometheus' to refuse.
"""

from __future__ import annotations

import re

_QUOTED_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*')
_RANGE = re.compile(r"\[\s*([^\[\]:]+?)\s*(:[^\[\]]*)?\]")
_OFFSET = re.compile(r"\boffset\s+([0-9][0-9a-z.]*)", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhdwy]))+|[0-9]+(?:\.[0-9]+)?")
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdwy])")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


def lookback(query: str) -> float:
    """Seconds before its evaluation time that the query's ranges, subqueries and offsets reach, at most."""
    code = _QUOTED_OR_COMMENT.sub('""', query)
    ranges = [(_seconds(length), bool(step)) for length, step in _RANGE.findall(code)]
    plain = max((length for length, is_subquery in ranges if not is_subquery), default=0.0)
    nested = sum(length for length, is_subquery in ranges if is_subquery)
    offset = max((_seconds(length) for length in _OFFSET.findall(code)), default=0.0)
    return plain + nested + offset


def _seconds(text: str) -> float:
    if _DURATION.fullmatch(text) is None:
        return 0.0
    terms = _TERM.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in terms) if terms else float(text)
