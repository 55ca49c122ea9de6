"""What the chains are called: a kind, a hash, and the name that a person reads in ``nft list``.

nftables allows 255 characters, so a chain can say whose it is. The hash in front keeps two apart whose
names had to be cut.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256

from labs.proxy.state import Endpoint, ServicePortName

CLUSTER_POLICY = "service-"
"""The Service's endpoints on all nodes (or those near by)."""
LOCAL_POLICY = "local-"
"""The Service's endpoints on this node."""
EXTERNAL = "external-"
"""What comes from outside: NodePort, external IPs, load balancer."""
FIREWALL = "firewall-"
"""loadBalancerSourceRanges."""
ENDPOINT = "endpoint-"
"""One endpoint; only Services with session affinity have these."""
AFFINITY = "affinity-"
"""A set, not a chain: the clients that go to one endpoint again."""

LONGEST = 240
"""Characters after the kind: the kernel's 256 less what the real one reserves for kinds."""


def service_base(name: ServicePortName) -> str:
    """What follows the kind in the names of a Service port's chains."""
    return _with_hash(_path(name))


def endpoint_base(name: ServicePortName, endpoint: Endpoint) -> str:
    """What follows the kind in the names of one endpoint's chain and set; a name has no colons."""
    return _with_hash(f"{_path(name)}__{endpoint.ip}/{endpoint.port}".replace(":", "."))


def _path(name: ServicePortName) -> str:
    return f"{name.namespace}/{name.name}/{name.protocol.lower()}/{name.port}"


def _with_hash(path: str) -> str:
    """Eight characters of A–Z and 2–7, 40 bits of SHA-256 of the whole, and as much of it as fits."""
    base = f"{b32encode(sha256(path.encode()).digest())[:8].decode()}-{path}"
    return base if len(base) <= LONGEST else base[: LONGEST - 3] + "..."
