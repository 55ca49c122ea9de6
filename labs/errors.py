"""Everything a user or the host can do wrong, as one tree.

    LabError                 message: the thing, the value found, the rule; cure: the next step
    ├── UsageError           the command line is wrong (exit code 64)
    ├── NotUp                the cluster is not running
    ├── ApiError             the API answered with an error Status (labs.kube.client)
    └── CourseError          a lab or its workspace is not as it must be
"""

from __future__ import annotations


class LabError(Exception):
    """Base of all errors shown to a user without a traceback."""

    exit_code = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class UsageError(LabError):
    """The command line is wrong."""

    exit_code = 64


class NotUp(LabError):
    """The cluster is not running."""


class CourseError(LabError):
    """A lab or its workspace is not as it must be."""
