"""`lab` as a learner's companion: it looks again by itself, keeps what was reached, and needs no notebook."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

pytestmark = pytest.mark.live
NAMESPACE = "lab0-hello-ns"  # of seed 0
HERE = Path(__file__).parent
PASSED = "5 of 5   passed"


@pytest.fixture
def begun(fresh):
    """Lab 0, untouched, on a cluster of its own: it goes down and up here."""
    fresh("up", timeout=120)
    fresh("start", "0", "--seed", "0")
    return fresh


@pytest.fixture
def watch(begun) -> Iterator[Popen[str]]:
    """`lab check 0 --watch`."""
    process = begun.begin("check", "0", "--watch")
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate()


def until(process: Popen[str], sign: str) -> str:
    """What it says until it waits again."""
    said = ""
    for line in process.stdout or ():
        said += line
        if sign in line:
            return said
    return pytest.fail(f"it ended without `{sign}`: {said}")


def test_a_watched_check_says_what_an_answer_or_the_cluster_has_changed(begun, watch):
    waits = "waiting for the cluster or an answer"
    assert until(watch, waits).count("✗") == 5
    begun("answer", "0", "nodes", "3")
    said = until(watch, "✓ You said how many nodes") + until(watch, waits)
    assert "✗" not in said, "what has not changed is not said again"
    begun.kubectl("-n", NAMESPACE, "scale", "deploy", "hello-backend", "--replicas=3")
    until(watch, "✓ The Deployment has as many pods")
    begun("solve", "0")
    until(watch, "5 of 5 points")
    assert watch.wait(20) == 0


def test_what_was_reached_stays_when_the_cluster_goes_and_comes(begun):
    assert "has not passed yet" in begun.run("solve", "0", "--show").stderr
    begun("solve", "0")
    begun("check", "0")
    begun("down")
    assert PASSED in begun("list")
    begun("up", timeout=120)
    assert "--- scaled" in begun("solve", "0", "--show")
    begun("check", "0")
    assert PASSED in begun("list")


def test_one_task_is_judged_alone_and_unknown_ones_are_named(begun):
    begun("answer", "0", "nodes", "3")
    done = begun.run("check", "0", "nodes")
    assert done.returncode == 0
    assert "1 of 1 points" in done.stdout
    said = begun.run("check", "0", "node")
    assert said.returncode == 64
    assert "did you mean `nodes`?" in said.stderr


def test_lesson_and_plot_need_no_notebook(begun):
    assert f"kubectl -n {NAMESPACE} get deploy" in begun("read", "0", "3")
    assert begun("plot", "0", "scaled") == "scaled: no answer yet\n"
    begun("start", "4", "--seed", "0")
    assert begun("plot", "4", "requests") == "requests: no answer yet\n"
    begun("answer", "4", "requests", " 61 a\n 59 b\n")
    assert "χ² = 0.03 with 1 degrees of freedom" in begun("plot", "4", "requests")


def damaged(notebook: Path) -> Iterator[str]:
    """What may happen to a notebook, done to it one after the other."""
    found = json.loads(notebook.read_text())
    cells = found["cells"]
    for name, left in (("reordered", cells[::-1]), ("deleted", cells[:1]), ("emptied", [])):
        notebook.write_text(json.dumps({**found, "cells": left}))
        yield name
    notebook.write_text("{ no notebook")
    yield "broken"
    notebook.unlink()
    yield "gone"


def test_nothing_done_to_the_notebook_or_laid_beside_it_changes_a_mark(begun):
    begun("answer", "0", "nodes", "3")
    folder = begun.home / "workspace/00-orientation"
    inside = type(begun)(begun.home, ("env", "-C", str(folder), *begun.command))
    before = marks(begun)
    assert before["nodes"] == "passed"
    for name in ("vm.py", "checker.py", "labs.py", "yaml.py", "json.py"):
        (folder / name).write_text("raise SystemExit('a file of the learner was imported')\n")
    for what in damaged(folder / "lesson.ipynb"):
        assert marks(inside) == before, what


def marks(lab) -> dict[str, str]:
    """How each task of lab 0 ends."""
    return {
        task["name"]: task["outcome"] for task in json.loads(lab.run("check", "0", "--json").stdout)["tasks"]
    }


def test_what_was_reached_with_an_older_version_stays(fresh):
    """The archive is the learner's part of a state folder that 0.1.0 has left: lab 0, seed 7, passed."""
    fresh.home.mkdir()
    subprocess.run(["tar", "-xzf", HERE / "upgrade/home-0.1.tar.gz", "-C", fresh.home], check=True)
    answers = (fresh.home / "workspace/00-orientation/answers.yaml").read_text()
    assert PASSED in fresh("list")
    fresh("up", timeout=120)
    fresh("start", "0", "--seed", "7")
    assert (fresh.home / "workspace/00-orientation/answers.yaml").read_text() == answers
    assert "✓ You said how many nodes" in fresh("check", "0", "nodes")
    assert PASSED in fresh("list")
