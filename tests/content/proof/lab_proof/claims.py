"""What holds for every lab that has been done from start to end, on whichever cluster that was."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from lab_proof.proof import START, Proof

from checker.outcomes import Outcome

if TYPE_CHECKING:
    from labs.course import Lab

MUTANTS = 200


def done(command: Any, lab: Lab, seed: int) -> Proof:
    """A lab untouched, its notebook executed, then solved; says how long each took."""
    proof, took = Proof(command, lab, seed), []
    for part in (_untouched, _notebook, _solved):
        began = time.monotonic()
        part(proof)
        took.append(f"{part.__name__[1:]} {time.monotonic() - began:.1f} s")
    sys.stdout.write(f"{lab.slug}, seed {seed}: {', '.join(took)}\n")
    return proof


def _untouched(proof: Proof) -> None:
    proof.start()
    proof.untouched = proof.check()
    proof.look(START)


def _notebook(proof: Proof) -> None:
    proof.said = proof.execute()


def _solved(proof: Proof) -> None:
    proof.start()
    proof.solve()
    proof.solved = proof.check()
    proof.look("end")


def outcomes(checked: Any) -> dict[str, str]:
    """How each task ended, from the process of `lab check --json`."""
    return {task["name"]: task["outcome"] for task in json.loads(checked.stdout)["tasks"]}


class Claims:
    """Tests for a fixture `proof`."""

    def test_untouched_each_task_ends_as_promised(self, proof: Proof) -> None:
        assert proof.untouched.returncode == 1, proof.untouched.stdout
        assert outcomes(proof.untouched) == {task.name: task.untouched for task in proof.lab.tasks}

    def test_the_notebook_runs_from_top_to_bottom_and_no_command_of_it_fails(self, proof: Proof) -> None:
        assert [text for text in proof.said if "(exit code" in text] == []

    def test_solved_it_has_all_points(self, proof: Proof) -> None:
        record = json.loads(proof.solved.stdout)
        assert (record["points"], record["of"]) == (proof.lab.points, proof.lab.points), proof.solved.stdout
        assert proof.solved.returncode == 0

    def test_every_task_that_asks_has_an_answer_and_no_other(self, proof: Proof) -> None:
        asked = {task.name for task in proof.lab.tasks if task.answer != "nothing"}
        assert {task for task, value in proof.right.items() if value} == asked

    def test_no_mutated_answer_is_misjudged(self, proof: Proof) -> None:
        asked = [task for task in proof.lab.tasks if task.answer != "nothing"]
        assert {task.name: found for task in asked if (found := proof.misjudged(task, MUTANTS))} == {}

    def test_neither_lesson_nor_hints_nor_solution_tell_an_answer(self, proof: Proof) -> None:
        lab, drawn, secrets = proof.lab, proof.drawn, proof.secrets
        told = {
            "lesson": secrets.in_text(lab.lesson(drawn)),
            "solution": secrets.in_text(lab.solution(drawn)),
        }
        for task in lab.tasks:
            told[f"hints of {task.name}"] = secrets.in_words_on(
                task.name, " ".join(lab.hints(task.name, drawn))
            )
        assert {where: found for where, found in told.items() if found} == {}

    def test_each_typical_mistake_gets_its_message_and_no_answer(self, proof: Proof) -> None:
        for case in proof.cases:
            given, verdicts = proof.judged(case)
            failed = {name for name, verdict in verdicts.items() if verdict.outcome is Outcome.FAILED}
            assert set(case.fails) <= failed, (str(case), verdicts)
            found = (verdicts[name] for name in case.fails)
            said = [f"{each.expected} | {each.found} | {each.next}" for each in found]
            assert any(case.says in text for text in said), (str(case), said)
            told = proof.secrets.in_words_on(case.task, " ".join(said), proof.words(given, case.task))
            assert told == set(), (str(case), said)
