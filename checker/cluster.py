"""The API's objects as a check asks for them: the fixture ``cluster``.

What a lab set on the stage and a learner took away is the learner's to put back, so a missing object is
`wrong`, with the way back, and not a fault of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checker.evidence import Evidence, Object
from checker.expectations import wrong

SERVICE_NAME = "kubernetes.io/service-name"
FAMILY = "IPv4"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod: its address, whether it is ready, whether it is being deleted, and who owns it.

    `since` is when it last became ready or ceased to be, as the API writes times; empty if it never told.
    """

    name: str
    address: str
    node: str
    ready: bool
    leaving: bool
    owner: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a Service; `target` is the number in its EndpointSlices."""

    name: str
    number: int
    node_port: int
    target: int


@dataclass(frozen=True, slots=True)
class Service:
    """A Service with its first port at hand."""

    namespace: str
    name: str
    kind: str
    cluster_ip: str
    ports: tuple[Port, ...]

    @property
    def port(self) -> Port:
        """The first port, of most Services the only one."""
        return self.ports[0]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a Service; `pod` is the pod's name, empty if it is none."""

    address: str
    port: int
    pod: str
    ready: bool

    @property
    def at(self) -> str:
        """``ip:port``, as rules write it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """How many pods are wanted, are ready and are there; `settled` once these have become one."""

    name: str
    replicas: int
    ready: int
    settled: bool
    made: int = 0


class Cluster:
    """Questions to the API's objects of one moment."""

    def __init__(self, evidence: Evidence) -> None:
        self.objects = evidence.objects

    def pods(self, namespace: str) -> tuple[Pod, ...]:
        """The pods of a namespace, by name."""
        found = sorted(self._of("pods", namespace), key=lambda pod: str(pod["metadata"]["name"]))
        return tuple(_pod(pod) for pod in found)

    def service(self, namespace: str, name: str) -> Service:
        """A Service; ends the check if it is gone."""
        found = self._one("services", "Service", namespace, name)
        spec, slices = found["spec"], self._slices(namespace, name)
        targets = {
            port.get("name") or "": port["port"] for each in slices for port in each.get("ports") or ()
        }
        ports = tuple(_port(port, targets) for port in spec.get("ports", ()))
        return Service(namespace, name, spec.get("type", "ClusterIP"), spec.get("clusterIP", ""), ports)

    def endpoints(self, namespace: str, service: str) -> tuple[Endpoint, ...]:
        """The ready endpoints of a Service, in no order that means something."""
        every = (each for part in self._slices(namespace, service) for each in _endpoints(part))
        return tuple(each for each in every if each.ready)

    def deployment(self, namespace: str, name: str) -> Deployment:
        """A Deployment; ends the check if it is gone."""
        return _deployment(self._one("deployments", "Deployment", namespace, name))

    def deployments(self, namespace: str) -> tuple[Deployment, ...]:
        """All Deployments of a namespace."""
        return tuple(_deployment(each) for each in self._of("deployments", namespace))

    def services(self, namespace: str) -> tuple[Service, ...]:
        """All Services of a namespace."""
        return tuple(
            self.service(namespace, each["metadata"]["name"]) for each in self._of("services", namespace)
        )

    def config(self, namespace: str, name: str) -> dict[str, str]:
        """What is in a ConfigMap; ends the check if it is gone."""
        return dict(self._one("configmaps", "ConfigMap", namespace, name).get("data") or {})

    def mounted(self, namespace: str, daemonset: str) -> dict[str, str]:
        """The ConfigMaps that a DaemonSet's pods mount, by the path at which they do."""
        spec = self._one("daemonsets", "DaemonSet", namespace, daemonset)["spec"]["template"]["spec"]
        maps = {each["name"]: each["configMap"]["name"] for each in spec["volumes"] if "configMap" in each}
        mounts = (each for container in spec["containers"] for each in container.get("volumeMounts", ()))
        return {each["mountPath"]: maps[each["name"]] for each in mounts if each["name"] in maps}

    def namespaces(self) -> set[str]:
        """The namespaces in which something is."""
        return {
            each["metadata"]["namespace"]
            for kind in ("pods", "services")
            for each in self.objects.get(kind, ())
        }

    def _of(self, kind: str, namespace: str) -> list[Object]:
        return [each for each in self.objects.get(kind, ()) if each["metadata"].get("namespace") == namespace]

    def _one(self, plural: str, kind: str, namespace: str, name: str) -> Object:
        for each in self._of(plural, namespace):
            if each["metadata"]["name"] == name:
                return each
        wrong(
            expected=f"the {kind} `{name}` in the namespace `{namespace}`",
            found=f"no such {kind}",
            next="`lab start` with the lab's number puts it back and keeps your answers",
        )

    def _slices(self, namespace: str, service: str) -> Sequence[Object]:
        """Those of the family whose rules are read: a dual-stack Service has slices of the other, too."""
        every = self._of("endpointslices", namespace)
        own = [each for each in every if (each["metadata"].get("labels") or {}).get(SERVICE_NAME) == service]
        return [each for each in own if each.get("addressType", FAMILY) == FAMILY]


def _pod(pod: Object) -> Pod:
    meta, status = pod["metadata"], pod.get("status", {})
    told: Object = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    ready, since = told.get("status") == "True", told.get("lastTransitionTime") or ""
    node = pod.get("spec", {}).get("nodeName", "")
    owner = next((str(each["name"]) for each in meta.get("ownerReferences") or ()), "")
    leaving = "deletionTimestamp" in meta
    return Pod(meta["name"], status.get("podIP", ""), node, ready, leaving, owner, since)


def _port(port: Object, targets: dict[str, int]) -> Port:
    name = port.get("name") or ""
    wanted = port.get("targetPort", port["port"])
    return Port(
        name,
        port["port"],
        port.get("nodePort", 0),
        targets.get(name, wanted if isinstance(wanted, int) else 0),
    )


def _endpoints(part: Object) -> list[Endpoint]:
    ports = part.get("ports") or []
    number = ports[0]["port"] if ports else 0
    return [
        Endpoint(address, number, _target(each), (each.get("conditions") or {}).get("ready") is not False)
        for each in part.get("endpoints") or ()
        for address in each["addresses"][:1]
    ]


def _target(endpoint: Object) -> str:
    target = endpoint.get("targetRef") or {}
    return str(target.get("name", "")) if target.get("kind") == "Pod" else ""


def _deployment(each: Object) -> Deployment:
    wanted = each["spec"].get("replicas", 1)
    status = each.get("status", {})
    ready = status.get("readyReplicas", 0)
    observed = status.get("observedGeneration", 0) >= each["metadata"].get("generation", 0)
    made = status.get("replicas", 0)
    settled = observed and status.get("updatedReplicas", 0) == wanted == ready == made
    return Deployment(each["metadata"]["name"], wanted, ready, settled, made if observed else 0)
