"""A learner's counts drawn as bars: in a notebook as a picture, in a terminal as text.

Counts of one measurement are held against even shares: a line, Pearson's χ², and how often chance alone is as
uneven; a lab's marks do not hang on these (`checker.statistics` judges exactly). Counts of several
measurements are only shown side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

WIDTH = 40  # characters of the longest bar
ROW, LEFT, BARS, RIGHT = 26, 260, 420, 60  # pixels
DASHED = 'stroke="currentColor" stroke-dasharray="4"'
BLUE = "#4c8bf5"  # seen on light and on dark


@dataclass(frozen=True)
class Plot:
    """Counts by name; `even` where each is expected to be the same."""

    title: str
    counts: Mapping[str, int]
    even: bool = True

    @property
    def share(self) -> float:
        """What each would have if all had the same."""
        return sum(self.counts.values()) / len(self.counts)

    @property
    def chi_square(self) -> float:
        """Pearson's χ² against even shares."""
        return sum((count - self.share) ** 2 / self.share for count in self.counts.values())

    @property
    def verdict(self) -> str:
        """The even share, χ² and its p in one line; empty where even shares are not expected."""
        freedom = len(self.counts) - 1
        if not self.even:
            return ""
        if not freedom:
            return f"{sum(self.counts.values())} answers, all of one: there is nothing to compare"
        p_value = survival(self.chi_square, freedom)
        told = f"χ² = {self.chi_square:.2f} with {freedom} degrees of freedom, p = {p_value:.2g}"
        return f"even (dashed): {self.share:.1f} each; {told}"

    def __repr__(self) -> str:
        longest, most = max(map(len, self.counts)), max(self.counts.values())
        rows = (
            f"{name:<{longest}}  {count:>5}  {'█' * round(WIDTH * count / most)}"
            for name, count in self.counts.items()
        )
        return "\n".join(filter(None, (self.title, *rows, self.verdict)))

    def _repr_svg_(self) -> str:
        height = ROW * (len(self.counts) + 2)
        scale = BARS / max(*self.counts.values(), self.share)
        at = LEFT + self.share * scale
        line = f'<line x1="{at:.0f}" x2="{at:.0f}" y1="{ROW}" y2="{height - ROW}" {DASHED}/>'
        rows = "".join(self._row(number, scale) for number in range(len(self.counts)))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + BARS + RIGHT}" height="{height}" '
            f'font-family="sans-serif" font-size="13" fill="currentColor" role="img" '
            f'aria-label="{escape(repr(self))}">{text(0, ROW - 9, self.title)}{rows}'
            f"{line if self.even else ''}{text(0, height - 7, self.verdict)}</svg>"
        )

    def _row(self, number: int, scale: float) -> str:
        name, count = list(self.counts.items())[number]
        top = ROW * (number + 1)
        bar = f'<rect x="{LEFT}" y="{top + 4}" width="{count * scale:.0f}" height="{ROW - 8}" fill="{BLUE}"/>'
        return f"{text(0, top + 17, name)}{bar}{text(LEFT + BARS + 8, top + 17, str(count))}"


def text(x: float, y: float, words: str) -> str:
    """An SVG text."""
    return f'<text x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def survival(chi_square: float, freedom: int) -> float:
    """The probability of a χ² as large or larger, by the sums that hold for whole degrees of freedom.

    Abramowitz and Stegun, 26.4.4 (odd) and 26.4.5 (even).
    """
    half = chi_square / 2
    if freedom % 2:
        tail = math.erfc(math.sqrt(half))
        steps = (half ** (k + 0.5) / math.gamma(k + 1.5) for k in range(freedom // 2))
    else:
        tail = 0.0
        steps = (half**k / math.factorial(k) for k in range(freedom // 2))
    return tail + math.exp(-half) * math.fsum(steps)
