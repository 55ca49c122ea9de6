"""The addresses of the little network of node.py in both families, by the names that rules and tests use.

client ── c0  node  s0 ── server, second
"""

from typing import Any

FOUR = {
    "version": 4,
    "client": "10.9.0.2",
    "clients": "10.9.0.0/24",
    "near": "10.9.0.1",
    "far": "10.9.1.1",
    "server": "10.9.1.2",
    "second": "10.9.1.3",
    "servers": "10.9.1.0/24",
    "spare": "10.9.1.77",
    "service": "10.96.0.10",
    "services": "10.96.0.0/16",
    "at_server": "10.9.1.2",
    "at_second": "10.9.1.3",
    "at_near": "10.9.0.1",
    "both": "10.9.1.2-10.9.1.3",
    "ip": "ip",
    "type": "ipv4_addr",
    "icmp": "icmp",
    "l4icmp": "icmp",
    "prohibited": "icmp-admin-prohibited",
    "rejected": "icmp admin-prohibited",
    "multicast": "224.0.0.0/4",
}
SIX = {
    "version": 6,
    "client": "fd09::2",
    "clients": "fd09::/64",
    "near": "fd09::1",
    "far": "fd09:1::1",
    "server": "fd09:1::2",
    "second": "fd09:1::3",
    "servers": "fd09:1::/64",
    "spare": "fd09:1::77",
    "service": "fd96::10",
    "services": "fd96::/64",
    "at_server": "[fd09:1::2]",
    "at_second": "[fd09:1::3]",
    "at_near": "[fd09::1]",
    "both": "[fd09:1::2-fd09:1::3]",
    "ip": "ip6",
    "type": "ipv6_addr",
    "icmp": "ipv6-icmp",
    "l4icmp": "ipv6-icmp",
    "prohibited": "icmp6-adm-prohibited",
    "rejected": "icmpv6 admin-prohibited",
    "multicast": "ff00::/8",
}
Family = dict[str, Any]


def node(family: Family) -> tuple[str, str]:
    """The node's own addresses."""
    return family["near"], family["far"]
