"""What each virtual machine is given: services, files and settings, from the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labs.agent.config import AgentConfig
from labs.config import Home
from labs.guests import AUTHORITY, Archives, Guests
from vm.plan import plan
from vm.spawn import Spawn


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, dict[str, Any]]:
    archives = Archives(tmp_path / "site-1.tar.gz", tmp_path / "app-2.tar.gz")
    guests = Guests(Home(tmp_path / "home").make(), plan(2), archives)
    return guests.variables({"worker-2": ("ipset",)})


def test_a_second_lab_up_has_nothing_new_to_tell(
    variables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 9e9)
    archives = Archives(tmp_path / "site-1.tar.gz", tmp_path / "app-2.tar.gz")
    again = Guests(Home(tmp_path / "home"), plan(2), archives)
    assert again.variables({"worker-2": ("ipset",)}) == variables


def process(service: str) -> Spawn:
    (only,) = json.loads(service)["processes"]
    return Spawn.from_json(only)


def test_every_node_has_an_agent_of_its_own_and_the_first_the_api(variables: dict[str, Any]) -> None:
    assert list(variables) == ["control-1", "worker-1", "worker-2"]
    agents = {name: AgentConfig.of(process(each["lab_agent"]).arguments) for name, each in variables.items()}
    assert {name: agent.address for name, agent in agents.items()} == {
        "control-1": "192.168.56.10",
        "worker-1": "192.168.56.11",
        "worker-2": "192.168.56.12",
    }
    assert {agent.ca for agent in agents.values()} == {AUTHORITY}
    assert [name for name, each in variables.items() if "lab_apiserver" in each] == ["control-1"]


def test_the_api_server_listens_where_vagrant_forwards_to_and_keeps_nothing_of_the_hosts_paths(
    variables: dict[str, Any], tmp_path: Path
) -> None:
    text = variables["control-1"]["lab_apiserver"]
    arguments = process(text).arguments
    assert (arguments["listen"], arguments["address"]) == ("0.0.0.0", "192.168.56.10")
    assert str(tmp_path) not in text
    files = {Path(arguments[name]).name for name in ("certificate", "key", "ca", "signing_key")}
    assert files == set(variables["control-1"]["lab_pki"])


def test_the_authoritys_key_stays_on_the_host(variables: dict[str, Any], tmp_path: Path) -> None:
    key = (tmp_path / "home/pki/ca.key").read_text()
    assert key not in json.loads(json.dumps(variables))["control-1"]["lab_pki"].values()


def test_a_restart_follows_new_code_for_its_folder_is_named_after_it(variables: dict[str, Any]) -> None:
    worker = variables["worker-1"]
    assert (worker["lab_site"], worker["lab_app"]) == ("site-1", "app-2")


def test_what_a_machine_lacks_is_its_own(variables: dict[str, Any]) -> None:
    assert {name: each["lab_missing_packages"] for name, each in variables.items()} == {
        "control-1": [],
        "worker-1": [],
        "worker-2": ["ipset"],
    }


def test_client_and_balancer_reach_load_balancers_over_the_workers(variables: dict[str, Any]) -> None:
    routes = variables["control-1"]["lab_routes"]
    hops = "nexthop via 192.168.56.11 nexthop via 192.168.56.12"
    assert routes["client"] == f"route replace 203.0.113.0/24 {hops}\n"
    assert routes["balancer"].startswith(routes["client"])
