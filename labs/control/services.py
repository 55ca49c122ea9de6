"""What a Service says of the balancer in front of it."""

from __future__ import annotations

from labs.kube.client import Object


def is_balanced(service: Object) -> bool:
    """Whether our controller is to give it an address: no other one is named by its class."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")


def addresses(service: Object) -> list[str]:
    """The addresses that its status says it has."""
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    return [entry["ip"] for entry in balancer.get("ingress") or () if entry.get("ip")]


def balanced(service: Object) -> list[str]:
    """An index of Services: by each address they hold; under "" those that wait for one."""
    return addresses(service) or ([""] if is_balanced(service) else [])
