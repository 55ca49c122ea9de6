"""How to tell that a packet comes from a pod of this cluster (``detectLocalMode``).

Traffic from elsewhere to a ClusterIP must be masqueraded, or the answer would miss the node that
translated it; traffic from pods must not, so that the endpoint sees who asks. Facts only: each mode
writes its own match for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from labs.proxy.addresses import cidrs
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.state import Family, Node


class LocalBy(Enum):
    """What tells a pod's packet: its source, the bridge it came from, or the name of its interface."""

    NOTHING = ""
    CIDR = "cidr"
    BRIDGE = "bridge"
    INTERFACE_PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class LocalDetector:
    """The match for packets from local pods; ``LocalBy.NOTHING`` means that they cannot be told apart."""

    by: LocalBy = LocalBy.NOTHING
    value: str = ""


def local_detector(config: KubeProxyConfiguration, family: Family, node: Node) -> LocalDetector:
    """The detector that the configuration asks for; nothing where its value is not known (yet)."""
    by, value = {
        "ClusterCIDR": (LocalBy.CIDR, next(iter(cidrs(config.cluster_cidr.split(","), family)), "")),
        "NodeCIDR": (LocalBy.CIDR, node.pod_cidr),
        "BridgeInterface": (LocalBy.BRIDGE, config.detect_local.bridge_interface),
        "InterfaceNamePrefix": (LocalBy.INTERFACE_PREFIX, config.detect_local.interface_name_prefix),
    }[config.detect_local_mode or "ClusterCIDR"]
    return LocalDetector(by, value) if value else LocalDetector()
