"""What becomes of a Service's address and ports when it is written again, perhaps with another type.

A writer who leaves out what the server had allocated keeps it. Fields that only the old type has are dropped,
unless the writer changed them too: then validation says that the new type does not have them. The addresses
in the status go with the type LoadBalancer. (The real registry's ``patchAllocatedValues`` and
``dropTypeDependentFields``.)
"""

from __future__ import annotations

from labs.kube.objects import Object

WITH_NODE_PORTS = ("LoadBalancer", "NodePort")
WITH_ADDRESS = ("ClusterIP", *WITH_NODE_PORTS)
ADDRESS_FIELDS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")
LOAD_BALANCER_FIELDS = ("allocateLoadBalancerNodePorts", "loadBalancerClass")


def settle(new: Object, old: Object) -> None:
    """Carry over what was allocated, drop what the new type has not."""
    after, before = new["spec"], old["spec"]
    if before["type"] in WITH_ADDRESS and after["type"] in WITH_ADDRESS:
        _keep(after, before, ("clusterIP", "clusterIPs"))
        if after.get("clusterIPs") == before.get("clusterIPs"):
            _keep(after, before, ("ipFamilies",))
    if before["type"] in WITH_NODE_PORTS and after["type"] in WITH_NODE_PORTS:
        _keep_node_ports(after, before)
    if _asks_health(before) and _asks_health(after):
        _keep(after, before, ("healthCheckNodePort",))
    _drop(after, before)
    if before["type"] == "LoadBalancer" != after["type"]:
        new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}


def _keep(after: Object, before: Object, fields: tuple[str, ...]) -> None:
    for field in fields:
        if not after.get(field) and before.get(field):
            after[field] = before[field]


def _keep_node_ports(after: Object, before: Object) -> None:
    """The node port of the same port and protocol; a port that is new gets one later."""
    had = {(one["port"], one["protocol"]): one.get("nodePort") for one in before.get("ports") or ()}
    for port in after.get("ports") or ():
        kept = had.get((port.get("port"), port.get("protocol")))
        if not port.get("nodePort") and kept:
            port["nodePort"] = kept


def _drop(after: Object, before: Object) -> None:
    losses = (
        (WITH_ADDRESS, ADDRESS_FIELDS),
        (("LoadBalancer",), LOAD_BALANCER_FIELDS),
        (WITH_NODE_PORTS, ("externalTrafficPolicy",)),
    )
    for types, fields in losses:
        if before["type"] in types and after["type"] not in types:
            _drop_same(after, before, fields)
    if before["type"] in WITH_NODE_PORTS and after["type"] not in WITH_NODE_PORTS:
        had = {one.get("nodePort") for one in before.get("ports") or ()}
        for port in after.get("ports") or ():
            if port.get("nodePort") in had:
                port.pop("nodePort", None)
    if _asks_health(before) and not _asks_health(after):
        _drop_same(after, before, ("healthCheckNodePort",))


def _drop_same(after: Object, before: Object, fields: tuple[str, ...]) -> None:
    for field in fields:
        if after.get(field) == before.get(field):
            after.pop(field, None)


def _asks_health(spec: Object) -> bool:
    return spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
