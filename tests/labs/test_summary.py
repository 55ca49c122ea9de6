"""What `lab up` and `lab status` say."""

from __future__ import annotations

from labs.summary import FIELDS, NODE_HEADER, Status, machines, node_rows, pod_rows
from vm.plan import plan

READY = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}


def test_every_machine_has_a_row_and_helpers_are_no_nodes() -> None:
    nodes = [{"metadata": {"name": "control-1"}, **READY}, {"metadata": {"name": "worker-1"}}]
    rows = {row[0]: row for row in node_rows(plan(1), nodes)}
    assert {name: row[-1] for name, row in rows.items()} == {
        "control-1": "yes",
        "worker-1": "no",
        "client": "–",
        "balancer": "–",
    }
    assert rows["client"][3] == "–"
    assert all(len(row) == 5 for row in rows.values())
    assert len(NODE_HEADER) == len(FIELDS)


def test_a_dual_stack_cluster_shows_its_second_addresses() -> None:
    rows = node_rows(plan(1, dual_stack=True), [])
    assert [row[5:] for row in rows] == [
        ("fd00:56::10", "fd00:244::/64"),
        ("fd00:56::11", "fd00:244:0:1::/64"),
        ("fd00:56::200", "–"),
        ("fd00:56::201", "–"),
    ]
    shown = machines(rows)
    assert shown.header[-1] == "pods' IPv6 addresses"
    assert machines(node_rows(plan(1), [])).header[-1] == "ready"
    seen = Status(True, "/home", "namespaces", rows).as_json()
    assert isinstance(seen, dict)
    assert seen["machines"][1]["address6"] == "fd00:56::11"


def test_a_pod_without_node_and_address_has_a_row_too() -> None:
    assert pod_rows([{"metadata": {"name": "web-1"}, "spec": {}}]) == (("web-1", "no", "–", "–"),)


def test_a_status_for_programs_names_what_each_value_is() -> None:
    rows = node_rows(plan(1), [])
    seen = Status(True, "/home", "namespaces", rows, (("worker-1", "iptables"),), {"a": 2}).as_json()
    assert isinstance(seen, dict)
    assert seen["machines"][0]["address"] == "192.168.56.10"
    assert seen["proxyModes"] == {"worker-1": "iptables"}
    assert seen["readyPods"] == {"a": 2}
