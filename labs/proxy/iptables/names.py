"""What the chains are called: a kind and a hash, because a chain's name has at most 28 characters.

The hash is the one thing that must be the same on every node, in every version and in every tool that
reads these rules, so it is taken from the Service port's name and never from a counter.
"""

from __future__ import annotations

from base64 import b32encode
from functools import lru_cache
from hashlib import sha256

from labs.proxy.state import Endpoint, ServicePort

CLUSTER_POLICY = "KUBE-SVC-"
"""The Service's endpoints on all nodes (or those near by)."""
LOCAL_POLICY = "KUBE-SVL-"
"""The Service's endpoints on this node."""
EXTERNAL = "KUBE-EXT-"
"""What comes from outside: NodePort, external IPs, load balancer."""
FIREWALL = "KUBE-FW-"
"""loadBalancerSourceRanges."""
ENDPOINT = "KUBE-SEP-"
"""One endpoint."""

OLDER = "KUBE-XLB-"
"""What KUBE-EXT and KUBE-SVL were in one before 1.24; nobody writes it any more."""

PER_SERVICE = (CLUSTER_POLICY, LOCAL_POLICY, EXTERNAL, FIREWALL, ENDPOINT, OLDER)


@lru_cache(1024)
def hashed(text: str) -> str:
    """16 characters of A–Z and 2–7: 80 bits of SHA-256. Kept, as an endpoint is named in several chains."""
    return b32encode(sha256(text.encode()).digest()[:10]).decode()


def service_base(service: ServicePort) -> str:
    """What the names of all its chains are made from; its hash is common to SVC, SVL, EXT and FW."""
    return f"{service.name}{service.protocol}"


def endpoint_chain(base: str, endpoint: Endpoint) -> str:
    """The chain of one endpoint of a Service port."""
    return ENDPOINT + hashed(f"{base}{endpoint}")
