"""The laboratory: what the `lab` command and the notebooks can ask for, a function a verb.

Each verb is imported when it is called. `lab shell` and `lab kubectl` are typed a hundred times in a lab and
must not wait for what `lab up` needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.report import Record
    from labs.order import Order
    from labs.plot import Plot
    from labs.show import Progress, Section
    from labs.summary import Status, Summary


def up(order: Order, backend: str, *, report: Progress) -> Summary:
    """Make the cluster run, showing the steps; `backend` "" is the one that is there."""
    from labs import upkeep

    return upkeep.up(order, backend, report=report)


def down(purge: bool) -> str:
    """Take it away; with `purge` its objects too."""
    from labs import upkeep

    return upkeep.down(purge)


def status() -> Status:
    """What runs."""
    from labs import upkeep

    return upkeep.status()


def mode(wanted: str, *, nodes: Sequence[str] = (), scheduler: str = "", report: Progress) -> str:
    """Change the proxy mode of every node, or of some, as an operator would."""
    from labs import modes

    return modes.mode(wanted, nodes=nodes, scheduler=scheduler, report=report)


def modes_list() -> Section:
    """Which node runs which proxy mode."""
    from labs import modes

    return modes.listing()


def environment(shell: str) -> str:
    """Commands for `eval` that make kubectl and lab work in the shell."""
    from labs import entry

    return entry.environment(shell)


def kubectl(argv: Sequence[str]) -> int:
    """The lab's kubectl."""
    from labs import entry

    return entry.kubectl(argv)


def shell(target: str, argv: Sequence[str]) -> int:
    """A shell, or `argv`, on a machine or in a pod."""
    from labs import entry

    return entry.shell(target, argv)


def notebook(argv: Sequence[str]) -> int:
    """JupyterLab on the workspace; `argv` goes to it."""
    from labs import jupyter

    return jupyter.notebook(argv)


def labs_list() -> Section:
    """The labs and how far the learner is."""
    from labs import lessons

    return lessons.labs_list()


def course_page() -> str:
    """The labs and how far the learner is, in Markdown."""
    from labs import lessons

    return lessons.course_page()


def start(n: int, seed: int | None, *, report: Progress) -> str:
    """Set the stage of lab `n` and write its notebook; `seed` None is the user's own."""
    from labs import lessons

    return lessons.start(n, seed, report)


def read(n: int, section: int | None) -> str:
    """The lesson of lab `n` for a terminal, or one section of it."""
    from labs import lessons

    return lessons.read(n, section)


def answer(n: int, task: str, value: Any) -> str:
    """Record an answer, with the evidence of the moment."""
    from labs import lessons

    return lessons.answer(n, task, value)


def plot(n: int, tasks: Sequence[str]) -> Plot | None:
    """The counts answered to one task, or to several, as a picture."""
    from labs import lessons

    return lessons.plot(n, tasks)


def hint(n: int, task: str) -> str:
    """The next hint of a task; "" is the first task not passed."""
    from labs import lessons

    return lessons.hint(n, task)


def check(n: int, task: str = "", *, json: bool, junit: str, watch: bool) -> int:
    """Judge all, or one task, and show the result."""
    from labs import lessons

    return lessons.check(n, task, json=json, junit=junit, watch=watch)


def judge(n: int, task: str = "") -> Record:
    """The record of a check, of one task or of all; shows nothing."""
    from labs import lessons

    return lessons.judge(n, task)


def reset(n: int, *, report: Progress) -> str:
    """Lab `n` as it was right after `start`."""
    from labs import lessons

    return lessons.reset(n, report)


def reset_machines(*, report: Progress) -> str:
    """All machines and objects as they were made."""
    from labs import upkeep

    return upkeep.reset(report=report)


def solve(n: int, show: bool) -> int:
    """Do lab `n` from its solution, or only show the commands."""
    from labs import lessons

    return lessons.solve(n, show)


def new_lab(slug: str) -> str:
    """Make the folder of a lab that is yet to be written."""
    from labs import newlab

    folder = newlab.make(slug)
    return f"{folder} is a small lab that works. Write on: content/README.md tells how."
