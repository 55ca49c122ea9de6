"""The Node object of the API, read as what the proxy wants to know of its own node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labs.proxy.addresses import addresses, cidrs
from labs.proxy.state import Family, Node

Object = dict[str, Any]

ZONE_LABEL = "topology.kubernetes.io/zone"


def node_facts(name: str, node: Object | None, family: Family, bind_address: str = "") -> Node:
    """The node's facts for one IP family. Before it is registered only name and bind address are known."""
    bound = addresses([bind_address], family)
    chosen = tuple(address for address in bound if address not in ("0.0.0.0", "::"))
    if node is None:
        return Node(name, next(iter(chosen), ""))
    spec = node.get("spec", {})
    pod_cidrs = cidrs(spec.get("podCIDRs") or [spec.get("podCIDR") or ""], family)
    return Node(
        name,
        address=next(iter(chosen + addresses(_node_addresses(node), family)), ""),
        zone=(node["metadata"].get("labels") or {}).get(ZONE_LABEL, ""),
        pod_cidr=next(iter(pod_cidrs), ""),
    )


def _node_addresses(node: Object) -> Iterator[str]:
    """Internal addresses before external ones."""
    found = node.get("status", {}).get("addresses") or ()
    for kind in ("InternalIP", "ExternalIP"):
        yield from (entry["address"] for entry in found if entry["type"] == kind)
