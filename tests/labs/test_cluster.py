"""What a cluster is made of: its door, its kubeconfigs, its machines."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from labs.cluster import Identity, apiserver, listen, machine, specification
from labs.config import Home
from vm.plan import plan


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def identity(home: Home) -> Identity:
    return Identity(home, plan(2))


def test_the_door_opens_where_it_was_before(tmp_path: Path) -> None:
    with listen(tmp_path / "none") as first:
        port = first.getsockname()[1]
    (tmp_path / "kubeconfig").write_text(f"server: https://127.0.0.1:{port}\n")
    with listen(tmp_path / "kubeconfig") as again:
        assert again.getsockname() == ("127.0.0.1", port)


def test_the_door_opens_elsewhere_when_its_place_is_taken(tmp_path: Path) -> None:
    with listen(tmp_path / "none") as taken:
        port = taken.getsockname()[1]
        (tmp_path / "kubeconfig").write_text(f"server: https://127.0.0.1:{port}\n")
        with listen(tmp_path / "kubeconfig") as other:
            assert other.getsockname()[1] != port


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b"server: https://127.0.0.1:99999\n"])
def test_a_damaged_kubeconfig_does_not_keep_the_door_shut(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "kubeconfig").write_bytes(damaged)
    with listen(tmp_path / "kubeconfig") as door:
        assert door.getsockname()[1] > 0


def test_a_kubeconfig_names_the_server_its_authority_and_the_administrator(identity: Identity) -> None:
    found = yaml.safe_load(identity.kubeconfig("https://192.168.56.10:6443"))
    cluster = found["clusters"][0]["cluster"]
    assert cluster["server"] == "https://192.168.56.10:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == identity.files.ca.read_bytes()
    assert found["users"][0]["user"]["token"]
    assert found["current-context"] == found["contexts"][0]["name"]


def test_a_second_lab_up_shows_the_same_credentials(identity: Identity, home: Home) -> None:
    assert Identity(home, plan(2)).kubeconfig("https://a") == identity.kubeconfig("https://a")


def test_nodes_have_an_agent_and_a_kubeconfig_and_helpers_have_neither(identity: Identity) -> None:
    made = plan(2)
    machines = {node.name: machine(node, made, identity) for node in made.nodes}
    agents = {name for name, each in machines.items() if [part.name for part in each.services] == ["agent"]}
    assert agents == {"control-1", "worker-1", "worker-2"}
    assert {name for name, each in machines.items() if "/root/.kube/config" in each.files} == agents


def test_a_dual_stack_cluster_gives_its_agents_and_its_api_both_ranges(
    home: Home, identity: Identity
) -> None:
    made = plan(1, dual_stack=True)
    assert apiserver(home, made, identity).arguments["service_cidr"] == "10.96.0.0/16,fd00:96::/112"
    agent = machine(made.node("worker-1"), made, identity).services[0].arguments
    assert (agent["address6"], agent["pod_cidr6"]) == ("fd00:56::11", "fd00:244:0:1::/64")


def test_only_the_control_plane_refuses_workloads(identity: Identity) -> None:
    made = plan(2)
    taints = {
        node.name: machine(node, made, identity).services[0].arguments["taints"]
        for node in made.cluster_nodes
    }
    assert taints.pop("control-1")
    assert not any(taints.values())


def test_the_hosts_kubeconfig_leads_to_the_door_and_only_its_owner_reads_it(home: Home) -> None:
    spec = specification(home, plan(1))
    with spec.sockets["api"] as door:
        assert f"https://127.0.0.1:{door.getsockname()[1]}" in home.kubeconfig.read_text()
    assert home.kubeconfig.stat().st_mode & 0o777 == 0o600
