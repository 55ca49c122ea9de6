"""When `lab check --watch` looks again."""

import json
from dataclasses import replace

import pytest

from checker.evidence import Reading
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


def glances(*found):
    """What is seen from look to look, the last again and again."""
    left = list(found)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


def with_texts(evidence, **texts):
    nodes = (replace(node, texts={**node.texts, **texts}) for node in evidence.nodes)
    return replace(evidence, nodes=tuple(nodes))


def test_what_only_ticks_is_no_change(world):
    becomes, _, _ = world
    quiet = Paper().evidence("2026-11-23T09:41:00Z")
    later = with_texts(Paper().evidence("2026-11-23T09:59:00Z"), metrics="uptime 7")
    assert becomes(quiet) == becomes(later)


def test_open_connections_of_virtual_servers_are_no_change_and_their_weight_is_one(world):
    becomes, _, _ = world
    table = "TCP  10.96.0.1:80 rr\n  -> 10.244.1.5:3000              Masq    {weight}      {open}          3"
    first, more, other = (
        becomes(
            with_texts(Paper().evidence(), **{"virtual servers": table.format(weight=weight, open=number)})
        )
        for weight, number in ((1, 0), (1, 12), (2, 12))
    )
    assert first == more != other


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rules", "[{0}:300] -A MY-DICE -p tcp -j DNAT --to-destination 10.244.1.5:3000"),
        ("served", "TCP  192.168.56.11:8006   {0}  60"),
    ],
)
def test_what_the_learners_traffic_has_counted_is_looked_at_once_it_is_still(world, monkeypatch, name, text):
    becomes, inventory, answers = world
    before, going, after = (
        becomes(with_texts(Paper().evidence(), **{name: text.format(count)})) for count in (5, 40, 60)
    )
    monkeypatch.setattr(watching, "look", glances(before, going, after))
    naps = []
    watching.until_changed(answers, inventory, before, naps.append)
    assert len(naps) == 3  # nothing new, counting, still counting, still


def test_a_rule_without_dnat_counts_what_it_likes(world):
    becomes, _, _ = world
    texts = ({"rules": f"[{count}:9] -A KUBE-SERVICES -j KUBE-NODEPORTS"} for count in (1, 2))
    first, second = (becomes(with_texts(Paper().evidence(), **text)) for text in texts)
    assert first == second


def test_a_server_that_goes_down_is_a_change_and_a_request_to_it_is_none(world):
    becomes, _, _ = world

    def balanced(status, requests, configuration="backend a"):
        statistics = f"# pxname,svname,stot,status,\na,b,{requests},{status},\n"
        texts = {"configuration": configuration, "statistics": statistics}
        return becomes(replace(Paper().evidence(), balancer=Reading("balancer", "balancer", texts=texts)))

    assert balanced("UP", 1) == balanced("UP 1/2", 9)
    assert balanced("UP", 1) != balanced("DOWN", 1)
    assert balanced("UP", 1) != balanced("UP", 1, "backend b")


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
