"""The objects a cluster is born with, made sure of at every start.

The four namespaces with their ``default`` service account and CA certificate, and ``default/kubernetes``, the
Service by which pods find the API, with the endpoint it leads to; and the range ClusterIPs come from, which
mode nftables of kube-proxy asks for.
"""

from __future__ import annotations

from labs.kube.admission import ROOT_CA
from labs.kube.kinds import KINDS
from labs.kube.objects import Object
from labs.kube.registry import Registry
from labs.kube.target import Target
from labs.kube.validation.data import SERVICE_CIDR

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
API_LABELS = {"component": "apiserver", "provider": "kubernetes"}


def bootstrap(registry: Registry, address: str, port: int, ca: str) -> None:
    """Make what is missing; the endpoints of the API are written anew, as they may have moved."""
    registry.when_created["Namespace"] = lambda obj: furnish(registry, obj["metadata"]["name"], ca)
    for name in NAMESPACES:
        _ensure(registry, "Namespace", {"metadata": {"name": name}})
    for state in list(registry.store.list("Namespace")):
        if not state.obj["metadata"].get("deletionTimestamp"):
            furnish(registry, state.obj["metadata"]["name"], ca)
    _tell_ranges(registry)
    for kind, obj in _api_service(registry.allocator.first_address, address, port):
        _ensure(registry, kind, obj)


def furnish(registry: Registry, namespace: str, ca: str) -> None:
    """What every namespace has: an account for its pods, and the certificate by which they know the API."""
    _ensure(registry, "ServiceAccount", {"metadata": {"name": "default", "namespace": namespace}})
    certificate = {"metadata": {"name": ROOT_CA, "namespace": namespace}, "data": {"ca.crt": ca}}
    _ensure(registry, "ConfigMap", certificate)


def _tell_ranges(registry: Registry) -> None:
    """The ServiceCIDR; nobody may change it, so a cluster that became dual-stack has it made anew."""
    spec = {"cidrs": list(registry.allocator.cidrs)}
    old = registry.store.get("ServiceCIDR", ("", SERVICE_CIDR))
    if old is not None and old.obj["spec"] != spec:
        registry.remove(KINDS["ServiceCIDR"], old.obj)
    _ensure(registry, "ServiceCIDR", {"metadata": {"name": SERVICE_CIDR}, "spec": spec})


def _api_service(cluster_ip: str, address: str, port: int) -> list[tuple[str, Object]]:
    metadata = {"name": "kubernetes", "namespace": "default", "labels": API_LABELS}
    service_port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}
    endpoint_port = {"name": "https", "port": port, "protocol": "TCP"}
    slice_labels = {"kubernetes.io/service-name": "kubernetes"}
    return [
        ("Service", {"metadata": metadata, "spec": {"clusterIP": cluster_ip, "ports": [service_port]}}),
        (
            "Endpoints",
            {
                "metadata": {**metadata, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
                "subsets": [{"addresses": [{"ip": address}], "ports": [endpoint_port]}],
            },
        ),
        (
            "EndpointSlice",
            {
                "metadata": {**metadata, "labels": slice_labels},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
                "ports": [endpoint_port],
            },
        ),
    ]


def _ensure(registry: Registry, kind: str, obj: Object) -> None:
    row = KINDS[kind]
    whole = {"kind": kind, "apiVersion": row.api_version, **obj}
    metadata = obj["metadata"]
    target = Target(row, metadata.get("namespace", ""), metadata["name"])
    old = registry.store.get(kind, target.key)
    if old is None:
        registry.create(Target(row, target.namespace), whole)
    elif kind in ("ConfigMap", "Endpoints", "EndpointSlice"):
        registry.update(target, whole)
