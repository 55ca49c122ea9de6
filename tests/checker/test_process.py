"""The grader as `lab check` runs it: a process of its own, judging recorded evidence."""

import json
import os
import sys
from xml.etree import ElementTree

import pytest

from checker import moments
from checker.fake import Paper
from vm import command

LAB = """\
title: A lab of tests
tasks:
  - {name: one, title: One}
  - {name: two, title: Two}
"""
CHECKS = '''\
"""Checks of every kind."""

from checker import Answers, Broken, Cluster, Nodes, Rules, Traffic, Variant, check, wrong

@check("one", points=2)
def right(
    answers: Answers, variant: Variant, cluster: Cluster, nodes: Nodes, rules: Rules, traffic: Traffic
) -> None:
    """Every fixture is there."""
    found = (answers.word("mode"), nodes.workers[0].mode, variant.number("port"))
    if found != ("iptables", "iptables", 31103):
        wrong(expected="the fixtures", found="others", next="mend the plugin")
    if len(rules.routes(31103)) != len(cluster.pods(variant.text("namespace"))) != len(traffic.connections()):
        wrong(expected="the evidence", found="other", next="mend the plugin")

@check("one", points=3)
def mistaken() -> None:
    """This one fails."""
    wrong(expected="a kind of thing", found="another", next="look")

@check("two", needs=["one"])
def waiting() -> None:
    """This one waits."""

def test_is_no_check() -> None:
    raise SystemExit(9)
'''


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "07-of-tests"
    folder.mkdir()
    (folder / "lab.yaml").write_text(LAB)
    (folder / "checks.py").write_text(CHECKS)
    (tmp_path / "evidence.json").write_text(json.dumps(Paper().evidence().to_json()))
    (tmp_path / "answers.yaml").write_text("mode: iptables\n")
    variant = {"schema": 1, "lab": 7, "seed": 5, "values": {"namespace": Paper().namespace, "port": 31103}}
    (tmp_path / "variant.json").write_text(json.dumps(variant))
    return folder


def run(lab, *more, code, env=None, inventory="evidence.json"):
    """Run the grader in the learner's folder; the record, if it printed JSON."""
    top = lab.parent
    argv = [sys.executable, "-P", "-m", "checker", f"--inventory={top / inventory}", f"--lab={lab}"]
    argv += [f"--answers={top / 'answers.yaml'}", f"--variant={top / 'variant.json'}", *more]
    done = command.run(
        ["env", "-C", str(top), *argv], check=False, env={"PATH": os.environ["PATH"], **(env or {})}
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if "--json=-" in more else done


def outcomes(record):
    return {check["name"]: check["outcome"] for task in record["tasks"] for check in task["checks"]}


def test_passed_failed_and_blocked_in_one_record(lab):
    record = run(lab, "--json=-", code=1)
    assert outcomes(record) == {"right": "passed", "mistaken": "failed", "waiting": "blocked"}
    assert (record["points"], record["of"], record["unjudged"]) == (2, 6, 0)
    assert (record["lab"], record["slug"], record["seed"], record["title"]) == (
        7,
        "07-of-tests",
        5,
        "A lab of tests",
    )
    failed = record["tasks"][0]["checks"][1]
    assert (failed["expected"], failed["found"], failed["next"]) == ("a kind of thing", "another", "look")


def test_one_task_is_judged_with_what_it_needs_and_nothing_else(lab):
    (lab / "checks.py").write_text(CHECKS.replace('needs=["one"]', 'needs=["right"]'))
    record = run(lab, "--task=two", "--json=-", code=0)
    assert outcomes(record) == {"right": "passed", "waiting": "passed"}


def test_text_junit_and_json_files(lab, tmp_path):
    done = run(lab, f"--json={tmp_path / 'r.json'}", f"--junit={tmp_path / 'r.xml'}", code=1)
    assert "✗ This one fails.\n      expected: a kind of thing" in done.stdout
    assert "2 of 6 points" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["points"] == 2
    assert ElementTree.parse(tmp_path / "r.xml").getroot().get("tests") == "3"


def test_no_file_and_no_variable_of_the_learner_changes_a_mark(lab, tmp_path):
    for name in ("vm.py", "checker.py", "labs.py", "yaml.py", "pytest.py", "conftest.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('the learner got in')\n")
        (lab / name).write_text("raise SystemExit('the learner got in')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --co\n")
    (lab / "pytest.ini").write_text("[pytest]\naddopts = --co\n")
    env = {"PYTEST_ADDOPTS": "--collect-only", "PYTEST_PLUGINS": "conftest", "PYTHONWARNINGS": "error"}
    record = run(lab, "--json=-", code=1, env=env)
    assert outcomes(record) == {"right": "passed", "mistaken": "failed", "waiting": "blocked"}


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        (("def right", "def right(:\n"), "checks.py cannot be loaded"),
        (
            ('needs=["one"]', 'needs=["nothing"]'),
            "check waiting needs nothing, which is no check or task above it",
        ),
    ],
)
def test_a_fault_of_the_lab_costs_nothing_and_is_told(lab, mend, said):
    (lab / "checks.py").write_text(CHECKS.replace(*mend))
    record = run(lab, "--json=-", code=2)
    assert said in record["fault"]
    assert record["points"] == 0
    assert set(outcomes(record).values()) <= {"broken"}


def test_a_check_with_a_fault_of_its_own_is_broken_and_the_others_are_judged(lab):
    (lab / "checks.py").write_text(
        CHECKS.replace('wrong(expected="a kind of thing", found="another", next="look")', "1 / 0")
    )
    record = run(lab, "--json=-", code=2)
    assert outcomes(record) == {"right": "passed", "mistaken": "broken", "waiting": "broken"}
    assert record["unjudged"] == 4
    assert "ZeroDivisionError" in record["tasks"][0]["checks"][1]["found"]


@pytest.mark.parametrize("inventory", ["none.json", "variant.json"])
def test_without_a_cluster_everything_is_broken_with_the_cure(lab, inventory):
    record = run(lab, "--json=-", code=2, inventory=inventory)
    assert set(outcomes(record).values()) == {"broken"}
    assert "lab up" in record["tasks"][0]["checks"][0]["next"]
    assert record["unjudged"] == 6


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--nonsense"], "--nonsense"),
        (["--variant=/none"], "there is no variant file"),
        (["--lab=/tmp"], "is no lab"),
        (["--deadline=x"], "deadline"),
    ],
)
def test_wrong_usage_ends_with_64_and_says_what(lab, more, said):
    done = run(lab, *more, code=64)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_moment_of_an_answer_tells_stale_from_wrong(lab, tmp_path):
    look = '''
from checker import Answers, Cluster, Variant, check, wrong

@check("one")
def pod_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named a pod."""
    if answers.word("pod") not in {pod.name for pod in cluster.pods(variant.text("namespace"))}:
        wrong(expected="a pod", found="none", next="look")
'''
    (lab / "checks.py").write_text(look)
    gone = Paper().pod(0)[0]
    now = Paper(replaced=frozenset({0})).evidence()
    (tmp_path / "evidence.json").write_text(json.dumps(now.to_json()))
    (tmp_path / "answers.yaml").write_text(f"pod: {gone}\n")
    kept = tmp_path / "moments"
    moments.keep(kept, "one", gone, Paper().evidence())
    check = run(lab, f"--evidence={kept}", "--json=-", code=1)["tasks"][0]["checks"][0]
    assert check["note"] == ""  # the answer that the evidence belongs to is called otherwise
    (lab / "lab.yaml").write_text(LAB.replace("name: one", "name: pod"))
    (lab / "checks.py").write_text(look.replace('check("one")', 'check("pod")'))
    moments.keep(kept, "pod", gone, Paper().evidence())
    check = run(lab, f"--evidence={kept}", "--json=-", code=1)["tasks"][0]["checks"][0]
    assert check["note"] == "stale"
    assert f"pod {gone} has been replaced since" in check["found"]
