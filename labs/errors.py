"""Everything a user or the host can do wrong, as one tree.

    LabError                 message: the thing, the value found, the rule; cure: the next step
    ├── UsageError           the command line is wrong (exit code 64)
    │   └── UnknownName      a name that is none of those there are
    ├── HomeUnusable         the state folder or the workspace cannot be made or written
    ├── NotUp                the cluster is not running
    ├── ApiError             the API answered with an error Status (labs.kube.client)
    └── CourseError          a lab or its workspace is not as it must be

`vm` and `checker` have trees of their own, with the same two fields (`vm.errors`, `checker.errors`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class LabError(Exception):
    """Base of all errors shown to a user without a traceback."""

    exit_code = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class UsageError(LabError):
    """The command line is wrong."""

    exit_code = 64


class UnknownName(UsageError):
    """A name that is none of those there are; the cure is the nearest of them, if one is near."""

    def __init__(self, thing: str, found: str, allowed: Iterable[str], cure: str = "") -> None:
        names = list(allowed)
        near = difflib.get_close_matches(found, names, n=1)
        super().__init__(
            f"there is no {thing} `{found}`; there are: {', '.join(names) or 'none'}",
            f"did you mean `{near[0]}`?" if near else cure,
        )


class HomeUnusable(LabError):
    """The state folder or the workspace cannot be made or written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the lab's folder {path} cannot be used: {reason}",
            "free it, or choose another folder: `export LAB_HOME=/a/folder/of/yours`",
        )


class NotUp(LabError):
    """The cluster is not running."""

    exit_code = 2


class CourseError(LabError):
    """A lab or its workspace is not as it must be."""
