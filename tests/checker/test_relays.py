"""Mode userspace, read from a node's rules, sockets and log."""

from checker.evidence import Evidence, Reading
from checker.nodes import Nodes
from checker.relays import Relays

SERVICE = "shop/shop-svc"
RULES = """\
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-NODEPORT-CONTAINER - [0:0]
:KUBE-PORTALS-HOST - [0:0]
[0:0] -A KUBE-NODEPORT-CONTAINER -p tcp -m comment --comment "shop/shop-svc" -m tcp --dport 31103 -j REDIRECT --to-ports 41117
[0:0] -A KUBE-PORTALS-HOST -d 10.96.0.9/32 -p tcp -m comment --comment "shop/shop-svc" -m tcp --dport 80 -j DNAT --to-destination 192.168.56.11:41117
[0:0] -A KUBE-PORTALS-HOST -d 10.96.0.8/32 -p tcp -m comment --comment "shop/other" -m tcp --dport 80 -j DNAT --to-destination 192.168.56.11:40000
COMMIT
"""  # noqa: E501  the kernel's own lines
HEAD = "I1123 12:52:52.207962     160 balancer.py:132] "
NEXT = 'LoadBalancerRR: NextEndpoint for service "shop/'
LOG = "\n".join(
    HEAD + line
    for line in (
        NEXT + 'shop-svc", srcAddr=192.168.56.200:53292: 10.244.2.4:3001 in turn',
        NEXT + 'other", srcAddr=192.168.56.200:53293: 10.244.1.9:9 in turn',
        NEXT + 'shop-svc", srcAddr=192.168.56.200:53294: 10.244.1.3:3001 in turn',
        'Dial failed: service "shop/shop-svc", endpoint 10.244.1.3:3001: Connection refused',
        NEXT + 'shop-svc", srcAddr=192.168.56.200:53294: 10.244.2.4:3001 in turn',
    )
)
SOCKETS = """\
LISTEN 0      1024         0.0.0.0:41117      0.0.0.0:*    users:(("kube-proxy",pid=160,fd=17))
LISTEN 0      128          0.0.0.0:10250      0.0.0.0:*    users:(("kubelet",pid=2,fd=7))
"""
METRICS = """\
# TYPE kubeproxy_sync_proxy_rules_iptables_total gauge
kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv6",table="nat"} 5.0
kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} 53.0
process_start_time_seconds 1.79e+09
"""
TEXTS = {
    "rules": RULES,
    "log": LOG,
    "sockets": SOCKETS,
    "mode": "userspace",
    "metrics": METRICS,
    "health": "200",
}
NODES = Nodes(Evidence("2026-11-23T12:52:52Z", {}, (Reading("worker-1", "worker", texts=TEXTS),)))
RELAYS = Relays(NODES)


def test_the_port_of_a_relay_is_where_its_rules_lead():
    assert RELAYS.port(SERVICE) == 41117
    assert RELAYS.port("shop/none") == 0
    assert RELAYS.chains(SERVICE) == {"KUBE-NODEPORT-CONTAINER", "KUBE-PORTALS-HOST"}


def test_turns_and_failed_dials_are_read_from_the_log():
    assert RELAYS.turns(SERVICE) == ["10.244.2.4:3001", "10.244.1.3:3001", "10.244.2.4:3001"]
    assert RELAYS.detours(SERVICE) == {("10.244.1.3:3001", "10.244.2.4:3001")}
    assert RELAYS.detours("shop/other") == set()


def test_who_listens_is_told_with_the_socket():
    worker = NODES.named("worker-1")
    assert worker.programs(41117) == {"kube-proxy"}
    assert worker.listeners(41117) == ["0.0.0.0:41117"]
    assert worker.programs(1) == set()


def test_a_metric_is_found_by_its_labels():
    worker = NODES.named("worker-1")
    name = "kubeproxy_sync_proxy_rules_iptables_total"
    assert worker.metric(name, table="nat", ip_family="IPv4") == 53
    assert worker.metric(name, table="mangle") is None
    assert worker.metric("process_start_time_seconds") == 1.79e9
    assert worker.healthy
