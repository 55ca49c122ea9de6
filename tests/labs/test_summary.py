"""What `lab up` and `lab status` say."""

from __future__ import annotations

from labs.summary import FIELDS, NODE_HEADER, Status, node_rows, pod_rows
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
    assert all(len(row) == len(NODE_HEADER) == len(FIELDS) for row in rows.values())


def test_a_pod_without_node_and_address_has_a_row_too() -> None:
    assert pod_rows([{"metadata": {"name": "web-1"}, "spec": {}}]) == (("web-1", "no", "–", "–"),)


def test_a_status_for_programs_names_what_each_value_is() -> None:
    rows = node_rows(plan(1), [])
    seen = Status(True, "/home", "namespaces", rows, (("worker-1", "iptables"),), {"a": 2}).as_json()
    assert isinstance(seen, dict)
    assert seen["machines"][0]["address"] == "192.168.56.10"
    assert seen["proxyModes"] == {"worker-1": "iptables"}
    assert seen["readyPods"] == {"a": 2}
