from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from vm import fabric
from vm.errors import HostCannot
from vm.plan import plan

HOME = {"lo": ["127.0.0.1/8"], "eth0": ["10.0.0.5/24"]}


def test_the_usual_network_is_taken_where_nobody_has_it() -> None:
    assert fabric.free(HOME) == ("192.168.56.0/24", "")


@pytest.mark.parametrize("address", ["192.168.56.1/24", "192.168.56.77/32", "192.168.56.9/22"])
def test_who_has_the_usual_network_is_named_and_another_is_taken(address: str) -> None:
    network, holder = fabric.free({**HOME, "virbr7": [address]})
    assert holder == "virbr7"
    assert not ip_network(network).overlaps(ip_network(address, strict=False))


def test_where_all_are_taken_the_error_says_by_whom() -> None:
    with pytest.raises(HostCannot, match=r"br-all has 192\.168\.56\.0/24") as raised:
        fabric.free({"br-all": ["192.168.0.1/16"]})
    assert raised.value.cure


def test_a_plan_that_moved_has_all_its_machines_in_the_other_network_and_nothing_else_changed() -> None:
    before, after = plan(2), fabric.moved(plan(2), "192.168.58.0/24")
    for node in after.nodes:
        assert ip_address(node.address) in ip_network("192.168.58.0/24")
    assert (after.api_address, after.gateway) == ("192.168.58.10", "192.168.58.1")
    assert (after.pod_cidr, after.service_cidr, after.load_balancers) == (
        before.pod_cidr,
        before.service_cidr,
        before.load_balancers,
    )
    assert fabric.moved(before, before.fabric) == before


def test_this_hosts_addresses_are_read() -> None:
    assert any("127.0.0.1/8" in held for held in fabric.addresses().values())


def test_a_route_to_the_usual_network_is_a_claim_and_a_wide_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ip -json -4` of iproute2 6.1 prints it: a VPN has the network without an address in it."""
    program = tmp_path / "ip"
    program.write_text(
        """#!/bin/sh
case $3 in
address) echo '[{"ifname":"tun0","addr_info":[{"local":"10.8.0.2","prefixlen":24}]}]' ;;
route) echo '[{"dst":"default","gateway":"10.0.0.1","dev":"eth0"},{"dst":"192.168.56.0/24","dev":"tun0"},
    {"dst":"192.168.0.0/16","dev":"tun1"},{"dst":"192.168.57.9","dev":"eth0"}]' ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert fabric.free(fabric.addresses()) == ("192.168.58.0/24", "tun0")


def test_vagrants_own_network_moves_where_somebody_else_has_the_usual_one() -> None:
    libvirts = {"virbr1": ["192.168.121.1/24"]}
    assert fabric.management({}, "") == ({}, "")
    assert fabric.management(libvirts, "virbr1") == ({}, ""), "it is the usual one itself"
    found, taken = fabric.management({**HOME, "eth1": ["192.168.121.7/24"]}, "virbr1")
    assert taken == "eth1"
    assert found == {
        "management_network_name": "vagrant-libvirt-123",
        "management_network_address": "192.168.123.0/24",
    }


def test_the_bridge_of_a_network_is_read_as_virsh_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "virsh"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    program.write_text(
        "#!/bin/sh\nprintf 'Name:           vagrant-libvirt\nActive:         yes\nBridge:         virbr1\n'\n"
    )
    program.chmod(0o755)
    assert fabric.bridge() == "virbr1"
    program.write_text("#!/bin/sh\necho error: failed to get network >&2; exit 1\n")
    assert fabric.bridge() == ""
