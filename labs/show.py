"""What a person sees: plain-text tables, steps with their times, marks in colour.

Everything here takes text and gives text; only `say` and `Progress` write. A `Look` says what a stream can
show: colours only on a terminal and not with NO_COLOR (https://no-color.org), a line that changes only on a
terminal, ✓ and ✗ only where the encoding has them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

Clock = Callable[[], float]
Row = Sequence[str]

PLAIN_MARKS = {"✓": "ok", "✗": "FAIL", "–": "-", "…": "...", "→": "->", "!": "!"}
COLOURS = {"✓": "32", "✗": "31", "!": "33", "–": "2", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a stream can show."""

    colour: bool = False
    unicode: bool = True
    live: bool = False

    def mark(self, sign: str) -> str:
        """One of ✓ ✗ – … → !, as this stream can show it."""
        return self.paint(sign if self.unicode else PLAIN_MARKS[sign], sign)

    def paint(self, text: str, how: str) -> str:
        """`text` in the colour of a mark, bold or dim, where colours are wanted."""
        code = COLOURS.get(how, "")
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text


def look(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Look:
    """What `stream` can show."""
    terminal = stream.isatty() and environ.get("TERM") != "dumb"
    try:
        "✓✗–…→".encode(stream.encoding or "ascii")
        unicode = True
    except UnicodeEncodeError:
        unicode = False
    return Look(colour=terminal and not environ.get("NO_COLOR"), unicode=unicode, live=terminal)


def say(text: str) -> None:
    """Write to standard output, at once, with one newline at the end."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table, with what is to be said after it."""

    title: str = ""
    header: Row = ()
    rows: Sequence[Row] = ()
    note: str = ""

    def text(self, how: Look) -> str:
        """The section as lines, without a final newline."""
        parts = (how.paint(self.title, "bold"), table(self.rows, self.header, how), self.note)
        return "\n".join(part for part in parts if part)


def sections(parts: Sequence[Section], how: Look) -> str:
    """Several sections with an empty line between them."""
    return "\n\n".join(part.text(how) for part in parts)


def table(rows: Sequence[Row], header: Row = (), how: Look = Look()) -> str:
    """Aligned columns, two spaces apart, no lines drawn: as kubectl's, so `awk` and `column` can read it."""
    heads = [[cell.upper() for cell in header]] if header else []
    cells = heads + [[str(cell) for cell in row] for row in rows]
    count = max((len(row) for row in cells), default=0)
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(count)]
    lines = ["  ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() for row in cells]
    if heads:
        lines[0] = how.paint(lines[0], "dim")
    return "\n".join(lines)


class Progress:
    """Steps as they happen: called with what has just been done, it writes it with the time it took.

    On a terminal `step` shows what is being done on a line that is then written over. There is no ticking
    thread: the lab's first process is forked from the one that shows this.
    """

    def __init__(self, stream: TextIO, how: Look | None = None, clock: Clock = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.look = how or look(stream)
        self.began = self.last = clock()

    def __call__(self, done: str) -> None:
        """`done` has just happened; its time is counted from the step before."""
        self._finish("✓", done)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Show `doing` while the block runs; ✗ if it ends with an error."""
        self.last = self.clock()
        if self.look.live:
            self._write(f"{self.look.mark('…')} {doing}")
        try:
            yield
        except BaseException:
            self._finish("✗", doing)
            raise
        self._finish("✓", doing)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self.clock() - self.began

    def _finish(self, mark: str, text: str) -> None:
        now = self.clock()
        clear = "\r\x1b[K" if self.look.live else ""
        took = self.look.paint(f"{now - self.last:.2f} s", "dim")
        self._write(f"{clear}{self.look.mark(mark)} {text}  {took}\n")
        self.last = now

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
