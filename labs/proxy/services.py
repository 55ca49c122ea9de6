"""A Service object of the API, read as Service ports of one IP family.

A Service without a ClusterIP of the family has none: headless and ExternalName Services are DNS's
business, and the watch's selector already leaves out what another proxy serves.
"""

from __future__ import annotations

from typing import Any

from labs.proxy import addresses
from labs.proxy.state import Family, ServicePort, ServicePortName

Object = dict[str, Any]

SELECTOR = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"
"""What the informers leave out: headless objects, and those that another proxy takes care of."""

AFFINITY_SECONDS = 10800
"""How long ClientIP affinity lasts where the Service does not say (API default)."""


def service_ports(service: Object, family: Family) -> dict[ServicePortName, ServicePort]:
    """The Service's ports; empty if it is none of this family's business."""
    cluster_ip = _cluster_ip(service["spec"], family)
    if not cluster_ip:
        return {}
    shared = _shared_by_all_ports(service, family)
    ports = (_service_port(service, port, cluster_ip, shared) for port in service["spec"].get("ports") or ())
    return {port.name: port for port in ports}


def _cluster_ip(spec: Object, family: Family) -> str:
    if spec.get("type") == "ExternalName":
        return ""
    candidates = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    return next(iter(addresses.addresses(candidates, family)), "")  # "None" is no address


def _shared_by_all_ports(service: Object, family: Family) -> Object:
    spec = service["spec"]
    external_local = _external_local(spec)
    return {
        "external_ips": addresses.addresses(spec.get("externalIPs") or (), family),
        "load_balancer_ips": addresses.addresses(_virtual_ips(service), family),
        "source_ranges": addresses.cidrs(spec.get("loadBalancerSourceRanges") or (), family),
        "affinity_seconds": _affinity_seconds(spec),
        "internal_local": spec.get("internalTrafficPolicy") == "Local",
        "external_local": external_local,
        "health_check_node_port": spec.get("healthCheckNodePort", 0) if external_local else 0,
    }


def _service_port(service: Object, port: Object, cluster_ip: str, shared: Object) -> ServicePort:
    meta = service["metadata"]
    at = (meta["namespace"], meta["name"], port.get("name") or "", port.get("protocol") or "TCP")
    name = ServicePortName(*at)
    return ServicePort(name, cluster_ip, port["port"], node_port=port.get("nodePort") or 0, **shared)


def _external_local(spec: Object) -> bool:
    """externalTrafficPolicy speaks of traffic from outside, which a plain ClusterIP does not get."""
    accessible = spec.get("type") in ("NodePort", "LoadBalancer") or bool(spec.get("externalIPs"))
    return accessible and spec.get("externalTrafficPolicy") == "Local"


def _virtual_ips(service: Object) -> list[str]:
    """The load balancer's addresses that the node may answer for: ipMode Proxy wants them left alone."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return [entry["ip"] for entry in ingress if entry.get("ip") and entry.get("ipMode", "VIP") != "Proxy"]


def _affinity_seconds(spec: Object) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    client_ip = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(client_ip.get("timeoutSeconds") or AFFINITY_SECONDS)
