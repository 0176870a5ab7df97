"""Permissions as values: what a role grants, what an audit log shows as used, and a role with one of them less."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.installed import Manifest

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}
"""Who asked for what; never the content."""


@dataclass(frozen=True, order=True)
class Permission:
    """`name`: of the one object that a rule is limited to; empty for all."""

    group: str
    resource: str
    """With its subresource: `cells/status`."""
    verb: str
    name: str = ""

    def __str__(self) -> str:
        """As Okra names it: `patch cells.okra.mumoshu.github.io/status`."""
        plural, slash, sub = self.resource.partition("/")
        return f"{self.verb} {plural}{'.' if self.group else ''}{self.group}{slash}{sub}"


def granted(chart: Iterable[Manifest]) -> set[Permission]:
    rules = (rule for each in chart if each["kind"] in ("Role", "ClusterRole") for rule in each["rules"])
    return {permission for rule in rules for permission in _of(rule)}


def _of(rule: Manifest) -> Iterator[Permission]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", [""]):
                    yield Permission(group, resource, verb, name)


def without(chart: Sequence[Manifest], taken: Permission) -> list[Manifest]:
    """The chart's objects, without this one; of a rule about several resources the others keep all of theirs."""

    def kept(rule: Manifest) -> Iterator[Manifest]:
        for resource in rule["resources"]:
            alone = {**rule, "resources": [resource]}
            verbs = [verb for verb in rule["verbs"] if taken not in _of({**alone, "verbs": [verb]})]
            if verbs:
                yield {**alone, "verbs": verbs}

    return [
        {**each, "rules": [one for rule in each["rules"] for one in kept(rule)]} if each.get("rules") else each
        for each in chart
    ]


@dataclass(frozen=True)
class Audit:
    """An API server's audit log."""

    folder: Path

    def flags(self) -> list[str]:
        """Of the API server that writes it."""
        self.folder.mkdir()
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps(POLICY))
        return [f"--audit-policy-file={policy}", f"--audit-log-path={self.folder / 'audit.log'}"]

    def of(self, user: str) -> list[dict[str, Any]]:
        lines = (self.folder / "audit.log").read_text().rpartition("\n")[0].splitlines()
        return [entry for entry in map(json.loads, lines) if entry["user"]["username"] == user]


def used(entries: Iterable[dict[str, Any]], named: Iterable[Permission]) -> set[Permission]:
    """What these requests needed. The object's name matters where `named` permissions are limited to one."""
    limited = {(each.group, each.resource, each.verb) for each in named if each.name}
    found = set()
    for entry in entries:
        ref = entry["objectRef"]
        resource = "/".join(part for part in (ref["resource"], ref.get("subresource")) if part)
        what = ref.get("apiGroup", ""), resource, entry["verb"]
        found.add(Permission(*what, ref.get("name", "") if what in limited else ""))
    return found
