"""One record of a check of a lab; JSON, JUnit XML and text are ways to write it down.

The JSON is versioned by ``schema`` and described in ``checker/README.md``. Points that could not be judged
(`broken`) are counted apart: they are neither won nor lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any
from xml.etree import ElementTree

from checker.outcomes import Outcome, exit_code, worst

SCHEMA = 1
ABOUT = ("lab", "slug", "title", "seed", "taken", "seconds", "fault")
MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.BLOCKED: "–", Outcome.BROKEN: "!"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One sentence and how it ended; `note` is for the teacher."""

    name: str
    task: str
    sentence: str
    of: int
    outcome: Outcome
    expected: str = ""
    found: str = ""
    next: str = ""
    note: str = ""

    @property
    def points(self) -> int:
        """The points won: all or none, a check is one sentence."""
        return self.of if self.outcome is Outcome.PASSED else 0

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "outcome": str(self.outcome), "points": self.points}


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The checks of one task."""

    name: str
    title: str
    checks: tuple[CheckResult, ...]

    @property
    def points(self) -> int:
        """Partial credit: the points of the checks that passed."""
        return sum(check.points for check in self.checks)

    @property
    def of(self) -> int:
        """The points there are."""
        return sum(check.of for check in self.checks)

    @property
    def outcome(self) -> Outcome:
        """The worst of its checks."""
        return worst(check.outcome for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        checks = [check.to_json() for check in self.checks]
        about = {"name": self.name, "title": self.title, "outcome": str(self.outcome)}
        return {**about, "points": self.points, "of": self.of, "checks": checks}


@dataclass(frozen=True, slots=True)
class Record:
    """A lab as it was found; `fault` is what was wrong with the lab itself, ours to mend."""

    lab: int
    slug: str
    title: str
    seed: int
    taken: str
    seconds: float
    tasks: tuple[TaskResult, ...]
    fault: str = ""

    @property
    def points(self) -> int:
        """The points won."""
        return sum(task.points for task in self.tasks)

    @property
    def of(self) -> int:
        """The points there are."""
        return sum(task.of for task in self.tasks)

    @property
    def unjudged(self) -> int:
        """The points of checks that could not be judged."""
        return sum(check.of for check in self.checks if check.outcome is Outcome.BROKEN)

    @property
    def checks(self) -> Iterator[CheckResult]:
        """All checks, in the order of the tasks."""
        return (check for task in self.tasks for check in task.checks)

    @property
    def outcome(self) -> Outcome:
        """The worst of its tasks; a record of nothing is broken, never passed."""
        return worst(task.outcome for task in self.tasks) if self.tasks else Outcome.BROKEN

    @property
    def exit_code(self) -> int:
        """What `lab check` ends with."""
        return exit_code(self.outcome)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, schema 1."""
        about = {name: getattr(self, name) for name in ABOUT}
        sums = {"points": self.points, "of": self.of, "unjudged": self.unjudged}
        end = {"outcome": str(self.outcome), "exit_code": self.exit_code}
        return {"schema": SCHEMA, **about, **sums, **end, "tasks": [task.to_json() for task in self.tasks]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The inverse of `to_json`; ValueError for another schema."""
        if value.get("schema") != SCHEMA:
            raise ValueError(
                f"a record of schema {value.get('schema')!r}; this version reads schema {SCHEMA}"
            )
        about = {name: value[name] for name in ABOUT}
        return cls(**about, tasks=tuple(_task(task) for task in value["tasks"]))


def _task(value: Mapping[str, Any]) -> TaskResult:
    checks = tuple(
        CheckResult(
            **{**{k: v for k, v in each.items() if k != "points"}, "outcome": Outcome(each["outcome"])}
        )
        for each in value["checks"]
    )
    return TaskResult(value["name"], value["title"], checks)


def text(record: Record) -> str:
    """The record for a terminal: a line a check, and under what did not pass why and what next."""
    return "\n".join([f"lab {record.lab}: {record.title}", "", *_lines(record, record.tasks), ""])


def news(record: Record, before: Record) -> str:
    """Of `text` what an earlier record did not say yet."""
    said = {task.name: task for task in before.tasks}
    new = [task for task in record.tasks if task != said.get(task.name)]
    return "\n".join([*_lines(record, new), ""])


def _lines(record: Record, tasks: Sequence[TaskResult]) -> list[str]:
    """Some of a record's tasks, and its sum."""
    lines = []
    for task in tasks:
        lines.append(f"{task.title}  ({task.points} of {task.of})")
        for check, said in explained(task):
            lines.append(f"  {MARKS[check.outcome]} {check.sentence}")
            lines += [f"      {label}: {each}" for label, each in said]
    lines += [f"fault of this lab: {record.fault}"] if record.fault else []
    return [*lines, *([""] if lines else []), summary(record)]


def explained(task: TaskResult) -> Iterator[tuple[CheckResult, Sequence[tuple[str, str]]]]:
    """The checks of a task with what is said about each; what is said of several in a row is said once."""
    after = [explanation(check) for check in task.checks[1:]]
    for check, following in zip_longest(task.checks, after):
        said = explanation(check)
        yield check, () if said == following else said


def explanation(check: CheckResult) -> Sequence[tuple[str, str]]:
    """What is said about a check that did not pass, label and text."""
    if check.outcome is Outcome.PASSED:
        return ()
    found = "could not judge" if check.outcome is Outcome.BROKEN else "found"
    every = (("expected", check.expected), (found, check.found), ("next", check.next))
    return tuple((label, said) for label, said in every if said)


def summary(record: Record) -> str:
    """One line: the points, and what was not judged."""
    apart = f", {record.unjudged} not judged (this costs nothing)" if record.unjudged else ""
    return f"{record.points} of {record.of} points{apart}"


def junit(record: Record) -> str:
    """The record as JUnit XML, a test case a check: broken is an error, blocked is skipped."""
    checks = list(record.checks)
    count = {outcome: str(sum(check.outcome is outcome for check in checks)) for outcome in Outcome}
    suite = ElementTree.Element(
        "testsuite",
        name=f"lab {record.lab}",
        timestamp=record.taken,
        time=f"{record.seconds:.3f}",
        tests=str(len(checks)),
        failures=count[Outcome.FAILED],
        errors=count[Outcome.BROKEN],
        skipped=count[Outcome.BLOCKED],
    )
    tags = {Outcome.FAILED: "failure", Outcome.BROKEN: "error", Outcome.BLOCKED: "skipped"}
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{record.slug}.{check.task}", name=check.sentence
        )
        if check.outcome in tags:
            said = "; ".join(f"{label}: {each}" for label, each in explanation(check))
            ElementTree.SubElement(case, tags[check.outcome], message=said)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
