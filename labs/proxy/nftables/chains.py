"""One Service port's own chains, in the order a packet meets them.

firewall- (before nat)     external- → service- or local- → DNAT
(source ranges)            (from outside)  (which endpoint)      with affinity: → endpoint- → DNAT
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.addresses import contains
from labs.proxy.nftables import names
from labs.proxy.nftables.objects import Set
from labs.proxy.nftables.subject import Subject
from labs.proxy.state import Endpoint

Chained = Iterator[tuple[str, str]]
"""(chain, rule)"""
Endpoints = tuple[Endpoint, ...]


def own_chains(subject: Subject) -> Chained:
    """All of them; a chain that nothing leads to is not written."""
    for part in (firewall_chain, external_chain, policy_chains, endpoint_chains):
        yield from part(subject)


def firewall_chain(subject: Subject) -> Chained:
    """loadBalancerSourceRanges: who is in none of them is dropped, before anything else is asked."""
    if not subject.firewalled:
        return
    service = subject.service
    sources = list(service.source_ranges)
    if any(contains(network, subject.node_address) for network in sources):
        sources += service.load_balancer_ips  # a node that holds the address itself also asks from it
    rule = f"{subject.options.ip} saddr != {{ {' , '.join(sources)} }} drop"
    yield subject.chain(names.FIREWALL), rule


def external_chain(subject: Subject) -> Chained:
    """What comes for a NodePort, an external IP or a load balancer's IP."""
    if subject.choice.any_usable and subject.service.externally_accessible:
        rules = external_local if subject.service.external_local else external_cluster
        yield from ((subject.chain(names.EXTERNAL), found) for found in rules(subject))


def external_cluster(subject: Subject) -> Iterator[str]:
    """Masquerade, since the endpoint may be on another node and must answer through this one."""
    yield f'{subject.options.masquerade} comment "masquerade"'
    yield f"goto {subject.chain(names.CLUSTER_POLICY)}"


def external_local(subject: Subject) -> Iterator[str]:
    """Only local endpoints, the source kept; who asks from inside gets all, as with the ClusterIP."""
    options, cluster = subject.options, f"goto {subject.chain(names.CLUSTER_POLICY)}"
    if options.from_pod:
        yield f'{options.from_pod} {cluster} comment "short-circuit pod traffic"'
    yield f'fib saddr type local {options.masquerade} comment "masquerade local traffic"'
    yield f'fib saddr type local {cluster} comment "short-circuit local traffic"'
    if subject.has_external:
        yield f"goto {subject.chain(names.LOCAL_POLICY)}"


def policy_chains(subject: Subject) -> Chained:
    """The chains that choose an endpoint: of all nodes, of this node."""
    for kind, endpoints in (
        (names.CLUSTER_POLICY, subject.choice.cluster),
        (names.LOCAL_POLICY, subject.choice.local),
    ):
        if endpoints:
            rules = sticky_rules if subject.service.affinity_seconds else choice_rules
            yield from ((subject.chain(kind), found) for found in rules(subject, endpoints))


def choice_rules(subject: Subject, endpoints: Endpoints) -> Iterator[str]:
    """One rule, whatever the number of endpoints: the random number is the key of a map."""
    protocol, family = f"meta l4proto {subject.service.protocol}", subject.options.ip
    if len(endpoints) == 1:
        yield f"{protocol} dnat to {endpoints[0]}"
        return
    choices = (f"{n} : {endpoint.ip} . {endpoint.port}" for n, endpoint in enumerate(endpoints))
    choice = f"numgen random mod {len(endpoints)} map {{ {' , '.join(choices)} }}"
    yield f"{protocol} dnat {family} addr . port to {choice}"


def sticky_rules(subject: Subject, endpoints: Endpoints) -> Iterator[str]:
    """Who was sent to an endpoint before goes there again; who is new gets one by chance."""
    chains = [subject.endpoint(names.ENDPOINT, endpoint) for endpoint in endpoints]
    for endpoint, chain in zip(endpoints, chains, strict=True):
        clients = subject.endpoint(names.AFFINITY, endpoint)
        yield f"{subject.options.ip} saddr @{clients} goto {chain}"
    if len(chains) == 1:
        yield f"goto {chains[0]}"
        return
    choices = " , ".join(f"{n} : goto {chain}" for n, chain in enumerate(chains))
    yield f"numgen random mod {len(chains)} vmap {{ {choices} }}"


def endpoint_chains(subject: Subject) -> Chained:
    """With affinity an endpoint has a chain, which notes the client before it sends it on."""
    for endpoint in subject.choice.reachable if subject.service.affinity_seconds else ():
        chain = subject.endpoint(names.ENDPOINT, endpoint)
        clients = subject.endpoint(names.AFFINITY, endpoint)
        yield chain, f"update @{clients} {{ {subject.options.ip} saddr }}"
        yield chain, f"meta l4proto {subject.service.protocol} dnat to {endpoint}"


def affinity_sets(subject: Subject) -> dict[str, Set]:
    """A set an endpoint: its clients, each forgotten so many seconds after it was last seen."""
    seconds = subject.service.affinity_seconds
    reachable = subject.choice.reachable if seconds else ()
    kept = Set(subject.options.address, timeout=seconds)
    return {subject.endpoint(names.AFFINITY, endpoint): kept for endpoint in reachable}
