"""How checks are judged: in order, against one moment's evidence, again until the cluster has come to rest.

The judge knows neither pytest nor a cluster: `run` runs one check against some evidence, `look` reads the
world. A round judges what has not passed yet. A check that a need keeps from being judged is *blocked*; one
whose need is broken is broken too, for what hangs on our fault must cost as little as our fault itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from checker.checks import Check
from checker.cluster import Cluster
from checker.errors import Broken
from checker.evidence import Evidence, clock
from checker.expectations import Wrong
from checker.moments import Moment
from checker.outcomes import Outcome, worst

PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check ended, and what is said about it."""

    outcome: Outcome
    expected: str = ""
    found: str = ""
    next: str = ""
    note: str = ""


@dataclass(frozen=True)
class World:
    """The doors through which the judge learns about the world; tests put their own in."""

    look: Callable[[], Evidence]
    run: Callable[[Check, Evidence], Verdict]
    recall: Callable[[str], Moment | None]
    unsettled: Callable[[Evidence], str]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Judge:
    """Judges `checks` within `deadline` seconds."""

    checks: Sequence[Check]
    world: World
    deadline: float = 5.0
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def judge(self) -> dict[str, Verdict]:
        """The verdict on each check, by its name."""
        end = self.world.clock() + self.deadline
        while True:
            waiting = self._round()
            if not waiting or self.world.clock() >= end:
                return self.verdicts
            self.world.sleep(PAUSE)

    def _round(self) -> str:
        """Judge what has not passed; gives what to wait for, empty if another round would change nothing."""
        try:
            evidence = self.world.look()
        except Broken as error:
            self.verdicts = {check.name: broken(error) for check in self.checks}
            return str(error) if error.passing else ""
        for check in self.checks:
            if not self._passed(check.name):
                self.verdicts[check.name] = self._one(check, evidence)
        done = all(self._passed(check.name) for check in self.checks)
        return "" if done else self.world.unsettled(evidence)

    def _passed(self, name: str) -> bool:
        return name in self.verdicts and self.verdicts[name].outcome is Outcome.PASSED

    def _one(self, check: Check, evidence: Evidence) -> Verdict:
        blocked = self._blocked(check)
        if blocked:
            return blocked
        moment = self.world.recall(check.task)
        if check.at == "answer" and moment:
            return self.world.run(check, moment.evidence)
        verdict = self.world.run(check, evidence)
        if verdict.outcome is Outcome.FAILED and moment and self._was_right(check, moment):
            return stale(moment, evidence)
        return verdict

    def _was_right(self, check: Check, moment: Moment) -> bool:
        return self.world.run(check, moment.evidence).outcome is Outcome.PASSED

    def _blocked(self, check: Check) -> Verdict | None:
        for need in check.needs:
            ended = worst(
                self.verdicts[each.name].outcome for each in self.checks if need in (each.name, each.task)
            )
            if ended is Outcome.BROKEN:
                found = f"{self._called(need)}, which this needs, could not be judged"
                return Verdict(ended, found=found, next="see there")
            if ended is not Outcome.PASSED:
                found = f"{self._called(need)} has not passed"
                return Verdict(Outcome.BLOCKED, found=found, next="do that first")
        return None

    def _called(self, need: str) -> str:
        """A need as the learner knows it: a task by its name, a check by its sentence."""
        sentence = next((each.sentence for each in self.checks if each.name == need), "")
        return f"«{sentence.rstrip('.')}»" if sentence else f"task `{need}`"


def broken(error: Broken) -> Verdict:
    """The verdict when the world could not be read."""
    return Verdict(Outcome.BROKEN, found=str(error), next=error.cure)


def verdict_on(raised: BaseException) -> Verdict:
    """What a check that raised says: only `wrong` speaks of the learner, all else of us or the world."""
    if isinstance(raised, Wrong):
        return Verdict(Outcome.FAILED, raised.expected, raised.found, raised.next)
    if isinstance(raised, Broken):
        return Verdict(Outcome.BROKEN, found=str(raised), next=raised.cure)
    fault = f"this check has a fault of its own: {type(raised).__name__}: {raised}{_place(raised)}"
    return Verdict(Outcome.BROKEN, found=fault, next="please report it; it costs you nothing")


def _place(raised: BaseException) -> str:
    last = raised.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return f" ({last.tb_frame.f_code.co_name}, line {last.tb_lineno})" if last else ""


def stale(moment: Moment, evidence: Evidence) -> Verdict:
    """The verdict on an answer that the world has overtaken."""
    gone = sorted(_pods(moment.evidence) - _pods(evidence))
    named = [name for name in gone if any(name in word for word in moment.words)] or gone
    what = f"pod {named[0]}" if named else "what it names"
    at = clock(moment.evidence.taken)
    return Verdict(
        Outcome.FAILED,
        expected="an answer that is true now",
        found=f"was right when you wrote it at {at}, but {what} has been replaced since",
        next="look again, and answer anew",
        note="stale",
    )


def _pods(evidence: Evidence) -> set[str]:
    spaces: Iterable[str] = Cluster(evidence).namespaces()
    return {pod.name for space in spaces for pod in Cluster(evidence).pods(space) if not pod.leaving}
