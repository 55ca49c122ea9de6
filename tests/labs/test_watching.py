"""When `lab check --watch` looks again."""

import json
from dataclasses import replace

import pytest

from checker.fake import Paper
from labs import watching


@pytest.fixture
def world(tmp_path):
    """An inventory that is recorded evidence, and a sheet of answers."""
    inventory, answers = tmp_path / "inventory.json", tmp_path / "answers.yaml"

    def becomes(evidence):
        inventory.write_text(json.dumps(evidence.to_json()))
        return watching.look(answers, inventory)

    return becomes, inventory, answers


def test_what_only_counts_or_ticks_is_no_change(world):
    becomes, _, _ = world
    quiet = Paper(counted=5).evidence("2026-11-23T09:41:00Z")
    later = Paper(counted=900).evidence("2026-11-23T09:59:00Z")
    ticking = tuple(replace(node, texts={**node.texts, "metrics": "uptime 7"}) for node in later.nodes)
    assert becomes(quiet) == becomes(later) == becomes(replace(later, nodes=ticking))


@pytest.mark.parametrize("other", [Paper(replicas=3), Paper(modes={"worker-1": "userspace"})])
def test_another_pod_or_mode_is_a_change(world, other):
    becomes, _, _ = world
    assert becomes(Paper().evidence()) != becomes(other.evidence())


def test_an_answer_is_a_change(world):
    becomes, inventory, answers = world
    before = becomes(Paper().evidence())
    answers.write_text("mode: iptables\n")
    assert watching.look(answers, inventory) != before


def test_it_waits_until_then(world):
    becomes, inventory, answers = world
    before = becomes(Paper().evidence())
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            becomes(Paper(replicas=3).evidence())

    watching.until_changed(answers, inventory, before, nap)
    assert len(naps) == 3


def test_a_cluster_that_has_gone_is_a_change_too(world):
    becomes, inventory, answers = world
    before = becomes(Paper().evidence())
    inventory.unlink()
    assert watching.look(answers, inventory) != before
