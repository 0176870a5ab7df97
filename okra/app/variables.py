"""`OKRA_*` variables that are no settings: a typo must not pass for a setting that was taken."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from okra.api.findings import did_you_mean, printable

PREFIX = "OKRA_"
_OF_A_SERVICE = re.compile(
    r"OKRA_(.+_)?SERVICE_(HOST|PORT(_\w+)?)"  # OKRA_SERVICE_PORT_HTTP
    r"|OKRA_(.+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
    r"|OKRA_PORT(_\w+)?"
)
"""Kubernetes puts these into every pod beside a Service whose name begins with `okra`."""
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def warnings(environ: Mapping[str, str], settings: Collection[str]) -> Iterator[str]:
    """One line for each variable that looks like a setting and is none. `settings`: the fields' names."""
    known = {PREFIX + name.upper(): name for name in settings}
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in known or _of_a_service(upper, environ[name]):
            continue
        near = did_you_mean(upper, known)
        remedy = f"did you mean {near}?" if near else "docs/reference.md lists them"
        yield f"warning: {printable(name)} is no setting of Okra and has no effect; {remedy}"


def _of_a_service(name: str, value: str) -> bool:
    link = name.endswith("_PORT") and _ADDRESS.match(value) is not None
    return link or _OF_A_SERVICE.fullmatch(name) is not None
