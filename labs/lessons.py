"""The labs as a learner goes through them: start, answer, hint, check, reset, and solve for who tests them.

Marks come from the cluster and from ``answers.yaml`` alone: the grader is a process of its own that is told
where these are and nothing else of the learner's environment.
"""

from __future__ import annotations

import getpass
import json as text_of
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from checker import answers
from checker.evidence import clock
from checker.expectations import Wrong
from checker.report import Record
from labs import config, course, coursepage, modes, readiness, reading, results, stage, variants, watching
from labs.course import Lab
from labs.errors import CourseError, NotJudged
from labs.plot import Plot
from labs.progress import summary
from labs.running import backend, enter, here
from labs.show import Progress, Section, look, say
from labs.variants import Variant
from labs.workspace import Desk
from vm import command
from vm.command import Completed
from vm.errors import CommandTimeout

KEPT = ("HOME", "LANG", "PATH", "TERM", "TZ", "NO_COLOR")  # what the grader sees of the environment
GRADING = 120.0  # seconds for all of a check; it retries until the cluster has converged,
SETTLING = 5.0  # within these
WIDTH = 100  # of a line of prose
SOLVE, OFF = "LAB_SOLVE", ("off", "no", "0")  # how a teacher switches `lab solve` off


def labs_list() -> Section:
    """The labs and how far the learner is."""
    shown = coursepage.progress(config.home(), config.workspace())
    head = ("lab", "title", "time", "mode", "points", "")
    rows = [(str(each.lab.number), each.lab.title, *each.cells()) for each in shown]
    return Section(header=head, rows=rows, note=f"\n{summary(shown)}")


def course_page() -> str:
    """The same in Markdown, with links, for the notebook."""
    return coursepage.table(coursepage.progress(config.home(), config.workspace()))


def start(n: int, seed: int | None, report: Progress) -> str:
    """Set the stage of a lab, draw the learner's variant, write the notebook."""
    lab = course.find(n)
    chosen = variants.default_seed(lab.slug, _user()) if seed is None else seed
    variant = lab.variant(chosen)
    _set(lab, variant, report)
    done = _desk(lab).start(variant)
    return "\n".join(
        (
            f"Lab {lab.number}: {lab.title}, about {lab.minutes} minutes, {lab.points} points.",
            *(f"  {line}" for line in (*wrap(lab.about, WIDTH), *done, *_unmet(lab))),
            "Read it in JupyterLab:  lab notebook",
            f"Or in a terminal:       lab read {n} | less      lab answer {n} TASK VALUE      lab check {n}",
        )
    )


def read(n: int, section: int | None) -> str:
    """The lesson with the learner's own values for a terminal, all of it or one section."""
    lab = course.find(n)
    return reading.terminal(lab.lesson(_desk(lab).begun()), n, section)


def answer(n: int, task: str, value: Any) -> str:
    """Record what the learner claims, with the evidence of the moment."""
    from checker import gather
    from checker.errors import Broken

    if value is None or value in ("", [], {}):
        raise CourseError(f"the answer to `{task}` is empty", f"`lab hint {n} {task}` helps to find one")
    enter(config.home())
    desk = _desk(course.find(n))
    desk.record(task, value)
    try:
        desk.remember(task, value, gather.gather(config.home().inventory))
    except Broken as error:
        cure = f"\n  {look(sys.stdout).mark('→')} {error.cure}" if error.cure else ""
        return f"Recorded, without a look at the cluster: {error}{cure}"
    return f"Recorded. `lab check {n}` judges it."


def plot(n: int, tasks: Sequence[str]) -> Plot | None:
    """The counts that the learner has answered to tasks, to be drawn; None while an answer is missing."""
    lab = course.find(n)
    given = answers.load(_desk(lab).answers, n)
    if not all(given.given(lab.task(task).name) for task in tasks):
        return None
    try:
        counts = {task: given.counts(task) for task in tasks}
    except Wrong as error:
        raise CourseError(f"{', '.join(tasks)} cannot be drawn: {error.found}", error.next) from error
    if not all(sum(each.values()) for each in counts.values()):
        raise CourseError(
            f"{', '.join(tasks)}: nothing was counted", "answer with the lines that were counted"
        )
    if len(tasks) == 1:
        return Plot(f"lab {n}, {tasks[0]}", counts[tasks[0]])
    rows = {f"{task}: {name}": count for task, own in counts.items() for name, count in own.items()}
    return Plot(f"lab {n}", rows, even=False)


def hint(n: int, task: str) -> str:
    """The next hint of a task; of the first that has not passed, if none is named."""
    desk = _desk(course.find(n))
    name = task or desk.next_task()
    number, of, text = desk.hint(name)
    return f"{name}, hint {number} of {of}: {text}"


def judge(n: int, task: str = "") -> Record:
    """Run the grader and keep its record; prints nothing."""
    enter(config.home())
    desk = _desk(course.find(n))
    done = _grade(desk, f"--task={task}" if task else "", "--json=-")
    found = _record(done)
    if not task:
        desk.keep(found)
    return Record.from_json(found)


def check(n: int, task: str = "", *, json: bool, junit: str, watch: bool) -> int:
    """Judge and show, all or one task: 0 all passed, 1 something has not, 2 something could not be judged.

    With `watch` again whenever the cluster or an answer changes, until all has passed.
    """
    lab = course.find(n)
    if task:
        lab.task(task)
    answers, inventory = _desk(lab).answers, config.home().inventory
    before: Record | None = None
    while True:
        seen = watching.look(answers, inventory) if watch else watching.Glance("")
        record = judge(n, task)
        _write(record, before, json=json, junit=junit)
        if not watch or record.exit_code == 0:
            return record.exit_code
        before = record
        say(f"\n{clock(record.taken)}: waiting for the cluster or an answer to change (Ctrl-C ends it)\n")
        watching.until_changed(answers, inventory, seen)


def reset(n: int, report: Progress) -> str:
    """The lab as it was right after `start`; the learner's files move to a backup."""
    here()
    lab = course.find(n)
    desk = _desk(lab)
    _set(lab, desk.begun(), report)
    return "\n".join((*desk.reset(), f"Lab {n} is as it was at its start."))


def solve(n: int, show: bool) -> int:
    """Do the lab from its solution, through a learner's commands; or show it, once it has passed."""
    if os.environ.get(SOLVE, "").lower() in OFF:
        raise CourseError(f"your teacher has switched `lab solve` off ({SOLVE})", f"`lab hint {n}` helps")
    lab = course.find(n)
    desk = _desk(lab)
    script = lab.solution(desk.begun())
    if show:
        if not desk.passed():
            raise CourseError(
                f"lab {n} has not passed yet: its model way is shown once all {lab.points} points are yours",
                f"`lab check {n}` shows what is missing, `lab hint {n}` helps",
            )
        say(script)
        return 0
    here()
    folder = Path(sys.executable).parent
    words = {"PATH": f"{folder}:{os.environ.get('PATH', '')}", "KUBECONFIG": str(config.home().kubeconfig)}
    return command.passthrough(["bash", "-c", script], env={**os.environ, **words})


def _set(lab: Lab, variant: Variant, report: Progress) -> None:
    """Set the stage: every node in the lab's mode, the lab's objects as at the beginning."""
    running = here()
    modes.begin(lab.mode, report)
    for machine, script in lab.tidying(variant).items():
        running.machine(machine).run(["sh", "-c", script])
    stage.lay(Path(running.kubeconfig), lab, variant)
    report(f"the stage of lab {lab.number} is set")


def _unmet(lab: Lab) -> list[str]:
    """What the lab needs of this host and does not find, with the cure; virtual machines have it all."""
    if not lab.needs or backend(config.home()) != "namespaces":
        return []
    from vm import doctor

    return [
        f"! it needs {each.name} ({each.why}): {each.found}; {each.cure}" for each in doctor.unmet(lab.needs)
    ]


def _desk(lab: Lab) -> Desk:
    return Desk.of(lab, config.workspace(), config.home().grading)


def _grade(desk: Desk, *options: str) -> Completed:
    home = config.home()
    times = readiness.slowness(home.kubeconfig)
    argv = desk.checker(home.inventory, f"--deadline={SETTLING * times:g}", *filter(None, options))
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        return command.run(argv, check=False, timeout=GRADING * times, env=kept)
    except CommandTimeout as error:
        raise NotJudged(f"the grader did not finish: {error}", "`lab status` shows the cluster") from error


def _record(done: Completed) -> dict[str, Any]:
    """The record that the grader printed; NotJudged, with its last words, if it printed none."""
    try:
        found = text_of.loads(done.stdout)
    except ValueError:
        found = None
    if isinstance(found, dict) and done.returncode in (0, 1, 2):
        return found
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    raise NotJudged(
        f"the grader did not finish (exit code {done.returncode}): {said[-1]}",
        "`make up` in the lab's folder installs what is missing, `lab doctor` looks at the host",
    )


def _write(record: Record, before: Record | None, *, json: bool, junit: str) -> None:
    from checker import report

    if json:
        say(text_of.dumps(record.to_json(), indent=2, ensure_ascii=False))
    else:
        say(results.text(record, look(sys.stdout), before))
    if junit:
        Path(junit).write_text(report.junit(record), encoding="utf-8")


def _user() -> str:
    """Whose lab it is: under sudo, of the one who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
