"""Every lab, proved on a real cluster: untouched, its notebook, solved, and wrong in every way we know of.

A lab more, fresh from `lab new-lab`, goes the same way. SEEDS=5 does all with five seeds (`make labs`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from lab_proof.proof import START, Proof

from checker.outcomes import Outcome
from labs import course

pytestmark = pytest.mark.live
SEEDS = (4711, 0, 12, 99999, 2026)[: int(os.environ.get("SEEDS", "1"))]
MUTANTS = 200
NEW = "91-trial"


@pytest.fixture(scope="module")
def cluster(lab_of, tmp_path_factory):
    """One cluster for all labs: each must be able to begin on what the one before has left."""
    own = lab_of(tmp_path_factory.mktemp("course") / "home")
    own("up", timeout=120)
    yield own
    own("down", "--purge")


@pytest.fixture(scope="module")
def fresh_lab(cluster, lab_of, tmp_path_factory):
    """The same cluster, with the course of a teacher who has just begun to write."""
    content = tmp_path_factory.mktemp("content")
    teacher = lab_of(cluster.home, environment={course.CONTENT: str(content)})
    teacher("new-lab", NEW)
    return teacher, course.read(content / NEW)


def every_lab():
    """A parameter a lab and seed; a lab of mode ipvs runs where there is IPVS."""
    for lab in course.labs():
        marks = [pytest.mark.ip_vs] if lab.mode == "ipvs" else []
        for seed in SEEDS:
            yield pytest.param((lab, seed), id=f"{lab.slug}-{seed}", marks=marks)
    yield pytest.param((None, SEEDS[0]), id=NEW)


@pytest.fixture(scope="module", params=every_lab())
def proof(request, cluster):
    """A lab done from start to end; what was seen on the way, and how long each part took."""
    lab, seed = request.param
    command = cluster
    if lab is None:
        command, lab = request.getfixturevalue("fresh_lab")
    found, took = Proof(command, lab, seed), []
    for part in (untouched, notebook, solved):
        began = time.monotonic()
        part(found)
        took.append(f"{part.__name__} {time.monotonic() - began:.1f} s")
    sys.stdout.write(f"{lab.slug}, seed {seed}: {', '.join(took)}\n")
    return found


def untouched(proof):
    proof.start()
    proof.untouched = proof.check()
    proof.look(START)


def notebook(proof):
    proof.said = proof.execute()


def solved(proof):
    proof.start()
    proof.solve()
    proof.solved = proof.check()
    proof.look("end")


def outcomes(done):
    return {task["name"]: task["outcome"] for task in json.loads(done.stdout)["tasks"]}


def test_untouched_each_task_ends_as_promised(proof):
    assert proof.untouched.returncode == 1, proof.untouched.stdout
    assert outcomes(proof.untouched) == {task.name: task.untouched for task in proof.lab.tasks}


def test_the_notebook_runs_from_top_to_bottom_and_no_command_of_it_fails(proof):
    assert [text for text in proof.said if "(exit code" in text] == []


def test_solved_it_has_all_points(proof):
    record = json.loads(proof.solved.stdout)
    assert (record["points"], record["of"]) == (proof.lab.points, proof.lab.points), proof.solved.stdout
    assert proof.solved.returncode == 0


def test_every_task_that_asks_has_an_answer_and_no_other(proof):
    asked = {task.name for task in proof.lab.tasks if task.answer != "nothing"}
    assert {task for task, value in proof.right.items() if value} == asked


def test_no_mutated_answer_is_misjudged(proof):
    asked = [task for task in proof.lab.tasks if task.answer != "nothing"]
    assert {task.name: found for task in asked if (found := proof.misjudged(task, MUTANTS))} == {}


def test_neither_lesson_nor_hints_nor_solution_tell_an_answer(proof):
    lab, drawn, secrets = proof.lab, proof.drawn, proof.secrets
    told = {"lesson": secrets.in_text(lab.lesson(drawn)), "solution": secrets.in_text(lab.solution(drawn))}
    for task in lab.tasks:
        told[f"hints of {task.name}"] = secrets.in_words_on(task.name, " ".join(lab.hints(task.name, drawn)))
    assert {where: found for where, found in told.items() if found} == {}


def test_each_typical_mistake_gets_its_message_and_no_answer(proof):
    for case in proof.cases:
        given, verdicts = proof.judged(case)
        failed = {name for name, verdict in verdicts.items() if verdict.outcome is Outcome.FAILED}
        assert set(case.fails) <= failed, (str(case), verdicts)
        found = (verdicts[name] for name in case.fails)
        said = [f"{each.expected} | {each.found} | {each.next}" for each in found]
        assert any(case.says in text for text in said), (str(case), said)
        told = proof.secrets.in_words_on(case.task, " ".join(said), proof.words(given, case.task))
        assert told == set(), (str(case), said)


def test_an_answer_about_a_pod_that_was_replaced_is_told_apart(fresh):
    """Lab 3 asks for pods by their addresses."""
    fresh("up", timeout=120)
    proof = Proof(fresh, course.find(3), 4711)
    proof.start()
    proof.solve()
    namespace, gone = proof.variant.text("namespace"), proof.words(proof.right, "targets")[0]
    fresh.kubectl("-n", namespace, "delete", "pod", gone)
    proof.settled()
    record = json.loads(proof.check().stdout)
    checks = [check for task in record["tasks"] for check in task["checks"]]
    stale = {check["name"]: check for check in checks if check["note"] == "stale"}
    assert f"but pod {gone} has been replaced since" in stale["targets_are_the_pods"]["found"]
    assert record["exit_code"] == 1


def test_with_the_cluster_down_nothing_is_judged_and_nothing_lost(fresh):
    fresh("up", timeout=120)
    fresh("start", "3", "--seed", "0")
    fresh("answer", "3", "mode", "iptables")
    fresh("down")
    said = fresh.run("check", "3", "--json")
    record = json.loads(said.stdout)
    assert said.returncode == 2
    assert {task["outcome"] for task in record["tasks"]} == {"broken"}
    assert record["unjudged"] == record["of"] == 20
    assert "lab up" in record["tasks"][0]["checks"][0]["next"]
    fresh("up", timeout=120)
    assert outcomes(fresh.run("check", "3", "--json"))["mode"] == "passed"


def test_a_new_lab_is_not_made_where_one_is(fresh_lab):
    teacher, lab = fresh_lab
    said = teacher.run("new-lab", NEW)
    assert said.returncode == 1
    assert f"{lab.folder} is there already" in said.stderr
    assert Path(lab.folder / "lab.yaml").exists()
