"""The learner's desk for one lab: notebook and answers in the workspace, what the grader needs in the state.

The files in the workspace are the learner's own. `start` again keeps them, another variant or a reset moves
them to a backup first, and an answer is spliced into the text of ``answers.yaml``, so that comments and other
lines stay as they were. All writing is done under a lock and lands whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from checker import moments
from checker.evidence import Evidence
from labs import ipynb
from labs.answersheet import AnswerSheet
from labs.course import Lab
from labs.errors import CourseError
from labs.variants import Variant

NOTEBOOK = "lesson.ipynb"
ANSWERS = "answers.yaml"


@dataclass(frozen=True)
class Desk:
    """`folder` is the lab's own in the workspace, `state` its own in the state folder."""

    lab: Lab
    folder: Path
    state: Path

    @classmethod
    def of(cls, lab: Lab, workspace: Path, grading: Path) -> Desk:
        """The desk of a lab, from the learner's workspace and the state's grading folder."""
        return cls(lab, workspace / lab.slug, grading / lab.slug)

    @property
    def notebook(self) -> Path:
        """The lesson as a notebook."""
        return self.folder / NOTEBOOK

    @property
    def answers(self) -> Path:
        """The learner's claims."""
        return self.folder / ANSWERS

    @property
    def evidence(self) -> Path:
        """Evidence of the moments in which answers were given, a file a task."""
        return self.state / "evidence"

    def start(self, variant: Variant) -> list[str]:
        """Lay the notebook and an empty sheet of answers out; gives what was done, a line each.

        What lies there from the same variant stays; what is from another one, or from nobody knows which
        (the state was purged), is moved to a backup.
        """
        done = []
        try:
            before = self.variant()
        except CourseError:  # it is written anew
            before = None
        with self._alone():
            if before != variant:
                done += self._put_away()
            _write(self.state / "variant.json", json.dumps(variant.to_json(), indent=2) + "\n")
            for file, text in ((self.notebook, self._notebook), (self.answers, self._sheet)):
                if file.exists():
                    done.append(f"{file} kept as you left it")
                else:
                    _write(file, text(variant))
                    done.append(f"{file} written")
        return done

    def reset(self) -> list[str]:
        """Move the notebook and the answers to a backup and begin anew with the same variant."""
        variant = self.begun()
        with self._alone():
            done = self._put_away()
        return done + self.start(variant)

    def variant(self) -> Variant | None:
        """The variant that was started, None before `lab start`; CourseError if it is not of this lab."""
        try:
            found = json.loads((self.state / "variant.json").read_text(encoding="utf-8"))
            started = Variant(self.lab.number, int(found["seed"]), dict(found["values"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise CourseError(
                f"{self.state / 'variant.json'} is damaged: {error}",
                f"`lab start {self.lab.number}` writes it anew",
            ) from error
        if started.values.keys() != self.lab.values.names:
            raise CourseError(
                f"lab {self.lab.number} was started when it had other values than it has now",
                f"`lab start {self.lab.number}` begins it anew; what you wrote moves to a backup",
            )
        return started

    @property
    def started(self) -> bool:
        """Whether it was started at some time."""
        return (self.state / "variant.json").exists()

    def record(self, task: str, value: Any) -> None:
        """Write an answer; raises UnknownName for a task that is none, CourseError for a damaged sheet."""
        self.lab.task(task)
        self.begun()
        with self._alone():
            text = self.answers.read_bytes() if self.answers.exists() else self._sheet(self.begun()).encode()
            _write(self.answers, AnswerSheet.read(self.answers, text).with_answer(task, value))

    def remember(self, task: str, value: Any, evidence: Evidence) -> None:
        """Keep the world of the moment in which an answer was given."""
        with self._alone():
            moments.keep(self.evidence, task, value, evidence)

    def hint(self, task: str) -> tuple[int, int, str]:
        """The next hint of a task: its number, how many there are, its text. The last one is said again."""
        texts = self.lab.hints(task, self.begun())
        with self._alone():
            given = self._read("hints.json")
            number = min(int(given.get(task, 0)) + 1, len(texts))
            _write(self.state / "hints.json", json.dumps({**given, task: number}))
        return number, len(texts), texts[number - 1]

    def next_task(self) -> str:
        """The first task that the last check did not find passed: the one a learner wants a hint for."""
        passed = {task["name"] for task in self.last().get("tasks", ()) if task["outcome"] == "passed"}
        return next(
            (task.name for task in self.lab.tasks if task.name not in passed), self.lab.tasks[-1].name
        )

    def last(self) -> dict[str, Any]:
        """The record of the last check of the whole lab, empty if there is none."""
        return self._read("check.json")

    def keep(self, record: Mapping[str, Any]) -> None:
        """Keep a record for `last`; one in which all has passed also for `passed`."""
        with self._alone():
            _write(self.state / "check.json", json.dumps(record))
            if record.get("outcome") == "passed":
                _write(self.state / "passed.json", json.dumps({"taken": record.get("taken", "")}))

    def passed(self) -> bool:
        """Has all of the lab passed at some time? What was reached stays reached, whatever comes after."""
        return bool(self._read("passed.json")) or self.last().get("outcome") == "passed"

    def checker(self, inventory: Path, *more: str) -> list[str]:
        """The command that judges this lab; `more` are further options of `python -m checker`."""
        self.begun()
        files = {
            "inventory": inventory,
            "lab": self.lab.folder,
            "answers": self.answers,
            "variant": self.state / "variant.json",
            "evidence": self.evidence,
        }
        options = [f"--{name}={path}" for name, path in files.items()]
        return [sys.executable, "-P", "-m", "checker", *options, *more]

    def begun(self) -> Variant:
        """The variant that was started; CourseError if none was."""
        found = self.variant()
        if found is None:
            raise CourseError(f"lab {self.lab.number} has not been started", f"`lab start {self.lab.number}`")
        return found

    def _notebook(self, variant: Variant) -> str:
        return ipynb.notebook(self.lab.lesson(variant))

    def _sheet(self, variant: Variant) -> str:
        return AnswerSheet.empty(self.lab.number, [(task.name, task.title) for task in self.lab.tasks])

    def _put_away(self) -> list[str]:
        """Move the learner's files to a backup; forget evidence, hints and the last check with them."""
        there = [file for file in (self.notebook, self.answers) if file.exists()]
        for file in [*self.evidence.glob("*.json"), self.state / "hints.json", self.state / "check.json"]:
            file.unlink(missing_ok=True)
        if not there:
            return []
        backup = _free(self.folder / f"backup-{datetime.now():%Y-%m-%d-%H%M%S}")
        backup.mkdir(parents=True)
        for file in there:
            file.rename(backup / file.name)
        return [f"what you had is in {backup}"]

    def _read(self, name: str) -> dict[str, Any]:
        """A small file of the state; damaged counts as not there, it holds no work of the learner's."""
        try:
            found = json.loads((self.state / name).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold this desk's lock: notebook, terminal and `--watch` may write at once."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _free(path: Path) -> Path:
    """`path`, or with a number after it the first that is not taken."""
    taken = (path.with_name(f"{path.name}-{number}") for number in range(2, 10_000))
    return path if not path.exists() else next(each for each in taken if not each.exists())


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, file)
