"""A lab done on a cluster as learners do it, and what was seen on the way.

    start ─▶ untouched ─▶ the notebook, top to bottom ─▶ start ─▶ solve ─▶ full points ─▶ wrong/ ─▶ mutants

What was seen is evidence, kept at the moments that matter, so the many wrong answers of a lab are judged by
the real rules without being typed one by one.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from lab_proof import execute
from lab_proof.cases import END, Case, cases
from lab_proof.mutants import mutants
from lab_proof.secrets import Secrets

from checker import answers, converge, gather, moments, trial
from checker.checks import Check
from checker.evidence import Evidence
from checker.forms import words
from checker.judge import Verdict
from checker.outcomes import Outcome
from checker.trial import Trial
from checker.variant import load
from labs import course, jupyter
from labs.config import Home

START = "start"


class Proof:
    """One lab with one seed on a running cluster; `command` is the `lab` of tests/live/conftest.py."""

    def __init__(self, command: Any, lab: course.Lab, seed: int) -> None:
        self.command, self.lab, self.number = command, lab, str(lab.number)
        self.home = Home(command.home)
        self.desk = command.home / "workspace" / lab.slug
        self.drawn = lab.variant(seed)
        self.functions = trial.load(lab.folder)
        self.worlds: dict[str, Evidence] = {}
        self.untouched: Any = None  # the process of `lab check --json` right after the start
        self.said: list[str] = []  # by the notebook's cells
        self.solved: Any = None  # the process of `lab check --json` after `solve`

    @cached_property
    def variant(self) -> Any:
        """The variant as the grader reads it."""
        return load(self.home.grading / self.lab.slug / "variant.json")

    def start(self) -> None:
        """Set the stage; again, it is as it was."""
        self.command("start", self.number, "--seed", str(self.drawn.seed))

    def check(self) -> Any:
        """The process of `lab check --json`."""
        return self.command.run("check", self.number, "--json")

    def solve(self) -> None:
        """Do it, and keep the answers with the worlds of their moments."""
        self.command("solve", self.number, timeout=180)
        self.worlds |= {task: moment.evidence for task, moment in self._moments() if moment}

    def look(self, world: str) -> None:
        """Keep the evidence of now, once the cluster has come to rest."""
        self.worlds[world] = self.settled()

    def settled(self) -> Evidence:
        """The evidence of now, once the cluster has come to rest."""
        seen: list[Evidence] = []

        def at_rest() -> bool:
            seen[:] = [gather.gather(self.home.inventory)]
            return not converge.unsettled(seen[0], self.variant)

        self.command.until(at_rest, seconds=90, why="the cluster never came to rest")
        return seen[0]

    @cached_property
    def right(self) -> Mapping[str, Any]:
        """The answers that `solve` gave."""
        return dict(answers.load(self.desk / "answers.yaml").values)

    @property
    def secrets(self) -> Secrets:
        """What must stay unsaid."""
        return Secrets(self.lab, self.drawn, self.right)

    @property
    def cases(self) -> list[Case]:
        """The typical mistakes."""
        return cases(self.lab, self.drawn)

    @property
    def checks(self) -> list[Check]:
        """The lab's checks."""
        return self.trial({}).checks

    def trial(self, given: Mapping[str, Any]) -> Trial:
        """The checks with some answers."""
        return Trial(self.functions, self.variant, answers.Answers(given, number=self.lab.number))

    def judged(self, case: Case) -> tuple[dict[str, Any], dict[str, Verdict]]:
        """What a learner with this mistake has answered, and the verdicts on it."""
        given, then = (
            dict(self.right),
            {task: self.worlds[task] for task in self.right if task in self.worlds},
        )
        wrong = case.given(words(self.right.get(case.task)))
        if wrong is not None:
            given[case.task] = wrong
            then[case.task] = self.worlds[case.answered or (case.task if case.task in then else case.seen)]
        if case.do:
            self.do(case.do)
        seen = self.settled() if case.do else self.worlds[case.seen]
        return given, self.trial(given).judge(seen, then)

    @property
    def environment(self) -> dict[str, str]:
        """Of the learner's own shell."""
        ours = jupyter.environment(self.home, self.desk.parent)
        return {**os.environ, **self.command.environment, **ours}

    def do(self, script: str) -> None:
        """Run a script in the learner's own shell."""
        argv = ["bash", "-euc", script]
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    @staticmethod
    def words(given: Mapping[str, Any], task: str) -> list[str]:
        """The words of an answer."""
        return words(given.get(task))

    def misjudged(self, task: course.Task, count: int) -> list[tuple[Any, bool]]:
        """Mutated answers whose verdict is not the one that they deserve."""
        dice = random.Random(f"{self.lab.slug} {task.name}")
        made = mutants(task.answer, words(self.right[task.name]), dice, count)
        assert {good for _, good in made} == {True, False}, f"{task.name}: not both kinds among the mutants"
        return [(value, good) for value, good in made if self.passes(task.name, value) is not good]

    def passes(self, task: str, value: Any) -> bool:
        """Would this answer pass all checks of its task?"""
        tried = self.trial({**self.right, task: value})
        own = ((check, self.worlds[self._seen_by(check)]) for check in tried.checks if check.task == task)
        return all(tried.run(check, seen).outcome is Outcome.PASSED for check, seen in own)

    def _seen_by(self, check: Check) -> str:
        return check.task if check.at == "answer" and check.task in self.worlds else END

    def _moments(self) -> Iterator[tuple[str, moments.Moment | None]]:
        folder = self.home.grading / self.lab.slug / "evidence"
        for task, value in self.right.items():
            yield task, moments.recall(folder, task, value)

    def execute(self) -> list[str]:
        """Run the notebook from top to bottom; what its cells say."""
        jupyter.prepare(self.home, self.desk.parent)
        text = (self.desk / "lesson.ipynb").read_text()
        argv = [sys.executable, "-P", execute.__file__, str(self.desk)]
        done = subprocess.run(
            argv, env=self.environment, input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{self.lab.slug}: {done.stderr[-3000:]}"
        said: list[str] = json.loads(done.stdout)
        return said
