"""One Service port's own chains, all in the nat table, in the order a packet meets them.

KUBE-FW → KUBE-EXT → KUBE-SVC or KUBE-SVL → KUBE-SEP → DNAT
(source ranges)  (from outside)  (which endpoint)  (there)
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.addresses import contains
from labs.proxy.iptables import names, static
from labs.proxy.iptables.endpoints import affinity_rules, choice_rules, endpoint_rules
from labs.proxy.iptables.subject import Subject
from labs.proxy.netfilter.masquerade import MARK_MASQ
from labs.proxy.netfilter.ruleset import rule

Chained = Iterator[tuple[str, str]]
"""(chain, rule)"""


def own_chains(subject: Subject) -> Chained:
    """All of them; a chain that nothing leads to is not written."""
    for part in (firewall_chain, external_chain, off_cluster_masquerade, policy_chains, endpoint_chains):
        yield from part(subject)


def firewall_chain(subject: Subject) -> Chained:
    """loadBalancerSourceRanges: who is in a range goes on; who is not falls out, and is dropped later."""
    if not subject.firewalled:
        return
    service, chain = subject.service, subject.chain(names.FIREWALL)
    sources = list(service.source_ranges)
    if any(contains(network, subject.node_address) for network in sources):
        sources += service.load_balancer_ips  # a node that holds the address itself also asks from it
    for source in sources:
        jump = f"-j {subject.chain(names.EXTERNAL)}"
        yield chain, rule(f"{subject.name} loadbalancer IP", f"-s {source}", jump)
    yield chain, rule(f"other traffic to {subject.name} will be dropped by {static.PROXY_FIREWALL}")


def external_chain(subject: Subject) -> Chained:
    """What comes for a NodePort, an external IP or a load balancer's IP."""
    if subject.choice.any_usable and subject.service.externally_accessible:
        rules = external_local if subject.service.external_local else external_cluster
        yield from ((subject.chain(names.EXTERNAL), found) for found in rules(subject))


def external_cluster(subject: Subject) -> Iterator[str]:
    """Masquerade, since the endpoint may be on another node and must answer through this one."""
    yield rule(f"masquerade traffic for {subject.name} external destinations", f"-j {MARK_MASQ}")
    yield f"-j {subject.chain(names.CLUSTER_POLICY)}"


def external_local(subject: Subject) -> Iterator[str]:
    """Only local endpoints, the source kept; who asks from inside gets all, as with the ClusterIP."""
    destinations, cluster = f"{subject.name} external destinations", subject.chain(names.CLUSTER_POLICY)
    from_node = "-m addrtype --src-type LOCAL"
    if subject.options.from_pod:
        yield rule(f"pod traffic for {destinations}", subject.options.from_pod, f"-j {cluster}")
    yield rule(f"masquerade LOCAL traffic for {destinations}", from_node, f"-j {MARK_MASQ}")
    yield rule(f"route LOCAL traffic for {destinations}", from_node, f"-j {cluster}")
    if subject.has_external:
        yield f"-j {subject.chain(names.LOCAL_POLICY)}"


def off_cluster_masquerade(subject: Subject) -> Chained:
    """Off-cluster traffic to a ClusterIP came by a route to this node: the answer must pass here too."""
    everything, elsewhere = subject.options.masquerade_all, subject.options.not_from_pod
    if subject.has_internal and (everything or elsewhere):
        to = subject.to(subject.service.cluster_ip)
        source = "" if everything else elsewhere
        yield subject.internal_chain, rule(f"{subject.name} cluster IP", to, source, f"-j {MARK_MASQ}")


def policy_chains(subject: Subject) -> Chained:
    """The chains that choose an endpoint: of all nodes, of this node."""
    for kind, endpoints in (
        (names.CLUSTER_POLICY, subject.choice.cluster),
        (names.LOCAL_POLICY, subject.choice.local),
    ):
        for rules in (affinity_rules, choice_rules):
            for found in rules(subject, endpoints):
                yield subject.chain(kind), found


def endpoint_chains(subject: Subject) -> Chained:
    """A chain for each endpoint that one of the policy chains may choose."""
    for endpoint in subject.choice.reachable:
        chain = subject.endpoint_chain(endpoint)
        yield from ((chain, found) for found in endpoint_rules(subject, endpoint, chain))
