"""Argo Rollouts' AnalysisTemplates, which Go okra's steps name, as a Cell's checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.convert.arguments import default, filled, get
from okra.convert.conditions import judgement
from okra.convert.document import Remarks, Unconvertible
from okra.convert.fields import Fields
from okra.convert.names import as_name, free
from okra.convert.providers import provider

_COUNTS = ("count", "failureLimit", "inconclusiveLimit", "consecutiveErrorLimit")


@dataclass(slots=True)
class Checks:
    """The checks of one Cell, as its steps ask for them. One template with the same arguments is one check."""

    cell: Mapping[str, Any]
    templates: Mapping[str, Mapping[str, Any]]
    """Of the Cell's namespace and the cluster's, by name."""
    remarks: Remarks
    found: list[dict[str, Any]] = field(default_factory=list)
    _made: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def of(self, analysis: Fields) -> list[str]:
        """The names of the checks that do what an analysis did, made where they aren't there yet."""
        arguments = self._arguments(analysis)
        names: list[str] = []
        for each in analysis.each("templates"):
            each.ignore("clusterScope")
            names += self._of_template(each.required("templateName"), arguments, each.path)
        return names

    def of_one(self, analysis: Fields) -> list[str]:
        """The same of an analysis that names its only template itself, as those of an experiment do."""
        return self._of_template(analysis.required("templateName"), self._arguments(analysis), analysis.path)

    def _arguments(self, analysis: Fields) -> dict[str, str]:
        return {each.required("name"): self._argument(each) for each in analysis.each("args")}

    def _of_template(self, name: str, arguments: Mapping[str, str], path: str) -> list[str]:
        key = (name, repr(sorted(arguments.items())))
        if key not in self._made:
            self._made[key] = self._make(name, arguments, path)
        return self._made[key]

    def _argument(self, found: Fields) -> str:
        """Its value; what is known only during a rollout as the variable that says it there."""
        if "valueFrom" not in found:
            return found.text("value") or ""
        source = found.inside("valueFrom")
        path = source.inside("fieldRef").text("fieldPath")
        if path is None:
            raise Unconvertible(source.path, "Okra has no such source of a value: write the value itself")
        if path == "status.desiredVersion":
            return "{{.Vars.version}}"
        value: Any = self.cell
        for part in re.findall(r"\['([^']+)'\]|([^.\[\]']+)", path):
            value = value[int(part[1])] if isinstance(value, list) and part[1].isdigit() else get(value, *part)
        if not isinstance(value, str | int | float):
            raise Unconvertible(source.path, f"the Cell holds no value at {path}: write the value itself")
        return str(value)

    def _make(self, name: str, arguments: Mapping[str, str], path: str) -> list[str]:
        if name not in self.templates:
            self._stand_in(name, path, f"AnalysisTemplate {name} is not in the given files: give its file, too")
            return [self.found[-1]["name"]]
        template = Fields(self.templates[name], f"AnalysisTemplate/{name} spec")
        values = {each.required("name"): default(each) for each in template.each("args")} | dict(arguments)
        wanted = template.take("metrics")
        if not isinstance(wanted, list) or not wanted:
            raise Unconvertible(template.where("metrics"), "must be a list with at least one metric")
        names = []
        for index, metric in enumerate(wanted):
            title = name if len(wanted) == 1 else f"{name}-{get(metric, 'name', '') or index}"
            place = f"{template.path}.metrics[{index}]"
            try:
                self._add(title, Fields(filled(metric, values, place), place))
            except Unconvertible as error:
                self._stand_in(title, error.path, str(error))
            names.append(self.found[-1]["name"])
        for where, value in template.leftovers():
            self.remarks.say(f"{where}: {value} has no counterpart and was left out.", "spec", "checks")
        return names

    def _add(self, title: str, metric: Fields) -> None:
        place = ("spec", "checks", len(self.found))
        metric.ignore("name")
        source = metric.inside("provider")
        check: dict[str, Any] = {"name": self._free(title)}
        said: list[str] = []
        if "job" in source:
            check["job"] = _job(source.inside("job"))
        else:
            check["analysis"] = _judgement(metric) | provider(source, said.append)
        self.found.append(check)
        for text in (
            *said,
            *(f"{where}: {value} has no counterpart and was left out." for where, value in metric.leftovers()),
        ):
            self.remarks.say(text, *place)

    def _stand_in(self, title: str, path: str, message: str) -> None:
        """A Check that isn't there: a rollout waits for it before its first weight, so that nothing goes unjudged."""
        name = self._free(title)
        self.found.append({"name": name, "from": {"checkName": name}})
        place = ("spec", "checks", len(self.found) - 1)
        self.remarks.object_to(path, f"{message}. Until there is a Check {name}, rollouts wait for it", *place)

    def _free(self, title: str) -> str:
        return free(as_name(title, "name"), {check["name"] for check in self.found})


def _judgement(metric: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("interval", "initialDelay"):
        if value := metric.text(name):
            found[name] = value
    for name in _COUNTS:
        if (number := metric.whole(name)) is not None:
            found[name] = number
    conditions = {name: text for name in ("successCondition", "failureCondition") if (text := metric.text(name))}
    return found | judgement(conditions)


def _job(found: Fields) -> dict[str, Any]:
    spec = found.inside("spec")
    template = spec.inside("template")
    job: dict[str, Any] = {"template": {"spec": template.take("spec") or {}}}
    if metadata := template.take("metadata") or found.take("metadata"):
        job["template"]["metadata"] = metadata
    for name in ("backoffLimit", "activeDeadlineSeconds"):
        if (number := spec.whole(name)) is not None:
            job[name] = number
    return job
