"""The ipsets: what the rules of this mode look packets up in, as data.

Thirty rules serve any number of Services, because a rule asks «is this destination in the set?» and the
set answers by a hash. Names, types and comments are kube-proxy's.
"""

from __future__ import annotations

from typing import NamedTuple

from labs.proxy.state import Family

LOOP_BACK = "KUBE-LOOP-BACK"
CLUSTER_IP = "KUBE-CLUSTER-IP"
EXTERNAL_IP = "KUBE-EXTERNAL-IP"
EXTERNAL_IP_LOCAL = "KUBE-EXTERNAL-IP-LOCAL"
LOAD_BALANCER = "KUBE-LOAD-BALANCER"
LOAD_BALANCER_LOCAL = "KUBE-LOAD-BALANCER-LOCAL"
LOAD_BALANCER_FW = "KUBE-LOAD-BALANCER-FW"
SOURCE_IP = "KUBE-LOAD-BALANCER-SOURCE-IP"
SOURCE_CIDR = "KUBE-LOAD-BALANCER-SOURCE-CIDR"
NODE_PORT = {
    "tcp": "KUBE-NODE-PORT-TCP",
    "udp": "KUBE-NODE-PORT-UDP",
    "sctp": "KUBE-NODE-PORT-SCTP-HASH",
}
NODE_PORT_LOCAL = {
    "tcp": "KUBE-NODE-PORT-LOCAL-TCP",
    "udp": "KUBE-NODE-PORT-LOCAL-UDP",
    "sctp": "KUBE-NODE-PORT-LOCAL-SCTP-HASH",
}
HEALTH_CHECK = "KUBE-HEALTH-CHECK-NODE-PORT"
IPVS_IPS = "KUBE-IPVS-IPS"

LONGEST = 31
"""Characters that the kernel takes as a set's name (IPSET_MAXNAMELEN less the final zero)."""


class IpSet(NamedTuple):
    """One set. The comment goes into the rules that ask it."""

    name: str
    type: str
    comment: str


SETS: dict[str, IpSet] = {
    found.name: found
    for found in (
        IpSet(
            LOOP_BACK,
            "hash:ip,port,ip",
            "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
        ),
        IpSet(CLUSTER_IP, "hash:ip,port", "Kubernetes service cluster ip + port for masquerade purpose"),
        IpSet(
            EXTERNAL_IP,
            "hash:ip,port",
            "Kubernetes service external ip + port for masquerade and filter purpose",
        ),
        IpSet(
            EXTERNAL_IP_LOCAL,
            "hash:ip,port",
            "Kubernetes service external ip + port with externalTrafficPolicy=local",
        ),
        IpSet(LOAD_BALANCER, "hash:ip,port", "Kubernetes service lb portal"),
        IpSet(
            LOAD_BALANCER_LOCAL,
            "hash:ip,port",
            "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
        ),
        IpSet(
            LOAD_BALANCER_FW,
            "hash:ip,port",
            "Kubernetes service load balancer ip + port for load balancer with sourceRange",
        ),
        IpSet(
            SOURCE_IP,
            "hash:ip,port,ip",
            "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
        ),
        IpSet(
            SOURCE_CIDR,
            "hash:ip,port,net",
            "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
        ),
        IpSet(NODE_PORT["tcp"], "bitmap:port", "Kubernetes nodeport TCP port for masquerade purpose"),
        IpSet(
            NODE_PORT_LOCAL["tcp"],
            "bitmap:port",
            "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
        ),
        IpSet(NODE_PORT["udp"], "bitmap:port", "Kubernetes nodeport UDP port for masquerade purpose"),
        IpSet(
            NODE_PORT_LOCAL["udp"],
            "bitmap:port",
            "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
        ),
        IpSet(
            NODE_PORT["sctp"],
            "hash:ip,port",
            "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
        ),
        IpSet(
            NODE_PORT_LOCAL["sctp"],
            "hash:ip,port",
            "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
        ),
        IpSet(HEALTH_CHECK, "bitmap:port", "Kubernetes health check node port"),
        IpSet(IPVS_IPS, "hash:ip", "Addresses on the ipvs interface"),
    )
}
"""In the order of filling: KUBE-IPVS-IPS refuses what the others do not allow, so it comes last."""


def kernel_name(name: str, family: Family) -> str:
    """What the kernel knows the set by; both families' sets live side by side."""
    return name if family is Family.IPV4 else f"KUBE-6-{name.removeprefix('KUBE-')}"[:LONGEST]


def creation(kind: IpSet, family: Family) -> str:
    """The line for ``ipset restore`` that makes it."""
    if kind.type == "bitmap:port":
        size = "range 0-65535"
    else:
        size = f"family {'inet' if family is Family.IPV4 else 'inet6'} hashsize 1024 maxelem 65536"
    return f"create {kernel_name(kind.name, family)} {kind.type} {size}"


def networks(cidr: str) -> tuple[str, ...]:
    """The CIDR as a hash:…,net set takes and prints it: no /0, so that is two halves; no /32 or /128."""
    address, _, length = cidr.partition("/")
    if length == "0":
        return ("::/1", "8000::/1") if ":" in address else ("0.0.0.0/1", "128.0.0.0/1")
    return (address,) if length in ("32" if ":" not in address else "128",) else (cidr,)
