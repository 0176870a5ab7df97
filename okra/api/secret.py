"""Kubernetes' Secret, which `okra run` takes beside its own kinds. Its shape is checked; no value is ever shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from okra.api.fields import Flag
from okra.api.findings import Finding
from okra.api.meta import Resource
from okra.api.parse import parse_as


class Secret(Resource):
    """Of Kubernetes. `string_data` wins over `data`."""

    type: str | None = Field(default=None, max_length=253, description="What it is for.")
    immutable: Flag | None = Field(default=None, description="It can't be changed.")
    data: dict[str, str] = Field(default={}, repr=False, description="Values in base64.")
    string_data: dict[str, str] = Field(default={}, repr=False, description="Values as they are.")

    def values(self) -> Mapping[str, bytes]:
        """Key → value. ValueError if `data` is no base64."""
        decoded = {key: base64.b64decode(value, validate=True) for key, value in self.data.items()}
        return decoded | {key: value.encode() for key, value in self.string_data.items()}


def parse_secret(obj: Mapping[str, Any]) -> tuple[Secret | None, list[Finding]]:
    """The Secret, or what is wrong with it."""
    secret, findings = parse_as(Secret, obj)
    if secret is None:
        return None, findings
    try:
        secret.values()
    except (binascii.Error, ValueError):
        return None, [Finding.at(("data",), "is no base64: give plain values in stringData instead")]
    return secret, []
