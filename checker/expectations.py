"""How a check says that something is not right.

A check that does not hold ends with `wrong(...)`. The three sentences it gives are all a learner sees, so
they are ruled: `expected` says *what kind of thing* belongs there and never the value, `found` shows what
the learner gave or the cluster has, `next` is something to do.
"""

from __future__ import annotations

from typing import NoReturn


class Wrong(Exception):
    """The world, or an answer about it, is not as the check's sentence says."""

    def __init__(self, expected: str, found: str, next: str) -> None:
        super().__init__(f"expected {expected}; found {found}; next: {next}")
        self.expected, self.found, self.next = expected, found, next


def wrong(*, expected: str, found: str, next: str) -> NoReturn:
    """End a check as failed: what was expected *in kind*, what was found, what to do next."""
    raise Wrong(expected, found, next)
