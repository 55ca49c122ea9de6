"""What one row of the table of commands is, and the values its arguments may have.

argparse reads the arguments; what it would say about a wrong value is said here instead, so that every
message names the thing, the value found, what is allowed, and the next step.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labs.config import WORKSPACE
from labs.errors import UnknownName, UsageError

Given = argparse.Namespace
Type = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, as argparse's `add_argument` takes it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One row: what `lab NAME` does. `verbatim`: all that follows the name goes on as it is."""

    name: str
    summary: str
    example: str
    run: Callable[[Given], int]
    arguments: tuple[Argument, ...] = ()
    verbatim: bool = False
    usage: str = ""


def argument(*flags: str, **options: Any) -> Argument:
    """An argument of a command."""
    return Argument(flags, options)


def number(thing: str, low: int, high: int, cure: str = "") -> Type:
    """A whole number in a range, both ends included."""

    def read(text: str) -> int:
        if text.isdecimal() and text.isascii() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        raise UsageError(f"{thing} is `{text}`, but must be a whole number from {low} to {high}", cure)

    return read


def one_of(thing: str, allowed: Iterable[str]) -> Type:
    """One of a few words."""
    words = tuple(allowed)

    def read(text: str) -> str:
        if text in words:
            return text
        raise UnknownName(thing, text, words)

    return read


def work_in(workspace: str) -> None:
    """Hand the chosen workspace on through the environment, so that processes started from here agree."""
    if workspace:
        os.environ[WORKSPACE] = workspace
