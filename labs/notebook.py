"""What a lesson's cells can say: `%%on MACHINE`, `answer(…)`, `check()`, `hint(…)`, `plot(…)`.

`%load_ext labs.notebook` puts these into the notebook; the kernel of `lab notebook` has loaded it already.
Each calls one function of `labs.lab`, as the `lab` command does, so notebook and terminal always agree. What
a learner or the host can cause is shown as a message and its cure, and stops a "run all", but without a
traceback.

Nothing of ours is imported at the top but errors: a learner's own `vm.py` beside the notebook must be found
out first.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from labs.errors import HostFailed, LabError, UnknownName, UsageError

if TYPE_CHECKING:
    from labs.config import Home
    from vm.inventory import Inventory

OURS = ("labs", "checker", "vm")
HOST = "host"  # `%%on host`: the learner's own shell
Shell = Any  # IPython's InteractiveShell


class Shadowed(LabError):
    """A file of the learner's stands before a package of ours."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(
            f"`import {name}` finds {found}, not the package of the lab",
            'rename that file, or choose the kernel "kube-proxy lab" (`lab notebook` has it), and restart',
        )


@dataclass
class Lesson:
    """The lab that this notebook is about, and what is called in its cells."""

    number: int | None = None

    def answer(self, task: str, value: object) -> None:
        """Record what you claim; an empty value records nothing."""
        if value in (None, "", [], {}):
            say(f"{task}: no answer yet")
        else:
            with plainly():
                say(laboratory().answer(self.chosen(), task, value))

    def check(self, task: str = "") -> None:
        """Judge all your answers, or one task's, and show the result as a table."""
        from IPython.display import display

        from labs.results import Result

        with plainly():
            display(Result(laboratory().judge(self.chosen(), task)))

    def plot(self, *tasks: str) -> None:
        """Draw the counts that you have answered: of one task beside even shares, of several side by side."""
        from IPython.display import display

        with plainly():
            drawn = laboratory().plot(self.chosen(), tasks)
        say(f"{', '.join(tasks)}: no answer yet") if drawn is None else display(drawn)

    def hint(self, task: str = "") -> None:
        """Show the next hint of a task; without one, of the first that has not passed."""
        with plainly():
            show(laboratory().hint(self.chosen(), task))

    def choose(self, line: str) -> None:
        """`%lab N`: say which lab this notebook is about."""
        if not line.strip().isdecimal():
            raise UsageError(f"`%lab {line}`: a lab has a number", "for example: `%lab 3`")
        self.number = int(line)

    def chosen(self) -> int:
        """The lab's number; UsageError where neither the folder nor `%lab` says it."""
        if self.number is None:
            raise UsageError(
                f"which lab is this? Its folder would say, but {Path.cwd()} is none of a lab",
                "say it: `%lab 3`",
            )
        return self.number


def course() -> None:
    """Show the labs and how far you are."""
    with plainly():
        show(laboratory().course_page())


def on(line: str, cell: str) -> None:
    """`%%on MACHINE`: run the cell there as a bash script of root; on `host`: in your own shell."""
    from vm import command

    name = line.strip()
    words = ["bash", "-c", cell]
    with plainly():
        if name == HOST:
            code = command.stream(words, write, env=host_environment())
        else:
            code = machine(name).stream(words, write)
    if code:
        say(f"(exit code {code})")


def machine(name: str) -> Any:
    """A machine of the running cluster; UnknownName with those there are."""
    running = cluster()
    if name not in running.machines:
        raise UnknownName("machine", name, [*running.machines, HOST], "for example: `%%on worker-1`")
    return running.machine(name)


def cluster() -> Inventory:
    """The cluster that runs; NotUp, or NotRunning, with the cure."""
    from labs.errors import NotUp
    from vm import inventory

    home = enterable()
    running = inventory.load(home.inventory)
    if not running.alive():
        raise NotUp(f"no cluster is running in {home.path}", "`lab up` starts it")
    return running


def enterable() -> Home:
    """The state folder of a lab that this process may enter; raises LabError."""
    from labs import config, sudo

    home = config.home()
    if sudo.started_by_root(home):  # a command would begin again as root; a notebook cannot halfway
        raise LabError(
            "this lab was started by root", "close this notebook; `lab notebook` goes through sudo"
        )
    return home


def host_environment() -> dict[str, str]:
    """The learner's own shell, as after `eval "$(lab env)"`."""
    from labs import config
    from labs.jupyter import environment

    ours = environment(config.home(), config.workspace())
    return {**os.environ, "PATH": ours["PATH"], "KUBECONFIG": ours["KUBECONFIG"], "TERM": "dumb"}


def laboratory() -> Any:
    """`labs.lab`, imported when a cell first needs it."""
    from labs import lab

    enterable()
    return lab


def load_ipython_extension(shell: Shell) -> None:
    """Called by `%load_ext labs.notebook`; a second time it changes nothing but the lab's number."""
    shell.set_custom_exc((LabError,), told)
    require_ours()
    from checker.errors import CheckerError
    from vm.errors import MachineError

    shell.set_custom_exc((LabError, CheckerError, MachineError), told)
    lesson = Lesson(number_of(Path.cwd()))
    shell.register_magic_function(on, magic_kind="cell", magic_name="on")
    for name, function in (("lab", lesson.choose), ("check", lesson.check), ("hint", lesson.hint)):
        shell.register_magic_function(function, magic_kind="line", magic_name=name)
    said = {"answer": lesson.answer, "check": lesson.check, "hint": lesson.hint, "plot": lesson.plot}
    shell.push(said)


def require_ours() -> None:
    """Raise Shadowed if labs, checker or vm would come from another place than this file."""
    ours = Path(__file__).resolve().parent.parent
    for name in OURS:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found != ours / name / "__init__.py":
            raise Shadowed(name, str(found or "nothing"))


def number_of(folder: Path) -> int | None:
    """The lab's number from its folder in the workspace (NN-slug); None for another folder."""
    found = re.match(r"(\d+)-", folder.name)
    return int(found.group(1)) if found else None


def told(
    shell: Shell,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """Show an error as a message and its cure. IPython takes the lines in the place of a traceback."""
    cure = str(getattr(error, "cure", ""))
    lines = [f"lab: {error}", *([f"  → {cure}"] if cure else [])]
    shell._showtraceback(kind, error, lines)
    return lines


@contextmanager
def plainly() -> Iterator[None]:
    """Make an error of the system a message: of ours only, the learner's own code keeps its tracebacks."""
    try:
        yield
    except OSError as error:
        raise HostFailed(error) from error


def show(markdown: str) -> None:
    """Show prose that wraps, where a terminal's text would not."""
    from IPython.display import display

    from labs.results import Prose

    display(Prose(markdown))


def write(text: str) -> None:
    """Show text of a command as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def say(text: str) -> None:
    """Show a line."""
    write(text.rstrip("\n") + "\n")
