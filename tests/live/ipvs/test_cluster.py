"""A cluster of the lab in mode ipvs: three nodes that balance in the kernel, and the way back."""

from __future__ import annotations

import re
from typing import Any

NODE_PORT = "192.168.56.11:31103"


def cluster_ip(cluster: Any) -> str:
    """The example Service's address, as worker-1's virtual servers name it: the only one at port 80."""
    found = re.search(r"-A -t (10\.96\.\d+\.\d+):80 ", cluster.on("worker-1", "ipvsadm", "-Sn"))
    assert found
    return found[1]


def asked(cluster: Any, machine: str, address: str) -> set[str]:
    """The pods that answer four requests, sent at once by one curl: each by a connection of its own."""
    urls = [f"http://{address}/?{n}" for n in range(4)]
    said = cluster.on(machine, "curl", "-s", "--max-time", "60", "-H", "Connection: close", *urls)
    return set(re.findall(r"appname-backend-\w+-\w+", said))


def test_virtual_servers_hold_the_service_at_its_cluster_ip_and_node_port(cluster: Any) -> None:
    address = cluster_ip(cluster)
    shown = cluster.on("worker-1", "ipvsadm", "-Ln")
    for at in (f"{address}:80", NODE_PORT):
        assert re.search(rf"TCP  {re.escape(at)} rr\s+(->.*:3001 +Masq +1 .*\s+){{2}}", shown), shown
    assert f"{address}/32" in cluster.on("worker-1", "ip", "-4", "-o", "addr", "show", "kube-ipvs0")


def test_it_answers_in_turn_from_a_node_and_a_client(cluster: Any) -> None:
    """Pods are asked in the table of cases: `lab shell POD` runs kubectl twice, a minute in the guest."""
    assert len(asked(cluster, "worker-1", cluster_ip(cluster))) == 2
    assert len(asked(cluster, "client", NODE_PORT)) == 2


def test_a_scheduler_is_chosen_as_an_operator_would(cluster: Any) -> None:
    cluster("mode", "ipvs", "--scheduler", "sh")
    assert " sh" in cluster.on("worker-1", "ipvsadm", "-Sn")
    assert len(asked(cluster, "worker-1", cluster_ip(cluster))) == 1  # hashed by its source


def test_back_in_mode_iptables_nothing_is_left_of_it(cluster: Any) -> None:
    address = cluster_ip(cluster)
    cluster("mode", "iptables")
    assert cluster.on("worker-1", "ipvsadm", "-Sn") == ""
    assert "kube-ipvs0" not in cluster.on("worker-1", "ip", "-o", "link")
    assert "KUBE" not in cluster.on("worker-1", "ipset", "list", "-name")
    rules = cluster.on("worker-1", "iptables-save")
    assert "IPVS" not in rules
    assert "KUBE-NODE-PORT " not in rules
    assert len(asked(cluster, "worker-1", address)) >= 1
