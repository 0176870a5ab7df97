"""`python -m bench [-o json] [NAME…]`: run the benchmarks, print a table.

Without names each runs in a process of its own, so that none finds the memory or the garbage of another. A missed
target is marked; only a benchmark that breaks makes the exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import pkgutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module

import bench
from bench import Row


def names() -> list[str]:
    modules = (module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))
    return sorted(name for name in modules if hasattr(import_module(f"bench.{name}"), "run"))


def here(name: str) -> list[Row] | None:
    """The rows of a benchmark, or None when it broke."""
    try:
        rows: list[Row] = asyncio.run(import_module(f"bench.{name}").run())
    except Exception:
        logging.exception("%s is broken", name)
        return None
    return rows


def apart(name: str) -> list[Row] | None:
    command = [sys.executable, "-m", "bench", "-o", "json", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return None if done.returncode else [Row(**row) for row in json.loads(done.stdout)]


def table(rows: Iterable[Row]) -> str:
    lines = [("", "value", "", "target", "")]
    for row in rows:
        mark = "" if row.ok is None else "ok" if row.ok else "MISSED"
        lines.append((row.name, number(row.value), row.unit, target(row), mark))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {aim:>{widths[3]}}  {mark}".rstrip()
        for name, value, unit, aim, mark in lines
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


def target(row: Row) -> str:
    if row.target is None:
        return ""
    return ("≤ " if (row.value <= row.target) is row.ok else "≥ ") + number(row.target)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Okra.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run, in this process (default: all)")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    arguments = parser.parse_args()
    measure = here if arguments.names else apart
    rows: list[Row] = []
    broken = []
    for name in arguments.names or names():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found = measure(name)
        if found is None:
            broken.append(name)
        else:
            rows += found
    print(json.dumps([asdict(row) for row in rows], indent=2) if arguments.output == "json" else table(rows))
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
