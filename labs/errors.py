"""Everything a user or the host can do wrong: each error tells the thing, the value, the rule, and a cure.

    LabError                 message and cure; exit code 1
    ├── UsageError           the command line is wrong (exit code 64)
    │   └── UnknownName      a name that is none of those there are
    ├── HomeUnusable         the state folder or the workspace cannot be made or written
    ├── HostFailed           the system refused: a full disk, rights, a limit
    ├── NotUp                the cluster is not running (exit code 2)
    ├── NotJudged            the grader came to no result (exit code 2)
    └── CourseError          a lab or its workspace is not as it must be

What one module alone finds out stands there, as `labs.kube.client.ApiError` does. `vm` and `checker` have
trees of their own, with the same two fields (`vm.errors`, `checker.errors`).
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path

CURES = {
    errno.ENOSPC: "free some space on that disk, or move the lab: `export LAB_HOME=/a/folder/with/space`",
    errno.EDQUOT: "your disk quota is used up: free some space, or move the lab with LAB_HOME",
    errno.EROFS: "that file system is read-only; choose another folder: `export LAB_HOME=/a/folder/of/yours`",
    errno.EACCES: "whose is it? `ls -ld` shows; the lab works in folders of yours: see LAB_HOME",
    errno.EADDRINUSE: "another program listens there: `ss -tlnp` shows which",
    errno.EMFILE: "raise the limit of open files: `ulimit -n 8192`",
}


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


class HostFailed(LabError):
    """The system refused: a full disk, rights, a limit."""

    def __init__(self, error: OSError) -> None:
        where = f"{error.filename}: " if error.filename else ""
        super().__init__(f"{where}{error.strerror or error}", CURES.get(error.errno or 0, ""))


class NotUp(LabError):
    """The cluster is not running."""

    exit_code = 2


class NotJudged(LabError):
    """The grader came to no result, so nothing is right or wrong."""

    exit_code = 2


class CourseError(LabError):
    """A lab or its workspace is not as it must be."""
