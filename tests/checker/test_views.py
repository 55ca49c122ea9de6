"""What checks ask of the evidence: cluster, nodes, rules, traffic; and whether it has come to rest."""

from dataclasses import replace
from fractions import Fraction

import pytest

from checker.cluster import Cluster
from checker.converge import unsettled
from checker.errors import Broken, LabInvalid
from checker.evidence import Evidence
from checker.expectations import Wrong
from checker.fake import Paper
from checker.nodes import Nodes
from checker.rules import Rules
from checker.traffic import Traffic
from checker.variant import Variant

PAPER = Paper(replicas=3, counted=10, listening=frozenset({8080}))
SPACE = PAPER.namespace
VARIANT = Variant(0, {"namespace": SPACE, "port": 31103, "name": "x"})


def seen(evidence):
    nodes = Nodes(evidence)
    return Cluster(evidence), nodes, Rules(nodes, evidence.client), Traffic(nodes)


def test_the_way_of_a_packet_leaves_side_trips_out():
    _, _, rules, _ = seen(PAPER.evidence())
    routes = {route.to: route for route in rules.routes(31103)}
    assert set(routes) == set(PAPER.endpoints)
    for at, route in routes.items():
        assert route.chains == ("KUBE-SERVICES", "KUBE-NODEPORTS", PAPER.ext, PAPER.svc, PAPER.sep(at))
        assert route.detours == {"KUBE-MARK-MASQ"}
        assert route.masquerade


def test_chances_are_read_as_the_kernel_keeps_them():
    _, _, rules, _ = seen(PAPER.evidence())
    assert rules.service_chain(31103) == PAPER.svc
    assert rules.chances(PAPER.svc) == [Fraction(715827883, 2**31), Fraction(1, 2), Fraction(1)]
    assert rules.chances("KUBE-SVC-NONE") == []


def test_marks_and_masquerading_are_found_by_what_rules_do():
    _, _, rules, _ = seen(PAPER.evidence())
    assert rules.masquerading() == {"KUBE-POSTROUTING"}
    assert rules.marks("KUBE-MARK-MASQ") == {0x4000}


def test_a_port_that_leads_nowhere_cannot_be_judged():
    _, _, rules, _ = seen(replace(PAPER, replicas=0).evidence())
    with pytest.raises(Broken, match="the rules of worker-1 lead port 31103 to no pod"):
        rules.routes(31103)


@pytest.mark.parametrize("text", ["*nat\n-A", "*nat\n:X\nwhat is this", "-A PREROUTING -j DROP"])
def test_rules_that_cannot_be_read_are_broken_and_never_a_fault_of_the_check(text):
    evidence = PAPER.evidence()
    nodes = tuple(replace(node, texts={**node.texts, "rules": text}) for node in evidence.nodes)
    with pytest.raises(Broken, match="the rules of worker-1 cannot be understood"):
        seen(replace(evidence, nodes=nodes))[2].routes(31103)


def test_connections_are_summed_over_the_nodes():
    assert list(seen(PAPER.evidence())[3].connections().values()) == [30, 33, 36]


def test_listeners_are_told_by_the_whole_port():
    worker = seen(PAPER.evidence())[1].workers[0]
    assert worker.listeners(8080) == ["0.0.0.0:8080"]
    assert worker.listeners(808) == []


def test_endpoints_are_those_of_the_family_whose_rules_are_read():
    evidence = PAPER.evidence()
    (four,) = evidence.objects["endpointslices"]
    six = {**four, "addressType": "IPv6", "endpoints": [{"addresses": ["fd00:244:0:1::2"]}]}
    evidence.objects["endpointslices"] = [six, {**four, "addressType": "IPv4"}]
    found = Cluster(evidence).endpoints(SPACE, PAPER.service)
    assert {each.at for each in found} == set(PAPER.endpoints)


def test_the_service_and_its_endpoints():
    cluster = seen(PAPER.evidence())[0]
    service = cluster.service(SPACE, PAPER.service)
    assert (service.kind, service.cluster_ip) == ("NodePort", PAPER.cluster_ip)
    assert (service.port.number, service.port.node_port, service.port.target) == (80, 31103, 3001)
    assert {each.at for each in cluster.endpoints(SPACE, PAPER.service)} == set(PAPER.endpoints)
    assert [pod.ready for pod in cluster.pods(SPACE)] == [True] * 3


def test_what_the_learner_deleted_is_theirs_to_put_back():
    with pytest.raises(Wrong) as error:
        seen(PAPER.evidence())[0].service(SPACE, "gone")
    assert error.value.expected == f"the Service `gone` in the namespace `{SPACE}`"
    assert "lab start" in error.value.next


def test_a_cluster_at_rest_is_at_rest():
    assert unsettled(PAPER.evidence(), VARIANT) == ""


def changed(evidence, kind, change):
    objects = {name: [dict(each) for each in every] for name, every in evidence.objects.items()}
    change(objects[kind])
    return replace(evidence, objects=objects)


def scaled(deployments):
    deployments[0]["spec"] = {"replicas": 5}


def leaving(pods):
    pods[0]["metadata"] = {**pods[0]["metadata"], "deletionTimestamp": "2026-11-23T09:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("deployments", scaled, "Deployment appname-backend has 3 of 5 pods ready"),
        ("pods", leaving, "is being deleted"),
        ("endpointslices", lambda slices: slices.clear(), "rules of control-1 do not follow the endpoints"),
    ],
)
def test_what_is_still_on_its_way_is_named(kind, change, reason):
    evidence = changed(PAPER.evidence(), kind, change)
    assert reason in unsettled(evidence, VARIANT)
    assert unsettled(evidence, Variant(0, {"namespace": "another"})) == ""


def held_up(evidence, since):
    """A rollout whose new pod does not become ready."""
    told = {"type": "Ready", "status": "False", "lastTransitionTime": since}

    def waiting(pods):
        pods[0]["status"] = {**pods[0]["status"], "conditions": [told]}

    def waited_for(deployments):
        deployments[0]["status"] = {**deployments[0]["status"], "readyReplicas": 2}

    return changed(changed(evidence, "pods", waiting), "deployments", waited_for)


@pytest.mark.parametrize(
    ("since", "reason"),
    [("2026-11-23T09:40:58Z", "2 of 3 pods ready"), ("2026-11-23T09:40:50Z", ""), ("", "2 of 3 pods ready")],
)
def test_a_pod_that_does_not_become_ready_is_waited_for_some_seconds_only(since, reason):
    found = unsettled(held_up(PAPER.evidence("2026-11-23T09:41:00Z"), since), VARIANT)
    assert reason in found
    assert bool(reason) == bool(found)


def test_a_silent_node_is_waited_for():
    evidence = PAPER.evidence()
    mute = replace(evidence, nodes=(*evidence.nodes[:2], replace(evidence.nodes[2], texts={})))
    assert unsettled(mute, VARIANT) == "worker-2 or its kube-proxy does not answer"


def test_in_another_mode_rules_are_not_waited_for():
    modes = dict.fromkeys(("control-1", "worker-1", "worker-2"), "nftables")
    evidence = changed(
        replace(PAPER, modes=modes).evidence(), "endpointslices", lambda slices: slices.clear()
    )
    assert unsettled(evidence, VARIANT) == ""


@pytest.mark.parametrize("value", [{}, {"schema": 2}, {"schema": 1}, {"schema": 1, "nodes": [{"x": 1}]}])
def test_what_is_no_evidence_is_refused(value):
    with pytest.raises(LabInvalid):
        Evidence.from_json(value)


def test_a_variant_gives_text_numbers_and_names():
    assert (VARIANT.number("port"), VARIANT.text("port"), SPACE in VARIANT) == (31103, "31103", True)
    with pytest.raises(LabInvalid, match="no value `prot`; it has: name, namespace, port"):
        VARIANT.text("prot")
    with pytest.raises(LabInvalid, match="`name` is `x`, not a whole number"):
        VARIANT.number("name")
