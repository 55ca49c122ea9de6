"""The columns of each kind's table, as kubectl's users know them (pkg/printers/internalversion).

A row of ``COLUMNS`` is a kind, a column is a name and a function of the object; ``wide`` ones show with
``-o wide``. What a cell says when there is nothing to say (``<none>``, ``<unset>``, empty) is part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labs.kube import podstatus
from labs.kube.durations import since
from labs.kube.objects import Object, dig
from labs.kube.selectors import selector_text

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
MAX_ENDPOINTS = 3  # shown in a cell; the rest as «+ N more...»
CONTROL_PLANE_ROLE, ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    cell: Callable[[Object], Any]
    type: str = "string"
    wide: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The entry in ``columnDefinitions``."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": self.name,
            "priority": int(self.wide),
        }


def at(*path: str, default: Any = NONE) -> Callable[[Object], Any]:
    """The value of a field, or what is shown where there is none."""

    def cell(obj: Object) -> Any:
        value = dig(obj, *path)
        return default if value in (None, "") else value

    return cell


def number(*path: str) -> Callable[[Object], Any]:
    """A number that is 0 when it is not there."""
    return at(*path, default=0)


def size(*path: str) -> Callable[[Object], int]:
    """How many entries a list or map has."""
    return lambda obj: len(dig(obj, *path) or ())


def pairs(*path: str) -> Callable[[Object], str]:
    """A map of labels as ``a=b,c=d``."""

    def cell(obj: Object) -> str:
        found = dig(obj, *path) or {}
        return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or NONE

    return cell


def selector(obj: Object) -> str:
    """A workload's selector."""
    return selector_text(dig(obj, "spec", "selector") or {}) or NONE


def containers(field: str) -> Callable[[Object], str]:
    """Names or images of a template's containers."""

    def cell(obj: Object) -> str:
        found = dig(obj, "spec", "template", "spec", "containers") or ()
        return ",".join(str(one.get(field, "")) for one in found)

    return cell


def listed(values: Sequence[str]) -> str:
    """A few values, and how many more there are."""
    shown = ",".join(values[:MAX_ENDPOINTS])
    more = len(values) - MAX_ENDPOINTS
    return f"{shown} + {more} more..." if more > 0 else shown or NONE


def _age(obj: Object) -> str:
    return since(obj["metadata"].get("creationTimestamp"))


def _restarts(pod: Object) -> str:
    count, last = podstatus.restarts(pod)
    return f"{count} ({since(last)} ago)" if count and last else str(count)


def _pod_address(pod: Object) -> str:
    addresses = dig(pod, "status", "podIPs") or ()
    return str(addresses[0].get("ip")) if addresses else at("status", "podIP")(pod)


def _readiness_gates(pod: Object) -> str:
    gates = dig(pod, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    held = {one["type"] for one in dig(pod, "status", "conditions") or () if one.get("status") == "True"}
    return f"{sum(gate['conditionType'] in held for gate in gates)}/{len(gates)}"


def _external_addresses(service: Object) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    given = [
        one.get("ip") or one.get("hostname")
        for one in dig(service, "status", "loadBalancer", "ingress") or ()
    ]
    addresses = [str(one) for one in (*given, *(spec.get("externalIPs") or ()))]
    if spec.get("type") == "LoadBalancer" and not addresses:
        return "<pending>"
    return ",".join(addresses) or NONE


def _service_ports(service: Object) -> str:
    def shown(port: Object) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(shown(port) for port in service["spec"].get("ports") or ()) or NONE


def _endpoints(obj: Object) -> str:
    found = []
    for subset in obj.get("subsets") or ():
        ports: Sequence[Object] = subset.get("ports") or ({},)
        for port in ports:
            tail = f":{port['port']}" if port.get("port") else ""
            found += [f"{_bracketed(one['ip'])}{tail}" for one in subset.get("addresses") or ()]
    return listed(found)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _slice_ports(obj: Object) -> str:
    return (
        listed([str(port.get("port", "*")) for port in obj.get("ports") or ()]) if obj.get("ports") else UNSET
    )


def _slice_addresses(obj: Object) -> str:
    return listed([address for one in obj.get("endpoints") or () for address in one.get("addresses") or ()])


def _node_status(node: Object) -> str:
    conditions = {one["type"]: one["status"] for one in dig(node, "status", "conditions") or ()}
    words = [
        "Ready" if conditions.get("Ready") == "True" else "NotReady" if "Ready" in conditions else "Unknown"
    ]
    if dig(node, "spec", "unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: Object) -> str:
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(CONTROL_PLANE_ROLE) for key in labels if key.startswith(CONTROL_PLANE_ROLE)}
    if labels.get(ROLE_LABEL):
        roles.add(labels[ROLE_LABEL])
    return ",".join(sorted(roles)) or NONE


def _node_address(kind: str) -> Callable[[Object], str]:
    def cell(node: Object) -> str:
        found = dig(node, "status", "addresses") or ()
        return next((str(one["address"]) for one in found if one["type"] == kind), NONE)

    return cell


def _deployment_ready(obj: Object) -> str:
    return f"{dig(obj, 'status', 'readyReplicas') or 0}/{dig(obj, 'spec', 'replicas') or 0}"


def _owner(obj: Object) -> str:
    owners = obj["metadata"].get("ownerReferences") or ()
    controller = next((one for one in owners if one.get("controller")), None)
    if controller is None:
        return NONE
    group = controller["apiVersion"].rpartition("/")[0]
    return f"{controller['kind'].lower()}{'.' if group else ''}{group}/{controller['name']}"


def _hosts(ingress: Object) -> str:
    """As many as fit in a cell; a rule without a host is for all."""
    rules = ingress["spec"].get("rules") or ()
    hosts = [str(rule["host"]) for rule in rules if rule.get("host")]
    more = len(hosts) - MAX_ENDPOINTS
    shown = ",".join(hosts[:MAX_ENDPOINTS]) or "*"
    return f"{shown} + {more} more..." if more > 0 else shown


def _balancers(ingress: Object) -> str:
    given = dig(ingress, "status", "loadBalancer", "ingress") or ()
    return ",".join(str(one.get("ip") or one.get("hostname")) for one in given)


def _parameters(obj: Object) -> str:
    found = dig(obj, "spec", "parameters")
    if not found:
        return NONE
    group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
    return f"{found.get('kind')}{group}/{found.get('name')}"


def _last_seen(event: Object) -> str:
    times = (event.get("lastTimestamp"), dig(event, "series", "lastObservedTime"), event.get("eventTime"))
    return since(next((one for one in times if one), event.get("firstTimestamp")))


def _first_seen(event: Object) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"))


def _involved(event: Object) -> str:
    involved = event.get("involvedObject") or {}
    name = f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"
    return name if involved.get("name") else involved.get("kind", "").lower()


def _source(event: Object) -> str:
    component = dig(event, "source", "component") or event.get("reportingComponent") or ""
    host = dig(event, "source", "host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def _message(event: Object) -> str:
    return str(event.get("message", "")).strip()


def _data_size(obj: Object) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


NAME = Column("Name", lambda obj: obj["metadata"]["name"])
AGE = Column("Age", _age)
OTHERS = (NAME, AGE)
TEMPLATE = (
    Column("Containers", containers("name"), wide=True),
    Column("Images", containers("image"), wide=True),
    Column("Selector", selector, wide=True),
)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "ConfigMap": (NAME, Column("Data", _data_size), AGE),
    "ControllerRevision": (NAME, Column("Controller", _owner), Column("Revision", number("revision")), AGE),
    "DaemonSet": (
        NAME,
        Column("Desired", number("status", "desiredNumberScheduled"), "integer"),
        Column("Current", number("status", "currentNumberScheduled"), "integer"),
        Column("Ready", number("status", "numberReady"), "integer"),
        Column("Up-to-date", number("status", "updatedNumberScheduled"), "integer"),
        Column("Available", number("status", "numberAvailable"), "integer"),
        Column("Node Selector", pairs("spec", "template", "spec", "nodeSelector")),
        AGE,
        *TEMPLATE,
    ),
    "Deployment": (
        NAME,
        Column("Ready", _deployment_ready),
        Column("Up-to-date", number("status", "updatedReplicas"), "integer"),
        Column("Available", number("status", "availableReplicas"), "integer"),
        AGE,
        *TEMPLATE,
    ),
    "Endpoints": (NAME, Column("Endpoints", _endpoints), AGE),
    "EndpointSlice": (
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        AGE,
    ),
    "Event": (
        Column("Last Seen", _last_seen),
        Column("Type", at("type", default="")),
        Column("Reason", at("reason", default="")),
        Column("Object", _involved),
        Column("Subobject", at("involvedObject", "fieldPath", default=""), wide=True),
        Column("Source", _source, wide=True),
        Column("Message", _message),
        Column("First Seen", _first_seen, wide=True),
        Column("Count", at("count", default=1), wide=True),
        Column("Name", NAME.cell, wide=True),
    ),
    "Ingress": (
        NAME,
        Column("Class", at("spec", "ingressClassName")),
        Column("Hosts", _hosts),
        Column("Address", _balancers),
        Column("Ports", lambda obj: "80, 443" if dig(obj, "spec", "tls") else "80"),
        AGE,
    ),
    "IngressClass": (
        NAME,
        Column("Controller", at("spec", "controller", default="")),
        Column("Parameters", _parameters),
        AGE,
    ),
    "ServiceCIDR": (NAME, Column("CIDRs", lambda obj: listed(obj["spec"].get("cidrs") or ())), AGE),
    "Lease": (NAME, Column("Holder", at("spec", "holderIdentity", default="")), AGE),
    "Namespace": (NAME, Column("Status", at("status", "phase", default="")), AGE),
    "Node": (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", at("status", "nodeInfo", "kubeletVersion", default="")),
        Column("Internal-IP", _node_address("InternalIP"), wide=True),
        Column("External-IP", _node_address("ExternalIP"), wide=True),
        Column("OS-Image", at("status", "nodeInfo", "osImage", default=UNKNOWN), wide=True),
        Column("Kernel-Version", at("status", "nodeInfo", "kernelVersion", default=UNKNOWN), wide=True),
        Column(
            "Container-Runtime",
            at("status", "nodeInfo", "containerRuntimeVersion", default=UNKNOWN),
            wide=True,
        ),
    ),
    "Pod": (
        NAME,
        Column("Ready", podstatus.ready),
        Column("Status", podstatus.summary),
        Column("Restarts", _restarts),
        AGE,
        Column("IP", _pod_address, wide=True),
        Column("Node", at("spec", "nodeName"), wide=True),
        Column("Nominated Node", at("status", "nominatedNodeName"), wide=True),
        Column("Readiness Gates", _readiness_gates, wide=True),
    ),
    "ReplicaSet": (
        NAME,
        Column("Desired", number("spec", "replicas"), "integer"),
        Column("Current", number("status", "replicas"), "integer"),
        Column("Ready", number("status", "readyReplicas"), "integer"),
        AGE,
        *TEMPLATE,
    ),
    "Secret": (NAME, Column("Type", at("type")), Column("Data", size("data"), "integer"), AGE),
    "Service": (
        NAME,
        Column("Type", at("spec", "type")),
        Column("Cluster-IP", at("spec", "clusterIP")),
        Column("External-IP", _external_addresses),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", pairs("spec", "selector"), wide=True),
    ),
    "ServiceAccount": (NAME, AGE),
}
