"""A check that runs a Job: how its spec is written, in short form or as a pod's own, and what Okra judges of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue

from okra.api.base import Loc, Model, Violation
from okra.api.durations import Interval
from okra.api.fields import Annotations, Int, Labels
from okra.api.variables import problem_of

LONGEST_RUN = 1800
"""Seconds that a Job has unless its check says otherwise: as long as a series of measurements waits for enough data."""


class TemplateMetadata(Model):
    """Metadata of what is made from a template."""

    labels: Labels = Field(default={}, description="Labels.")
    annotations: Annotations = Field(default={}, description="Annotations.")


_LONGEST_IMAGE, _MOST_CONTAINERS = 1024, 64
_MOST_WORDS, _LONGEST_WORD = 1024, 131_072
"""Linux takes no longer argument."""


def _words(description: str) -> JsonValue:
    word: JsonValue = {"type": "string", "maxLength": _LONGEST_WORD, "description": "A word."}
    return {"type": "array", "maxItems": _MOST_WORDS, "items": word, "description": f"Short form: {description}"}


_PROPERTIES: dict[str, JsonValue] = {
    "image": {
        "type": "string",
        "minLength": 1,
        "maxLength": _LONGEST_IMAGE,
        "description": "Short form: the container's image.",
    },
    "command": _words("the container's command, a word an entry; no shell."),
    "args": _words("its arguments."),
    "containers": {
        "type": "array",
        "minItems": 1,
        "maxItems": _MOST_CONTAINERS,
        "description": "A pod's containers.",
        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "description": "A container."},
    },
}
"""What is judged here of a pod's spec; the rest is for the API server to judge when the Job is made."""


class JobTemplate(Model):
    """The pod that the job runs."""

    metadata: TemplateMetadata = Field(default=TemplateMetadata(), description="Labels and annotations of the pod.")
    spec: dict[str, Any] = Field(
        description="One container in short form (image, command, args, env), or a pod's spec (containers). "
        "In command, args and the values of env {{.Vars.NAME}} is replaced.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True, "properties": _PROPERTIES},
    )

    def rules(self) -> Iterator[Violation]:
        image, containers = self.spec.get("image"), self.spec.get("containers")
        if (image is None) == (containers is None):
            yield Violation(("spec",), "needs exactly one of image (short form) and containers (a pod's spec)")
        elif containers is None:
            if not isinstance(image, str) or not 1 <= len(image) <= _LONGEST_IMAGE:
                yield Violation(("spec", "image"), "must be the name of a container image")
        elif not isinstance(containers, list) or not 1 <= len(containers) <= _MOST_CONTAINERS:
            yield Violation(
                ("spec", "containers"), f"must be a list with at least one container, and at most {_MOST_CONTAINERS}"
            )
        else:
            for index, container in enumerate(containers):
                if not isinstance(container, dict):
                    yield Violation(("spec", "containers", index), "must be a map: a container with name and image")
        for field in ("command", "args"):
            yield from _words_rules(field, self.spec.get(field))
        for loc, text in templated(self.spec):
            if problem := problem_of(text):
                yield Violation(("spec", *loc), problem)


def _words_rules(field: str, words: Any) -> Iterator[Violation]:
    if words is None:
        return
    if not isinstance(words, list) or len(words) > _MOST_WORDS:
        yield Violation(("spec", field), f'must be a list of at most {_MOST_WORDS} strings: ["sh", "-c", "…"]')
        return
    for index, word in enumerate(words):
        if not isinstance(word, str) or len(word) > _LONGEST_WORD:
            yield Violation(("spec", field, index), f"must be a string of at most {_LONGEST_WORD} characters")


class Job(Model):
    """A Kubernetes Job; it passes when it completes."""

    template: JobTemplate = Field(description="The pod to run.")
    backoff_limit: Annotated[Int, Field(ge=0, le=100)] = Field(
        default=0, description="So many pods may fail before the Job does."
    )
    active_deadline_seconds: Annotated[Int, Field(ge=1, le=604_800)] = Field(
        default=LONGEST_RUN, description="A Job that takes longer fails."
    )
    interval: Interval | None = Field(
        default=None,
        description="Of a Check that a person applied: from the end of a run to the next. Default: it runs once.",
    )


def templated(spec: Mapping[str, Any]) -> Iterator[tuple[Loc, str]]:
    """Every text of a pod's spec, in short form or not, in which `{{.Vars.NAME}}` is replaced, and where it is.

    What isn't as a pod's spec has it has none: the API server says so when the Job is made.
    """
    yield from _of_container(spec)
    for field in ("initContainers", "containers"):
        for index, container in enumerate(_list(spec.get(field))):
            if isinstance(container, dict):
                yield from (((field, index, *loc), text) for loc, text in _of_container(container))


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[Loc, str]]:
    for field in ("command", "args"):
        for index, word in enumerate(_list(container.get(field))):
            if isinstance(word, str):
                yield (field, index), word
    for index, variable in enumerate(_list(container.get("env"))):
        if isinstance(variable, dict) and isinstance(value := variable.get("value"), str):
            yield ("env", index, "value"), value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
