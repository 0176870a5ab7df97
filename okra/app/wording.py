"""Lines for people: names instead of ARNs, durations as one says them, commands that can be pasted."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path

STATE = Path(".okra/state.db")
"""Where the commands look for a state, from the folder they are called in."""

_ARN = re.compile(
    r"arn:[\w-]+:elasticloadbalancing:[\w-]*:\d*:(?P<kind>targetgroup|loadbalancer|listener-rule|listener)"
    r"/(?P<rest>[\w-]+(?:/[\w-]+)*)"
)
_RECORDS = re.compile(
    r"arn:[\w-]+:route53:[\w-]*::recordset/[^/\s]+/(?P<name>[^/\s]+)/(?P<type>A|AAAA|CNAME)\b(?P<to>/[^\s;]*[^\s;,.:)])?"
)
_VERBS = "abort|retry|approve|pause|resume|promote|rollback|unblock"


def shortened(text: str) -> str:
    """`targetgroup/NAME` instead of an ARN of 130 characters; of listeners and rules the id tells them apart. Of
    records their name and type, or where one leads.

    An ARN that a person is told to check stays whole, and so do several that have one name.
    """
    if "Check the ARN" in text:
        return text
    return _named(_RECORDS, _record, _named(_ARN, _name, text))


def _named(pattern: re.Pattern[str], name: Callable[[re.Match[str]], str], text: str) -> str:
    names = {found[0]: name(found) for found in pattern.finditer(text)}
    often = Counter(names.values())
    return pattern.sub(lambda found: found[0] if often[names[found[0]]] > 1 else names[found[0]], text)


def _record(arn: re.Match[str]) -> str:
    return arn["to"].rpartition("/")[2] if arn["to"] else f"{arn['type']} {arn['name']}"


def _name(arn: re.Match[str]) -> str:
    kind, parts = arn["kind"], arn["rest"].split("/")
    if kind == "targetgroup":
        return f"{kind}/{parts[0]}"
    name = parts[1] if len(parts) > 1 else parts[0]
    return f"{kind}/{name}" if kind == "loadbalancer" or len(parts) < 4 else f"{kind}/{name}/{parts[-1]}"


def duration(seconds: float) -> str:
    """`45s`, `1m15s`, `2h5m`: rounded up to the second, from an hour on to the minute."""
    whole = max(0, math.ceil(seconds))
    if whole >= 3600:
        whole = math.ceil(whole / 60) * 60
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def option_for(state: Path) -> str:
    """The option by which a command that is called here finds this state, if it needs one."""
    return "" if os.path.normpath(state) == str(STATE) else f" --state {shlex.quote(str(state))}"


def addressed(text: str, namespace: str, name: str, option: str) -> str:
    """The text with what it takes behind each command to this Cell."""
    options = option + ("" if namespace == "default" else f" --namespace {namespace}")
    return re.sub(rf"\bokra (?:{_VERBS}) {re.escape(name)}(?![\w-]|\.\w)", lambda found: found[0] + options, text)
