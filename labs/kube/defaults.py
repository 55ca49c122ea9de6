"""What the API server fills in when it was left out: the defaults that ``kubectl get -o yaml`` shows.

Each function may be applied to its own result without changing it again: it runs on every write. The values
are those of ``pkg/apis/*/v1/defaults.go``.
"""

from __future__ import annotations

import base64

from labs.kube.objects import Object

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "terminationGracePeriodSeconds": 30,
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
FILE_MODE = 0o644  # of files in ConfigMap, Secret and projected volumes
CLIENT_IP_TIMEOUT = 10800  # seconds: three hours
WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def _fill(holder: Object, values: Object) -> None:
    """Set what is absent; a copy, as stored objects share nothing."""
    for field, value in values.items():
        if field not in holder:
            holder[field] = dict(value) if isinstance(value, dict) else value


def pod(obj: Object) -> None:
    """A Pod."""
    pod_spec(obj.setdefault("spec", {}))


def pod_spec(spec: Object) -> None:
    """The spec of a pod or of a template."""
    _fill(spec, {**POD, "securityContext": {}})
    if spec.get("hostNetwork"):
        for container in spec.get("containers") or ():
            for port in container.get("ports") or ():
                port.setdefault("hostPort", port.get("containerPort"))
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])


def _container(container: Object) -> None:
    _fill(container, {**CONTAINER, "resources": {}, "imagePullPolicy": _pull_policy(container)})
    _requests(container["resources"])
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for entry in container.get("env") or ():
        source = (entry.get("valueFrom") or {}).get("fieldRef")
        if source is not None:
            source.setdefault("apiVersion", "v1")
    for name in PROBES:
        if name in container:
            _probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and "httpGet" in hook:
            _http(hook["httpGet"])


def _pull_policy(container: Object) -> str:
    """``Always`` for the newest of a name, else what the node has will do."""
    name, _, digest = str(container.get("image", "")).partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if not digest and tag in ("", "latest") else "IfNotPresent"


def _requests(resources: Object) -> None:
    """Who names a limit but no request asks for the limit."""
    if resources.get("limits"):
        _fill(resources.setdefault("requests", {}), resources["limits"])


def _probe(probe: Object) -> None:
    _fill(probe, PROBE)
    if "httpGet" in probe:
        _http(probe["httpGet"])
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _http(action: Object) -> None:
    _fill(action, {"path": "/", "scheme": "HTTP"})


def _volume(volume: Object) -> None:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", FILE_MODE)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        _items((source.get("downwardAPI") or {}).get("items"))
    _items((volume.get("downwardAPI") or {}).get("items"))


def _items(items: list[Object] | None) -> None:
    for item in items or ():
        if "fieldRef" in item:
            item["fieldRef"].setdefault("apiVersion", "v1")


def service(obj: Object) -> None:
    """A Service, but for its families, addresses and node ports: those ``families`` and ``allocate`` give."""
    spec = obj.setdefault("spec", {})
    _fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", CLIENT_IP_TIMEOUT)
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port.get("port")
    if spec["type"] != "ExternalName":
        _cluster_service(spec)
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    for entry in balancer.get("ingress") or ():
        if entry.get("ip"):
            entry.setdefault("ipMode", "VIP")


def _cluster_service(spec: Object) -> None:
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in WITH_NODE_PORTS:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec.get("clusterIPs") and not spec.get("clusterIP"):
        spec["clusterIP"] = spec["clusterIPs"][0]
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def _workload(obj: Object) -> Object:
    spec: Object = obj.setdefault("spec", {})
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    return spec


def deployment(obj: Object) -> None:
    """A Deployment: rolling, a quarter of the pods at a time."""
    spec = _workload(obj)
    _fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {}})
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(strategy.setdefault("rollingUpdate", {}), {"maxUnavailable": "25%", "maxSurge": "25%"})


def replica_set(obj: Object) -> None:
    """A ReplicaSet."""
    _workload(obj).setdefault("replicas", 1)


def daemon_set(obj: Object) -> None:
    """A DaemonSet: rolling, one node at a time."""
    spec = _workload(obj)
    _fill(spec, {"revisionHistoryLimit": 10, "updateStrategy": {}})
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(strategy.setdefault("rollingUpdate", {}), {"maxSurge": 0, "maxUnavailable": 1})


def secret(obj: Object) -> None:
    """A Secret; what was given as text becomes data."""
    obj.setdefault("type", "Opaque")
    for name, value in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[name] = base64.b64encode(str(value).encode()).decode()


def endpoints(obj: Object) -> None:
    """An Endpoints object."""
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def endpoint_slice(obj: Object) -> None:
    """An EndpointSlice."""
    for port in obj.get("ports") or ():
        _fill(port, {"name": "", "protocol": "TCP"})


def ingress_class(obj: Object) -> None:
    """An IngressClass."""
    parameters = obj.setdefault("spec", {}).get("parameters")
    if parameters:
        parameters.setdefault("scope", "Cluster")


def namespace(obj: Object) -> None:
    """A Namespace: its name as a label, and the finalizer that has its contents deleted first."""
    metadata = obj["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    if not metadata.get("deletionTimestamp"):
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
