"""Hints: for whom an endpoint is near, so that kube-proxy can keep traffic in its zone or on its node.

Two ways lead to them. ``spec.trafficDistribution`` says it plainly: each endpoint is for its own zone, with
PreferSameNode for its own node too. The older annotation ``service.kubernetes.io/topology-mode: Auto`` shares
endpoints out by the zones' CPUs, so that no endpoint gets more than 1.2 times its share of the traffic; where
that cannot be, nobody gets a hint, and an Event says why. (Packages trafficdist and topologycache of
k8s.io/endpointslice. Theirs leaves slices alone that need no write; ours computes each time anew, from facts
alone, so the same facts give the same hints.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from labs.control.conditions import holds
from labs.control.endpoints import ZONE, Endpoint
from labs.control.quantities import count
from labs.kube.client import Object

AUTO = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
NEAR = ("PreferClose", "PreferSameNode", "PreferSameZone")
CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
OVERLOAD = 0.2
NO_NODES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
NO_ZONE = "One or more endpoints do not have a zone specified"
TOO_FEW = "Insufficient number of endpoints"
UNEVEN = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"

Shares = Mapping[str, float]  # by zone, its part of all CPUs; empty where nodes do not say enough


class NoHints(Exception):
    """Endpoints cannot be shared out fairly; the text is Kubernetes' own."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """Endpoints with their hints, or why they have none."""

    endpoints: Sequence[Endpoint]
    problem: str = ""


def hinted(service: Object, found: Sequence[Endpoint], shares: Shares) -> Hinted:
    """The endpoints of one Service and address family, with the hints that the Service asks for."""
    if is_auto(service):
        try:
            return Hinted(_shared_out(found, shares))
        except NoHints as reason:
            return Hinted(found, str(reason))
    wish = service["spec"].get("trafficDistribution")
    if wish not in NEAR:
        return Hinted(found)
    return Hinted([_at_home(endpoint, with_node=wish == "PreferSameNode") for endpoint in found])


def is_auto(service: Object) -> bool:
    """The annotation goes before the field."""
    annotations = service["metadata"].get("annotations") or {}
    said = next((annotations[name] for name in AUTO if name in annotations), "")
    return said in ("Auto", "auto")


def shares_of_cpu(nodes: Iterable[Object]) -> Shares:
    """Of the nodes that are ready and not the control plane's."""
    total: Counter[str] = Counter()
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        if any(role in labels for role in CONTROL_PLANE) or not holds(node, "Ready"):
            continue
        cpu = count("cpu", ((node.get("status") or {}).get("allocatable") or {}).get("cpu", 0))
        if not labels.get(ZONE) or not cpu:
            return {}
        total[labels[ZONE]] += cpu
    return {zone: cpu / total.total() for zone, cpu in sorted(total.items())} if len(total) > 1 else {}


def _at_home(endpoint: Endpoint, *, with_node: bool) -> Endpoint:
    if not endpoint.ready:
        return endpoint
    return replace(endpoint, for_zone=endpoint.zone, for_node=endpoint.node if with_node else "")


def _shared_out(found: Sequence[Endpoint], shares: Shares) -> list[Endpoint]:
    """Each endpoint for its own zone, but for those that a zone with too many gives to one with too few."""
    ready = sorted((endpoint for endpoint in found if endpoint.ready), key=lambda one: one.address)
    wanted = _wanted(len(ready), shares)
    if not all(endpoint.zone for endpoint in ready):
        raise NoHints(NO_ZONE)
    moves = _moves(wanted, Counter(endpoint.zone for endpoint in ready))
    zones = {}
    for endpoint in ready:
        receivers = moves.get(endpoint.zone)
        zones[endpoint.address] = receivers.pop(0) if receivers else endpoint.zone
    return [replace(each, for_zone=zones[each.address]) if each.ready else each for each in found]


def _wanted(number: int, shares: Shares) -> dict[str, float]:
    """How many endpoints each zone should have; at least so many that none of them is overloaded."""
    if not shares:
        raise NoHints(NO_NODES)
    counted = f"({number} endpoints, {len(shares)} zones)"
    if number < len(shares):
        raise NoHints(f"{TOO_FEW} {counted}")
    least = {zone: math.ceil(share * number / (1 + OVERLOAD)) for zone, share in shares.items()}
    if sum(least.values()) > number:
        raise NoHints(f"{UNEVEN} {counted}")
    return {zone: max(share * number, least[zone]) for zone, share in shares.items()}


def _moves(wanted: Mapping[str, float], has: Mapping[str, int]) -> dict[str, list[str]]:
    """By giving zone, the zones that get one endpoint each; half an endpoint more or less is let be."""
    over = {zone: has.get(zone, 0) - number for zone, number in wanted.items()}
    moves: dict[str, list[str]] = {}
    while True:
        giver, taker = max(over, key=lambda zone: over[zone]), min(over, key=lambda zone: over[zone])
        give, take = over[giver], -over[taker]
        if min(give, take) < 0.5 or max(give, take) < 1:
            return moves
        moves.setdefault(giver, []).append(taker)
        over[giver] -= 1
        over[taker] += 1
