"""The four ways a check can end, and what follows from them.

`broken` is not `failed`: it says that *we* could not judge (the cluster is down, a machine does not
answer, a check has a fault of its own). It never costs points, and it wins over all others in the exit
code, so that a script cannot take "not looked at" for "right" or "wrong".
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """How a check, a task or a whole lab ended."""

    PASSED = "passed"
    BLOCKED = "blocked"
    FAILED = "failed"
    BROKEN = "broken"


SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}
EXIT_CODES = {Outcome.PASSED: 0, Outcome.BLOCKED: 1, Outcome.FAILED: 1, Outcome.BROKEN: 2}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of the whole: the most severe of its parts, passed if there are none."""
    return max(outcomes, key=SEVERITY.__getitem__, default=Outcome.PASSED)


def exit_code(outcome: Outcome) -> int:
    """Any broken → 2, else any failed or blocked → 1, else 0."""
    return EXIT_CODES[outcome]
