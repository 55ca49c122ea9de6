"""Which endpoints may this packet use: the same answer for every mode.

Traffic policies split the traffic of a Service in two. Under policy Cluster it may go to the endpoints
of any node, or to those near by if every endpoint carries a topology hint; under policy Local only to
those of this node. Where no endpoint is ready, those that are terminating but still serve do.
(CategorizeEndpoints of the real one: kubernetes/pkg/proxy/topology.go.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labs.proxy.state import Endpoint, Node, ProxyState, ServicePort

Endpoints = tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The endpoints that a Service port's traffic may use on this node.

    ``any_usable`` says that an endpoint exists on some node, though perhaps none for this traffic.
    """

    cluster: Endpoints = ()
    local: Endpoints = ()
    any_usable: bool = False

    @property
    def reachable(self) -> Endpoints:
        """All endpoints that some packet of this node may reach, in the order of ip:port."""
        if not (self.cluster and self.local):
            return self.cluster or self.local
        return tuple(sorted({*self.cluster, *self.local}, key=str))

    def has_internal(self, service: ServicePort) -> bool:
        """Whether traffic to the ClusterIP finds an endpoint."""
        return bool(self.local) if service.internal_local else self.any_usable

    def has_external(self, service: ServicePort) -> bool:
        """Whether traffic from outside the cluster finds an endpoint."""
        return bool(self.local) if service.external_local else self.any_usable


def choose(service: ServicePort, endpoints: Endpoints, node: Node) -> Choice:
    """The endpoints that this service port's traffic may use on this node."""
    cluster = _cluster(endpoints, node) if service.uses_cluster_endpoints else ()
    local = ready_else_terminating(_on_this_node(endpoints)) if service.uses_local_endpoints else ()
    anywhere = endpoints if service.uses_local_endpoints else cluster
    return Choice(cluster, local, any(map(_usable, anywhere)))


def _cluster(endpoints: Endpoints, node: Node) -> Endpoints:
    near = near_by([endpoint for endpoint in endpoints if endpoint.ready], node)
    return near or ready_else_terminating(endpoints)


def near_by(ready: list[Endpoint], node: Node) -> Endpoints:
    """Those for this node, else for this zone, else all. A hint counts only if every endpoint has one."""
    hints: tuple[tuple[str, Callable[[Endpoint], frozenset[str]]], ...] = (
        (node.name, lambda endpoint: endpoint.node_hints),
        (node.zone, lambda endpoint: endpoint.zone_hints),
    )
    for here, hints_of in hints:
        if all(map(hints_of, ready)) and (near := tuple(e for e in ready if here in hints_of(e))):
            return near
    return tuple(ready)


def ready_else_terminating(endpoints: Endpoints) -> Endpoints:
    """The ready ones; if there is none, those that terminate and still serve."""
    ready = tuple(endpoint for endpoint in endpoints if endpoint.ready)
    return ready or tuple(endpoint for endpoint in endpoints if _usable(endpoint))


def _usable(endpoint: Endpoint) -> bool:
    return endpoint.ready or (endpoint.serving and endpoint.terminating)


def _on_this_node(endpoints: Endpoints) -> Endpoints:
    return tuple(endpoint for endpoint in endpoints if endpoint.local)


def without_local(state: ProxyState) -> dict[str, int]:
    """How many Service ports of policy Local have endpoints, but none here: {internal, external}.

    One without any endpoint does not count: that is not the policy's doing.
    """
    choices = [
        (service, choose(service, state.endpoints_of(service.name), state.node))
        for service in state.services.values()
        if service.uses_local_endpoints
    ]
    usable = [(service, choice) for service, choice in choices if choice.any_usable]
    return {
        "internal": sum(not choice.has_internal(service) for service, choice in usable),
        "external": sum(not choice.has_external(service) for service, choice in usable),
    }
