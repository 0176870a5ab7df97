"""The texts for users, taken apart: their blocks of YAML, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import okra

ROOT = Path(okra.__file__).parents[1]
EXAMPLES = sorted(folder for folder in (ROOT / "examples").iterdir() if folder.is_dir())
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMANDS = ("okra ", "helm ", "kubectl ", "make ")
_PROMPT = "$ "


def yaml_blocks(text: str) -> list[str]:
    """What stands between ```yaml and ```."""
    return [block for language, block in _FENCED.findall(text) if language == "yaml"]


def commands(text: str, program: str) -> list[list[str]]:
    """Each command line of this program as its words: in indented blocks, fenced without a language, and in line."""
    return [words for words in _lines(text) if words[:1] == [program]]


def _lines(text: str) -> Iterator[list[str]]:
    """Parts of a pipe count by themselves."""
    prose = _FENCED.sub(lambda found: found[2] if found[1] in ("", "sh") else "", text)
    for block in _INDENTED.findall(prose):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _parts(line.strip().removeprefix(_PROMPT))
    for code in _INLINE.findall(_INDENTED.sub("", prose)):
        if code.startswith(_COMMANDS):
            yield from _parts(code)


def _parts(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # a quotation over several lines: no command of ours
        return
    part: list[str] = []
    for word in words:
        if set(word) <= set("|;&"):
            yield part
            part = []
        else:
            part.append(word)
    yield part
