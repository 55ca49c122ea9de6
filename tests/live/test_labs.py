"""Every lab, proved on a real cluster: untouched, its notebook, solved, and wrong in every way we know of.

A lab more, fresh from `lab new-lab`, goes the same way. SEEDS=5 does all with five seeds (`make labs`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lab_proof.claims import Claims, done, outcomes
from lab_proof.proof import Proof

from labs import course

pytestmark = pytest.mark.live
SEEDS = (4711, 0, 12, 99999, 2026)[: int(os.environ.get("SEEDS", "1"))]
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


@pytest.fixture(scope="class", params=every_lab())
def proof(request, cluster):
    """A lab done from start to end."""
    lab, seed = request.param
    if lab is None:
        teacher, lab = request.getfixturevalue("fresh_lab")
        return done(teacher, lab, seed)
    return done(cluster, lab, seed)


class TestLab(Claims):
    """Each of them."""


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
