"""What the commands ask of `labs.lab`, written down once.

The commands import the real module when one of them runs: `lab --help` must not pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labs.show import Progress, Section


class Summary(Protocol):
    """What `up` ends with: the nodes, the pods, the answers; then commands worth trying."""

    def sections(self) -> Sequence[Section]:
        """To be shown one under the other."""

    def next_steps(self) -> Sequence[str]:
        """Commands, ready to be typed."""


class Status(Protocol):
    """What `status` shows, running or not."""

    @property
    def running(self) -> bool:
        """Whether there is a cluster."""

    def sections(self) -> Sequence[Section]:
        """To be shown one under the other."""

    def as_json(self) -> object:
        """The same for programs."""


class Lab(Protocol):
    """The laboratory. Texts are shown as they are; numbers are exit codes, their output is out already."""

    def up(self, *, nodes: int | None, mode: str, backend: str, root: bool, report: Progress) -> Summary:
        """Make the cluster run."""

    def down(self, purge: bool) -> str:
        """Take it away; with `purge` its objects too."""

    def status(self) -> Status:
        """What runs."""

    def environment(self, shell: str) -> str:
        """Commands for `eval` that make kubectl and lab work in the shell."""

    def kubectl(self, argv: Sequence[str]) -> int:
        """The lab's kubectl."""

    def shell(self, target: str, argv: Sequence[str]) -> int:
        """A shell, or `argv`, on a machine or in a pod."""

    def labs_list(self) -> Section:
        """The labs and how far the learner is."""

    def start(self, n: int, seed: int | None) -> str:
        """Set the stage of lab `n` and write its notebook; `seed` None is the user's own."""

    def answer(self, n: int, task: str, value: str) -> str:
        """Record an answer."""

    def hint(self, n: int, task: str) -> str:
        """The next hint of a task; "" is the first task not passed."""

    def check(self, n: int, *, json: bool, junit: str, watch: bool) -> int:
        """Judge and show the result."""

    def reset(self, n: int) -> str:
        """Lab `n` as it was right after `start`."""

    def notebook(self, argv: Sequence[str]) -> int:
        """JupyterLab on the workspace; `argv` goes to it."""

    def mode(self, wanted: str, *, report: Progress) -> str:
        """Change the proxy mode of every node."""

    def solve(self, n: int, show: bool) -> int:
        """Do lab `n` from its solution, or only show the commands."""


def lab() -> Lab:
    """The laboratory, imported now."""
    from labs import lab as module

    return module
