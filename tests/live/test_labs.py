"""Every lab, done on a real cluster: untouched, solved, and wrong in each way that `wrong/` knows."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml

from checker import answers, converge, gather, moments, trial
from checker.forms import words
from checker.outcomes import Outcome
from checker.trial import Trial, mistaken
from checker.variant import load
from labs import course

pytestmark = pytest.mark.live
SEED = "4711"


@pytest.fixture(scope="module")
def lab(lab_of, tmp_path_factory):
    """A lab of its own: stages come and go here."""
    own = lab_of(tmp_path_factory.mktemp("course") / "home")
    own("up")
    yield own
    own("down", "--purge")


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
    seen.at_one = scaled(lab, seen, 1)
    lab("start", str(this.number), "--seed", SEED)  # also sets the stage again
    lab("solve", str(this.number), timeout=120)
    seen.solved = lab.run("check", str(this.number), "--json")
    seen.right = dict(answers.load(seen.sheet).values)
    seen.at_last = gather.gather(seen.inventory)
    return seen


def scaled(lab, seen, pods):
    """The evidence of a cluster at rest with so many pods."""
    space, name = seen.variant.text("namespace"), seen.variant.text("deployment")
    lab.kubectl("-n", space, "scale", "deploy", name, f"--replicas={pods}")
    settle(lab, seen)
    return gather.gather(seen.inventory)


def settle(lab, seen):
    lab.until(
        lambda: not converge.unsettled(gather.gather(seen.inventory), seen.variant), why="it never settled"
    )


def outcomes(said):
    return {task["name"]: task["outcome"] for task in json.loads(said.stdout)["tasks"]}


def test_untouched_each_task_ends_as_promised(done):
    assert done.untouched.returncode == 1, done.untouched.stdout
    assert outcomes(done.untouched) == {task.name: task.untouched for task in done.lab.tasks}


def test_solved_it_has_all_points(done):
    record = json.loads(done.solved.stdout)
    assert (record["points"], record["of"]) == (done.lab.points, done.lab.points), done.solved.stdout
    assert done.solved.returncode == 0


def test_each_typical_mistake_gets_its_message_from_the_real_rules(done):
    worlds = {1: done.at_one, 2: done.at_first, "grown": done.at_last}
    kept = {name: moments.recall(done.state / "evidence", name, value) for name, value in done.right.items()}
    then = {task: moment.evidence for task, moment in kept.items() if moment}
    worlds["scaled"] = then["probabilities"]
    functions = trial.load(done.lab.folder)
    for task, case in cases(done.lab, done.variant.seed):
        answered = case.get("answered", case.get("pods", "grown"))
        given, seen = dict(done.right), dict(then)
        if "answer" in case:
            given[task], seen[task] = mistaken(case["answer"], words(done.right[task])), worlds[answered]
        claims = answers.Answers(given, number=done.lab.number)
        verdicts = Trial(functions, done.variant, claims).judge(worlds[case.get("pods", "grown")], seen)
        failed = {name: verdict for name, verdict in verdicts.items() if verdict.outcome is Outcome.FAILED}
        assert set(case["fails"]) <= set(failed), (task, case, verdicts)
        said = [f"{each.expected} | {each.found} | {each.next}" for each in map(failed.get, case["fails"])]
        assert any(case["says"] in each for each in said), (task, case, said)


def cases(lab, seed):
    """The typical mistakes, with the variant's values in them."""
    for file in sorted((lab.folder / "wrong").glob("*.yaml")):
        for case in yaml.safe_load(lab.values.substitute(file.read_text(), lab.variant(seed))):
            yield file.stem, case


def test_an_answer_about_a_pod_that_was_replaced_is_told_apart(done, lab):
    if done.lab.number != 3:
        pytest.skip("only lab 3 asks for pods by their addresses")
    namespace, gone = done.variant.text("namespace"), words(done.right["targets"])[0]
    lab.kubectl("-n", namespace, "delete", "pod", gone)
    settle(lab, done)
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
