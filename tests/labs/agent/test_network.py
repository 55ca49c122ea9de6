from __future__ import annotations

from labs.agent.network import inside, link, mac, outside

UID = "60ea3ee2-8eff-442a-aed6-6f881d97437f"


def test_a_mac_is_made_of_the_address() -> None:
    assert mac("10.244.1.5") == "0a:58:0a:f4:01:05"


def test_the_name_of_a_link_fits_the_kernel() -> None:
    assert link(UID) == "veth60ea3ee28ef"
    assert len(link(UID)) <= 15


def test_both_ends_know_each_others_mac() -> None:
    node, pod = outside(UID, "10.244.1.5", "192.168.56.11"), inside("10.244.1.5")
    assert "neigh replace 10.244.1.5 lladdr 0a:58:0a:f4:01:05" in node
    assert "address 0a:58:0a:f4:01:05 netns" in node
    assert "address ee:ee:ee:ee:ee:ee type veth" in node
    assert "neigh replace 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee" in pod


def test_the_nodes_end_has_no_address() -> None:
    assert "address add" not in outside(UID, "10.244.1.5", "192.168.56.11")
