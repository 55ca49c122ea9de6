"""All that lies on the table while a lab is judged: the lab, the variant, the answers, the evidence.

The bench is where the judge's three doors end: it reads the world, runs one check as a pytest item, and
recalls the moment of an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from checker import answers, converge, copies, forms, gather, lab, moments, variant
from checker.checks import Check, facts, in_order
from checker.errors import CheckerError
from checker.evidence import Evidence, now
from checker.judge import Judge, Verdict, World
from checker.options import Options
from checker.outcomes import Outcome
from checker.report import CheckResult, Record, TaskResult


class Bench:
    """One lab being judged."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.began = time.monotonic()
        self.lab = lab.load(options.lab)
        self.variant = variant.load(options.variant)
        self.answers = answers.load(options.answers, self.lab.number)
        self.evidence = Evidence(now())
        self.faults: list[str] = []
        self.verdict = Verdict(Outcome.BROKEN)
        self._items: dict[str, pytest.Function] = {}
        self._first: Future[Evidence] | None = _soon(lambda: gather.gather(options.inventory))

    def judge(self, items: Sequence[pytest.Item]) -> Record:
        """Judge the checks among `items`; a lab with a fault of ours gives a record of broken checks."""
        self._items = {item.name: item for item in items if isinstance(item, pytest.Function)}
        every = [check for check in (facts(item.obj) for item in self._items.values()) if check]
        verdicts: dict[str, Verdict] = {}
        try:
            in_order(every)
            every = wanted(every, self.options.task)
            verdicts = Judge(every, self._world(), self.options.deadline).judge()
        except CheckerError as error:
            self.faults.append(str(error))
        return self._record(every, verdicts)

    def _world(self) -> World:
        return World(self._look, self._run, self._recall, lambda seen: converge.unsettled(seen, self.variant))

    def _look(self) -> Evidence:
        """The world now; the first time what was begun at the start."""
        first, self._first = self._first, None
        return first.result() if first else gather.gather(self.options.inventory)

    def _run(self, check: Check, evidence: Evidence) -> Verdict:
        """One check against `evidence`: the same function as an item of its own, with fresh fixtures."""
        self.evidence = evidence
        first = self._items[check.name]
        item = pytest.Function.from_parent(first.parent, name=first.name)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return self.verdict

    def _recall(self, task: str) -> moments.Moment | None:
        """The moment of the answer that stands in the file now."""
        return moments.recall(self.options.evidence, task, self.answers.values.get(task))

    def _record(self, every: Sequence[Check], verdicts: dict[str, Verdict]) -> Record:
        fault = Verdict(
            Outcome.BROKEN,
            found="; ".join(self.faults) or "it was not judged",
            next="please report this fault of the lab; it costs you nothing",
        )
        results = [result(each, self._noted(each, verdicts.get(each.name, fault))) for each in every]
        tasks = (TaskResult(name, title, of_task(results, name)) for name, title in self.lab.tasks.items())
        seconds = round(time.monotonic() - self.began, 3)
        about = (self.lab.number, self.lab.slug, self.lab.title, self.variant.seed, now(), seconds)
        return Record(*about, tuple(task for task in tasks if task.checks), "; ".join(self.faults))

    def _noted(self, check: Check, verdict: Verdict) -> Verdict:
        """The verdict, with a note for the teacher where a wrong answer comes from another learner's lab."""
        if verdict.outcome is not Outcome.FAILED or verdict.note:
            return verdict
        given = forms.words(self.answers.values.get(check.task))
        return replace(verdict, note=copies.note(self.lab.names, self.variant, given))


def wanted(every: Sequence[Check], task: str | None) -> list[Check]:
    """The checks of one task and of all that they need, in order; all checks if no task is named."""
    names = {task} if task else {check.task for check in every}
    for check in reversed(every):
        if {check.task, check.name} & names:
            names |= {check.name, *check.needs}
    return [check for check in every if {check.task, check.name} & names]


def result(check: Check, verdict: Verdict) -> CheckResult:
    """A check with its verdict, as the record holds it."""
    said = (verdict.expected, verdict.found, verdict.next, verdict.note)
    return CheckResult(check.name, check.task, check.sentence, check.points, verdict.outcome, *said)


def of_task(results: Sequence[CheckResult], task: str) -> tuple[CheckResult, ...]:
    """The results of one task."""
    return tuple(each for each in results if each.task == task)


def _soon(work: Callable[[], Evidence]) -> Future[Evidence]:
    """Begin `work` now: reading the cluster waits for other processes while pytest still collects."""
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future
