"""A lesson's text as a notebook file, made by jupytext.

jupytext brings nbformat, that brings jsonschema, and that compiles the grammar of IRIs at its import where it
is there: 1 s of a quiet processor, most of `lab start`. No notebook is held against that grammar.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GRAMMAR = "rfc3987_syntax"


def notebook(lesson: str) -> str:
    """The file `lesson.ipynb`, without outputs, from MyST Markdown."""
    with _absent(GRAMMAR):
        jupytext = importlib.import_module("jupytext")
    return str(jupytext.writes(jupytext.reads(lesson, fmt="md:myst"), fmt="ipynb"))


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let imports of a package fail as if it were not installed; what is imported already stays so."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]  # None is Python's own sign for it
    if package in modules:
        yield
        return
    modules[package] = None
    try:
        yield
    finally:
        del modules[package]
