from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labs.agent.config import AgentConfig
from labs.agent.hosts import host_name, hosts, resolv_conf, write


@pytest.fixture
def config(tmp_path: Path) -> AgentConfig:
    return AgentConfig("worker-1", "192.168.56.11", "10.244.1.0/24", "https://a", "t", "/ca", state=tmp_path)


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u"}, "spec": spec}


CLUSTER = """\
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, CLUSTER),
        ({"hostNetwork": True}, ""),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, CLUSTER),
        ({"dnsPolicy": "Default"}, ""),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [{"name": "debug"}]}},
            "nameserver 1.1.1.1\noptions debug\n",
        ),
        (
            {"dnsConfig": {"searches": ["more"], "options": [{"name": "timeout", "value": "1"}]}},
            CLUSTER.replace("cluster.local\n", "cluster.local more\n").replace("5\n", "5 timeout:1\n"),
        ),
    ],
)
def test_the_name_servers_of_a_pod(config: AgentConfig, spec: dict[str, Any], expected: str) -> None:
    assert resolv_conf(pod(**spec), config) == expected


@pytest.mark.parametrize(
    ("spec", "name"), [({}, "web-1"), ({"hostname": "db"}, "db"), ({"hostNetwork": True}, "")]
)
def test_the_name_of_a_pod(spec: dict[str, Any], name: str) -> None:
    assert host_name(pod(**spec)) == name


def test_a_pod_knows_itself_and_its_aliases() -> None:
    text = hosts(
        pod(hostname="db-0", subdomain="db", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["x", "y"]}]),
        ("10.244.1.5", "fd00:244:0:1::5"),
        "cluster.local",
    )
    assert "10.244.1.5\tdb-0.db.shop.svc.cluster.local\tdb-0\n" in text
    assert "fd00:244:0:1::5\tdb-0.db.shop.svc.cluster.local\tdb-0\n" in text
    assert text.endswith("1.2.3.4\tx\ty\n")


def test_a_pod_on_the_nodes_network_has_the_nodes_files(config: AgentConfig) -> None:
    assert write(pod(hostNetwork=True), ["192.168.56.11"], config) == {}
    assert write(pod(), ["10.244.1.5"], config).keys() == {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
