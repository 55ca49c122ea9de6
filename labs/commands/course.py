"""Commands of the course: the labs, their tasks, answers, hints and checks."""

from __future__ import annotations

import sys

from labs import lab
from labs.commands.command import Argument, Command, Given, argument, number, work_in
from labs.errors import UsageError
from labs.order import LARGEST_SEED
from labs.show import Progress, look, say


def listing(given: Given) -> int:
    """Show the labs."""
    work_in(given.workspace)
    say(lab.labs_list().text(look(sys.stdout)))
    return 0


def start(given: Given) -> int:
    """Set the stage of a lab and write its notebook."""
    work_in(given.workspace)
    say(lab.start(given.n, given.seed, report=Progress(sys.stdout)))
    return 0


def read(given: Given) -> int:
    """Show the lesson for a terminal."""
    work_in(given.workspace)
    say(lab.read(given.n, given.section))
    return 0


def answer(given: Given) -> int:
    """Record what the learner claims."""
    work_in(given.workspace)
    say(lab.answer(given.n, given.task, " ".join(given.value)))
    return 0


def hint(given: Given) -> int:
    """Show the next hint."""
    work_in(given.workspace)
    say(lab.hint(given.n, given.task))
    return 0


def plot(given: Given) -> int:
    """Draw counts as text."""
    work_in(given.workspace)
    drawn = lab.plot(given.n, given.tasks)
    say(f"{', '.join(given.tasks)}: no answer yet" if drawn is None else repr(drawn))
    return 0


def check(given: Given) -> int:
    """Judge; 0 all passed, 1 something has not, 2 could not be judged."""
    if given.json and given.watch:
        raise UsageError(
            "`--json` and `--watch` do not go together: one is one record, the other never ends",
            f"`lab check {given.n} --json` again and again, or `lab check {given.n} --watch`",
        )
    work_in(given.workspace)
    return lab.check(given.n, given.task, json=given.json, junit=given.junit, watch=given.watch)


def reset(given: Given) -> int:
    """Begin a lab again, or with all machines as they were made."""
    work_in(given.workspace)
    if given.machines == (given.n is not None):
        raise UsageError(
            "`lab reset` begins one lab again, or makes all machines and objects anew: one of both",
            "`lab reset 3`, or `lab reset --machines`",
        )
    if given.machines:
        say(lab.reset_machines(report=Progress(sys.stdout)))
        return 0
    say(lab.reset(given.n, report=Progress(sys.stdout)))
    return 0


def solve(given: Given) -> int:
    """Do a lab as a learner would."""
    work_in(given.workspace)
    return lab.solve(given.n, given.show)


def new_lab(given: Given) -> int:
    """Make the folder of a lab that is yet to be written."""
    say(lab.new_lab(given.slug))
    return 0


N = argument(
    "n", metavar="N", type=number("the lab", 0, 99, "`lab list` shows the labs"), help="the lab's number"
)
WHERE = argument("--workspace", metavar="DIR", default="", help="your folder of notebooks and answers")

COMMANDS = (
    Command("list", "the labs, and how far you are", "lab list", listing, (WHERE,)),
    Command(
        "start",
        "set the stage of a lab and write its notebook",
        "lab start 3",
        start,
        (
            N,
            argument(
                "--seed",
                metavar="S",
                type=number("--seed", 0, LARGEST_SEED, "0 gives the article's own values"),
                help="draws names, ports and counts; yours if not given, 0: the article's own",
            ),
            WHERE,
        ),
    ),
    Command(
        "read",
        "the lesson, with your own values, for a terminal",
        "lab read 3 4",
        read,
        (
            N,
            argument(
                "section",
                metavar="SECTION",
                nargs="?",
                type=number("the section", 1, 99, "`lab read N | grep '## '` shows the sections"),
                help="only this one, by its number",
            ),
            WHERE,
        ),
    ),
    Command(
        "answer",
        "record an answer to a task",
        "lab answer 3 mode iptables",
        answer,
        (
            N,
            argument("task", metavar="TASK", help="the task's name"),
            argument("value", metavar="VALUE", nargs="+", help="what you claim"),
            WHERE,
        ),
    ),
    Command(
        "hint",
        "the next hint of a task",
        "lab hint 3 mode",
        hint,
        (
            N,
            argument(
                "task", metavar="TASK", nargs="?", default="", help="if not given: the first not passed"
            ),
            WHERE,
        ),
    ),
    Command(
        "check",
        "judge your answers against the kernel",
        "lab check 3",
        check,
        (
            N,
            argument("task", metavar="TASK", nargs="?", default="", help="only this one"),
            argument("--json", action="store_true", help="the result record for programs"),
            argument("--junit", metavar="FILE", default="", help="write the result as JUnit XML too"),
            argument("--watch", action="store_true", help="again whenever something changes"),
            WHERE,
        ),
    ),
    Command(
        "plot",
        "draw the counts that you have answered",
        "lab plot 4 requests",
        plot,
        (N, argument("tasks", metavar="TASK", nargs="+", help="one, or several side by side"), WHERE),
    ),
    Command(
        "reset",
        "begin a lab again; or have the machines and objects as they were made",
        "lab reset 3",
        reset,
        (
            Argument(N.flags, {**N.options, "nargs": "?"}),
            argument(
                "--machines",
                action="store_true",
                help="all machines and objects as `lab up` first made them, whatever was done to them; "
                "notebooks and answers stay",
            ),
            WHERE,
        ),
    ),
    Command(
        "solve",
        "do a lab from its solution, through the commands you have",
        "lab solve 3 --show",
        solve,
        (N, argument("--show", action="store_true", help="only show the commands"), WHERE),
    ),
    Command(
        "new-lab",
        "for teachers: a folder for a lab of your own, which works already",
        "lab new-lab 12-source-ranges",
        new_lab,
        (argument("slug", metavar="NN-SLUG", help="the folder's name: a number and a few words"),),
    ),
)
