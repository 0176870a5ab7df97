"""`okra import`: a route in, the Cell that describes it on standard output."""

from __future__ import annotations

import asyncio
import sys
from typing import Literal

from okra.app.importing import Route, import_route
from okra.cli.convert import as_json, say
from okra.convert.document import Unconvertible
from okra.convert.files import Conversion
from okra.convert.rendering import rendered
from okra.errors import OkraError

DONE, NO_CELL, UNREADABLE = 0, 1, 2


def import_cell(route: Route, output: Literal["yaml", "json"] = "yaml") -> int:
    """Returns 0, 1 when no Cell describes the route as it is, 2 when it couldn't be read."""
    try:
        document = asyncio.run(import_route(route))
    except OkraError as error:
        print(error, file=sys.stderr)
        return UNREADABLE
    except Unconvertible as error:
        print(f"{error.path} {error}", file=sys.stderr)
        return NO_CELL
    found = Conversion([document])
    say(found, [])
    print(as_json(found) if output == "json" else rendered(found.documents).rstrip("\n"))
    return NO_CELL if found.problems else DONE
