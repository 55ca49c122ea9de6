"""A line a mode over the number of Services, as SVG: both axes by powers, so that flat is flat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 48, 48
COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#e69f00")
"""They differ for the colour-blind too (Okabe and Ito)."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)

Lines = Mapping[str, Sequence[tuple[int, float]]]
"""Name → (number of Services, how many times as long as without a Service)."""


class Plot:
    """From figures to places."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        points = [point for line in lines.values() for point in line]
        self.counts = sorted({count for count, _ in points})
        top = max(value for _, value in points)
        self.ticks = [tick for tick in TICKS if tick <= top * 2]

    def across(self, count: float) -> float:
        """Where a number of Services stands."""
        first, last = math.log(self.counts[0]), math.log(self.counts[-1])
        return LEFT + (math.log(count) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Where a ratio stands; less than none is none."""
        share = math.log(max(value, 1)) / math.log(self.ticks[-1])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def text(self) -> str:
        """The picture."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="13">'
        )
        parts = (f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *self._axes(), *self._lines())
        return "\n".join((head, *parts, "</svg>")) + "\n"

    def _axes(self) -> Iterator[str]:
        title = "First answer of a new connection: times as long as without rules"
        yield f'<text x="{LEFT}" y="24" font-size="15">{title}</text>'
        for tick in self.ticks:
            y = self.down(tick)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick} ×</text>'
        for count in self.counts:
            x = self.across(count)
            yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{count:,}</text>'
        yield f'<text x="{self.across(self.counts[-1])}" y="{HEIGHT - 8}" text-anchor="end">Services</text>'

    def _lines(self) -> Iterator[str]:
        labels = self._labels()
        for (name, line), colour in zip(self.lines.items(), COLOURS, strict=False):
            places = [(self.across(count), self.down(value)) for count, value in line]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
            for x, y in places:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            x = WIDTH - RIGHT + 10
            yield f'<text x="{x}" y="{labels[name]:.1f}" fill="{colour}">{name}</text>'

    def _labels(self) -> dict[str, float]:
        """Beside the ends of their lines, but not over one another."""
        ends = sorted((self.down(line[-1][1]) + 4, name) for name, line in self.lines.items())
        placed: dict[str, float] = {}
        for y, name in ends:
            placed[name] = max([y, *(above + 16 for above in placed.values())])
        return placed


def svg(lines: Lines) -> str:
    """The whole file."""
    return Plot(lines).text()
