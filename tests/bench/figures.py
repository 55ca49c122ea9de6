"""A figure beside its limit, and the table they make: one that can be pasted into a README as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Limit:
    """What a figure has to keep (must) and what it should reach (aim); ``least`` turns «at most» round."""

    must: float | None = None
    aim: float | None = None
    least: bool = False
    unit: str = "×"

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        named = {f"{sign} %s": self.must, f"aim {sign} %s": self.aim}
        return ", ".join(
            text % f"{value:g} {self.unit}".rstrip() for text, value in named.items() if value is not None
        )

    def met(self, value: float) -> str:
        """The last word of a row."""
        if self.must is not None and not self._keeps(value, self.must):
            return "NO"
        if self.aim is not None:
            return self._aimed(value, self.aim)
        return "yes" if self.must is not None else ""

    def _aimed(self, value: float, aim: float) -> str:
        if self._keeps(value, aim):
            return "yes, the aim too" if self.must is not None else "yes"
        return "yes" if self.must is not None else "not the aim"

    def _keeps(self, value: float, limit: float) -> bool:
        return value >= limit if self.least else value <= limit


NO_LIMIT = Limit()


class Row(NamedTuple):
    """A line of the table."""

    what: str
    here: str
    limit: str = ""
    met: str = ""


def row(what: str, value: float, here: str, limit: Limit = NO_LIMIT) -> Row:
    """``value`` is judged, ``here`` is shown."""
    return Row(what, here, str(limit), limit.met(value))


def against(what: str, ours: float, bare: float, limit: Limit, *, unit: str = "s") -> Row:
    """Two measures of one run (seconds), as they are and as the ratio that the limit is about."""
    scale, digits = (1000, 0) if unit == "ms" else (1, 2)
    ratio = ours / bare
    here = f"{ours * scale:.{digits}f} {unit}, bare {bare * scale:.{digits}f} {unit}: {ratio:.2f} ×"
    return row(what, ratio, here, limit)


def table(title: str, rows: Iterable[Row]) -> str:
    """The rows under their title."""
    lines = [Row(title, "here", "limit", "met"), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], Row(*("-" * width for width in widths)), *lines[1:]]
    return "\n".join(_line(each, widths) for each in ruled)


def _line(cells: Row, widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
