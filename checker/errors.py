"""What can keep the grader from judging, as one tree.

    CheckerError           message: the thing, the value found, the rule; cure: the next step
    ├── WrongUsage         the command line is wrong (exit code 64)
    ├── LabInvalid         a lab's own files are not as they must be: our fault
    └── Broken             the world could not be read: the environment's fault, costs no points

A learner's mistake is none of these: it is `checker.expectations.Wrong`.
"""

from __future__ import annotations


class CheckerError(Exception):
    """Base of all errors of this package; ``cure`` is the next step for a person, or empty."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class WrongUsage(CheckerError):
    """The command line is wrong."""


class LabInvalid(CheckerError):
    """A lab's own files are not as they must be."""


class Broken(CheckerError):
    """The world could not be read, so nothing can be said about the learner's work.

    `passing`: it may pass by itself within seconds (a daemon is being started again), so try once more.
    """

    def __init__(self, message: str, cure: str = "", *, passing: bool = False) -> None:
        super().__init__(message, cure)
        self.passing = passing
