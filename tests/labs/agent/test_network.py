from __future__ import annotations

from pathlib import Path

from labs.agent.network import inside, link, mac, outside, understood

UID = "60ea3ee2-8eff-442a-aed6-6f881d97437f"


def test_a_mac_is_made_of_the_address() -> None:
    assert mac("10.244.1.5") == "0a:58:0a:f4:01:05"


def test_the_name_of_a_link_fits_the_kernel() -> None:
    assert link(UID) == "veth60ea3ee28ef"
    assert len(link(UID)) <= 15


POD, NODE = ("10.244.1.5", "fd00:244:0:1::5"), ("192.168.56.11", "fd00:56::11")


def test_both_ends_know_each_others_mac() -> None:
    node, pod = outside(UID, POD, NODE), inside(POD)
    for address, gateway in zip(POD, ("169.254.1.1", "fe80::1"), strict=True):
        assert f"neigh replace {address} lladdr 0a:58:0a:f4:01:05" in node
        assert f"neigh replace {gateway} lladdr ee:ee:ee:ee:ee:ee" in pod
    assert "address 0a:58:0a:f4:01:05 netns" in node
    assert "address ee:ee:ee:ee:ee:ee type veth" in node


def test_each_family_is_routed_by_a_host_route_with_the_nodes_own_source() -> None:
    node = outside(UID, POD, NODE)
    assert "route replace 10.244.1.5/32 dev veth60ea3ee28ef scope link src 192.168.56.11\n" in node
    assert "route replace fd00:244:0:1::5/128 dev veth60ea3ee28ef scope link src fd00:56::11\n" in node


def test_a_pod_without_ipv6_has_no_line_of_it() -> None:
    assert "6" not in inside(POD[:1]).replace("169.254", "")
    assert "fd00" not in outside(UID, POD[:1], NODE[:1])


def test_a_kernel_without_ipv6_is_asked_for_nothing_of_it(tmp_path: Path) -> None:
    """With ipv6.disable=1 `addrgenmode` is refused: «Address family not supported by protocol»."""
    batch = inside(POD[:1])
    assert "link set eth0 up\n" in understood(batch, tmp_path / "none")
    assert understood(batch, tmp_path) == batch


def test_the_nodes_end_has_no_address() -> None:
    assert "address add" not in outside(UID, POD, NODE)
