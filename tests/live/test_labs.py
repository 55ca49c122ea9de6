"""Every lab, done on a real cluster: untouched, solved, and wrong in each way that its `wrong/` files know."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from checker import answers, converge, gather, moments, trial
from checker.forms import words
from checker.outcomes import Outcome
from checker.trial import Trial
from checker.variant import load
from labs import course

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]
SEED = "4711"


@pytest.fixture(scope="module", params=course.labs(), ids=lambda each: each.slug)
def done(lab, request):
    """A lab that was started, looked at untouched, and solved; what was seen on the way."""
    this = request.param
    lab("start", str(this.number), "--seed", SEED)
    state = lab.home / "grading" / this.slug
    seen = SimpleNamespace(
        lab=this, state=state, variant=load(state / "variant.json"), inventory=lab.home / "inventory.json"
    )
    seen.sheet = lab.home / "workspace" / this.slug / "answers.yaml"
    seen.untouched = lab.run("check", str(this.number), "--json")
    seen.at_first = gather.gather(seen.inventory)
    lab("solve", str(this.number), timeout=120)
    seen.solved = lab.run("check", str(this.number), "--json")
    seen.right = dict(answers.load(seen.sheet).values)
    seen.at_last = gather.gather(seen.inventory)
    return seen


def outcomes(said):
    return {task["name"]: task["outcome"] for task in json.loads(said.stdout)["tasks"]}


def test_untouched_each_task_ends_as_promised(done):
    assert done.untouched.returncode == 1, done.untouched.stdout
    assert outcomes(done.untouched) == {task.name: task.untouched for task in done.lab.tasks}


def test_solved_it_has_all_points(done):
    record = json.loads(done.solved.stdout)
    assert (record["points"], record["of"]) == (done.lab.points, done.lab.points), done.solved.stdout
    assert done.solved.returncode == 0


def test_each_typical_mistake_gets_its_message_from_the_real_rules(done, lab):
    worlds = {2: done.at_first, "grown": done.at_last}
    kept = {
        task.name: moments.recall(done.state / "evidence", task.name, done.right.get(task.name))
        for task in done.lab.tasks
    }
    then = {task: moment.evidence for task, moment in kept.items() if moment}
    worlds["scaled"] = then["probabilities"]
    functions = trial.load(done.lab.folder)
    for task, case in cases(done.lab.folder):
        if case.get("pods") == 1:
            continue
        given = dict(done.right)
        if "answer" in case:
            text = done.lab.values.substitute(case["answer"], done.lab.variant(done.variant.seed))
            given[task] = text.format(*words(done.right.get(task)), *[""] * 8)
        now = worlds[case.get("pods", "grown")]
        seen = (
            {**then, task: worlds[case.get("answered", case.get("pods", "grown"))]}
            if "answer" in case
            else then
        )
        verdicts = Trial(functions, done.variant, answers.Answers(given, number=done.lab.number)).judge(
            now, seen
        )
        failed = {name for name, verdict in verdicts.items() if verdict.outcome is Outcome.FAILED}
        said = [
            f"{v.expected} | {v.found} | {v.next}" for name, v in verdicts.items() if name in case["fails"]
        ]
        assert set(case["fails"]) <= failed, (task, case, verdicts)
        assert any(case["says"] in each for each in said), (task, case, said)


def cases(folder: Path):
    for file in sorted((folder / "wrong").glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            yield file.stem, case


def test_an_answer_about_a_pod_that_was_replaced_is_told_apart(done, lab):
    if done.lab.number != 3:
        pytest.skip("only lab 3 asks for pods by their addresses")
    namespace, gone = done.variant.text("namespace"), words(done.right["targets"])[0]
    lab.kubectl("-n", namespace, "delete", "pod", gone)
    lab.until(
        lambda: not converge.unsettled(gather.gather(done.inventory), done.variant),
        why="the pod was not replaced",
    )
    record = json.loads(lab.run("check", "3", "--json").stdout)
    stale = {
        check["name"]: check
        for task in record["tasks"]
        for check in task["checks"]
        if check["note"] == "stale"
    }
    assert "targets_are_the_pods" in stale
    assert f"but pod {gone} has been replaced since" in stale["targets_are_the_pods"]["found"]
    assert record["exit_code"] == 1


def test_with_the_cluster_down_nothing_is_judged_and_nothing_lost(fresh):
    fresh("up", timeout=120)
    fresh("start", "3", "--seed", SEED)
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
