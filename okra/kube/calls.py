"""One call to the API server, as a value: its URL, and its name in RBAC's words for messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from okra.errors import Invalid
from okra.ports import Kind

Verb = Literal["get", "list", "watch", "create", "patch", "delete"]

METHODS: dict[Verb, str] = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "patch": "PATCH",
    "delete": "DELETE",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of which resource. `namespace` is empty for all namespaces, and for what has none."""

    verb: Verb
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def method(self) -> str:
        return METHODS[self.verb]

    @property
    def path(self) -> str:
        """The URL's path, quoted. Invalid for a name that would make it another resource's."""
        parts = ["apis", self.kind.group, self.kind.version] if self.kind.group else ["api", self.kind.version]
        if self.namespace:
            parts += ["namespaces", self.namespace]
        parts.append(self.kind.plural)
        if self.verb in ("get", "patch", "delete"):
            parts.append(self.name)
        for field, value in (("metadata.namespace", self.namespace), ("metadata.name", parts[-1])):
            if (not value and field == "metadata.name") or value in (".", "..") or "/" in value or "%" in value:
                raise Invalid(f"{self} is impossible: {field} {value!r} is no name of an object")
        if self.subresource:
            parts.append(self.subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts)

    @property
    def resource(self) -> str:
        """As RBAC and `kubectl auth can-i` name it: `cells.okra.mumoshu.github.io/status`."""
        group = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.plural}{group}" + (f"/{self.subresource}" if self.subresource else "")

    def named(self, name: str) -> Call:
        return replace(self, name=name)

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource} {where}".rstrip()
