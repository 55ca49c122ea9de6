"""Mode ipvs as checks see it: the kernel's tables as their programs print them."""

import pytest

from checker.errors import Broken
from checker.evidence import Evidence, Reading
from checker.ipvs import Ipvs
from checker.nodes import Nodes

# What worker-1 of a cluster in mode ipvs printed (ipvsadm 1.31, ipset 7.17).
TEXTS = {
    "virtual servers": """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.7.1:80 rr
  -> 10.244.1.5:3000              Masq    1      0          3
  -> 10.244.2.7:3000              Masq    4      1          2
UDP  10.96.0.10:53 rr
""",
    "served": """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.96.7.1:80                       12       60       48     3600     5000
  -> 10.244.1.5:3000                     6       30       24     1800     2500
""",
    "links": """\
lo               UNKNOWN        127.0.0.1/8
kube-ipvs0       DOWN           10.96.0.10/32 10.96.7.1/32
eth0@if5         UP             192.168.56.11/24
""",
    "sets": """\
create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
add KUBE-CLUSTER-IP 10.96.7.1,tcp:80
add KUBE-CLUSTER-IP 10.96.0.10,udp:53
""",
}


def ipvs(**texts):
    reading = Reading(
        "worker-1", texts={**TEXTS, **{name.replace("_", " "): text for name, text in texts.items()}}
    )
    return Ipvs(Nodes(Evidence("2026-11-23T09:41:00Z", nodes=(reading,))))


def test_a_virtual_server_has_its_real_servers_with_weights_and_connections():
    server = ipvs().server("10.96.7.1", 80)
    assert server.scheduler == "rr"
    assert [(each.text, each.weight, each.active, each.inactive) for each in server.real] == [
        ("10.244.1.5:3000", 1, 0, 3),
        ("10.244.2.7:3000", 4, 1, 2),
    ]


@pytest.mark.parametrize(("address", "port"), [("10.96.7.1", 81), ("10.96.7.2", 80), ("10.96.0.10", 53)])
def test_what_is_not_served_for_tcp_is_no_server(address, port):
    assert ipvs().server(address, port) is None


def test_connections_and_answers_are_those_of_the_virtual_server():
    assert ipvs().served("10.96.7.1", 80) == (12, 48)
    assert ipvs().served("10.96.7.1", 443) == (0, 0)


def test_links_and_sets_are_found_by_what_they_hold():
    assert ipvs().links("10.96.7.1") == {"kube-ipvs0"}
    assert ipvs().links("192.168.56.11") == set()
    assert ipvs().sets("10.96.7.1,tcp:80") == {"KUBE-CLUSTER-IP"}
    assert ipvs().sets("10.96.7.1,tcp:8") == set()


def test_where_there_is_no_ipvs_nothing_is_served():
    empty = ipvs(virtual_servers="", served="", links="", sets="")
    assert (empty.server("10.96.7.1", 80), empty.served("10.96.7.1", 80)) == (None, (0, 0))
    assert empty.links("10.96.7.1") | empty.sets("10.96.7.1,tcp:80") == set()


def test_a_table_that_cannot_be_read_is_our_fault():
    with pytest.raises(Broken, match="worker-1 cannot be understood"):
        ipvs(virtual_servers="TCP\n").server("10.96.7.1", 80)
