"""The files that a person names: read, bounded, and with an error that says what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
MAX_BYTES = 16 * 1024 * 1024


class Unreadable(Exception):
    """A file that can't be judged; the message names it and says what to do."""


def read_source(path: Path) -> str:
    """The text of a file, or of standard input for `-`. Raises Unreadable."""
    name = "standard input" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Unreadable(f"{name}: no such file: check the path") from None
    except OSError as error:
        raise Unreadable(f"{name}: can't be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"{name}: is larger than {MAX_BYTES // 1024 // 1024} MiB: give manifests only")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"{name}:{line}: is no UTF-8 text: save the file as UTF-8") from None


def manifests_in(folder: Path, suffixes: Collection[str] = SUFFIXES) -> Iterator[Path]:
    """Every .yaml, .yml and .json file in and below a folder, sorted; hidden folders are left alone."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if Path(name).suffix in suffixes)


def read_all(
    files: Sequence[Path], suffixes: Collection[str] = SUFFIXES, *, wanted: str = "a Cell or a Check"
) -> tuple[list[tuple[str, str]], list[str]]:
    """(name, text) of each readable file, once though it is named twice, and what is wrong with the others.

    `suffixes`: of the files that are read in a folder. `wanted`: what an empty file should hold.
    """
    sources: list[tuple[str, str]] = []
    unreadable: list[str] = []
    seen: set[Path] = set()
    if not files:
        unreadable.append("nothing to judge: name at least one file or folder, or - for standard input")
    for given in files:
        paths = list(manifests_in(given, suffixes)) if given.is_dir() else [given]
        if not paths:
            unreadable.append(f"{given}: holds no {_listed(suffixes)} file")
        for path in paths:
            if (real := Path(os.path.realpath(path))) in seen:
                continue
            seen.add(real)
            try:
                text = read_source(path)
            except Unreadable as error:
                unreadable.append(str(error))
                continue
            if not text.strip() and path is given:
                unreadable.append(f"{path}: is empty: write {wanted} into it")
                continue
            sources.append((str(path), text))
    return sources, unreadable


def _listed(suffixes: Collection[str]) -> str:
    *others, last = [each for each in (".yaml", ".yml", ".json", ".tf", ".tfvars") if each in suffixes]
    return f"{', '.join(others)} or {last}"
