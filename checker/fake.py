"""A cluster on paper: evidence as the lab would give it, for tests of checks and of labs.

It draws what kube-proxy writes for one NodePort Service (iptables mode) with as many pods as asked for, so a
lab's checks can be tried in milliseconds, against any variant, and against worlds that are hard to bring
about on demand: a replaced pod, a node that lags behind, counters at zero.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.evidence import Evidence, Object, Reading

NODES = (
    ("control-1", "control", "192.168.56.10", "10.244.0.0/24"),
    ("worker-1", "worker", "192.168.56.11", "10.244.1.0/24"),
    ("worker-2", "worker", "192.168.56.12", "10.244.2.0/24"),
)
STATIC = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-PROXY-CANARY - [0:0]
:KUBE-SERVICES - [0:0]
[9:540] -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
[9:540] -A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
[9:540] -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
[0:0] -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
[0:0] -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
[0:0] -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
[0:0] -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
"""  # noqa: E501  the kernel's own lines
LAST = (
    '[0:0] -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last '
    'rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS'
)


@dataclass(frozen=True)
class Paper:
    """A Service on paper. Pods whose number is in `replaced` have the name and address of a successor."""

    namespace: str = "eks-dev-1-appname-ns"
    deployment: str = "appname-backend"
    service: str = "appname-backend-svc"
    node_port: int = 31103
    port: int = 80
    target: int = 3001
    replicas: int = 2
    cluster_ip: str = "10.96.73.22"
    replaced: frozenset[int] = frozenset()
    counted: int = 0
    modes: Mapping[str, str] = field(default_factory=dict)
    listening: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The Service's name in rules: ``namespace/name``, its port having none."""
        return f"{self.namespace}/{self.service}"

    def pod(self, number: int) -> tuple[str, str, str]:
        """Name, address and node of a pod; they alternate between the workers."""
        salt = f"{self.deployment} {number} {'again' if number in self.replaced else ''}"
        suffix = hashlib.sha256(salt.encode()).hexdigest()[:5]
        host = 2 + number // 2 + (100 if number in self.replaced else 0)
        worker = 1 + number % 2
        return f"{self.deployment}-6d4f9c7b58-{suffix}", f"10.244.{worker}.{host}", f"worker-{worker}"

    @property
    def endpoints(self) -> list[str]:
        """``ip:port`` of every pod in the order of the rules: as text, so .10 stands before .9."""
        return sorted(f"{self.pod(number)[1]}:{self.target}" for number in range(self.replicas))

    @property
    def svc(self) -> str:
        """The Service's chain."""
        return f"KUBE-SVC-{digest(f'{self.name}tcp')}"

    @property
    def ext(self) -> str:
        """The chain for traffic from outside."""
        return f"KUBE-EXT-{digest(f'{self.name}tcp')}"

    def sep(self, endpoint: str) -> str:
        """An endpoint's chain."""
        return f"KUBE-SEP-{digest(f'{self.name}tcp{endpoint}')}"

    def rules(self) -> str:
        """What iptables-save prints, nat table only."""
        chains = [self.svc, self.ext, *(self.sep(each) for each in self.endpoints)] if self.replicas else []
        declared = "".join(f":{chain} - [0:0]\n" for chain in chains)
        lines = [*(self._service() if self.replicas else ()), LAST, "COMMIT"]
        return STATIC + declared + "\n".join(lines) + "\n"

    def _service(self) -> list[str]:
        masq, tcp = "-j KUBE-MARK-MASQ", "-p tcp -m comment --comment"
        outside = f'-m comment --comment "masquerade traffic for {self.name} external destinations"'
        at = f'-d {self.cluster_ip}/32 {tcp} "{self.name} cluster IP" -m tcp --dport {self.port}'
        lines = [
            f"-A KUBE-SERVICES {at} -j {self.svc}",
            f'-A KUBE-NODEPORTS {tcp} "{self.name}" -m tcp --dport {self.node_port} -j {self.ext}',
            f"-A {self.ext} {outside} {masq}",
            f"-A {self.ext} -j {self.svc}",
            f"-A {self.svc} ! -s 10.244.0.0/16 {at} {masq}",
        ]
        counted = [f"[0:0] {line}" for line in lines]
        for index, each in enumerate(self.endpoints):
            counted += self._endpoint(each, self.replicas - index, index)
        return counted

    def _endpoint(self, at: str, left: int, index: int) -> list[str]:
        chance = (
            f"-m statistic --mode random --probability {round(2**31 / left) / 2**31:.11f} "
            if left > 1
            else ""
        )
        hits, name = self.counted + index, f'-m comment --comment "{self.name}"'
        return [
            f'[{hits}:0] -A {self.svc} -m comment --comment "{self.name} -> {at}" {chance}-j {self.sep(at)}',
            f"[0:0] -A {self.sep(at)} -s {at.partition(':')[0]}/32 {name} -j KUBE-MARK-MASQ",
            f"[{hits}:0] -A {self.sep(at)} -p tcp {name} -m tcp -j DNAT --to-destination {at}",
        ]

    def evidence(self, taken: str = "2026-11-23T09:41:00Z") -> Evidence:
        """The evidence of a cluster at rest with this Service."""
        objects = {
            "pods": [self._pod_object(number) for number in range(self.replicas)],
            "services": [self._service_object()],
            "endpointslices": [self._slice_object()],
            "deployments": [self._deployment_object()],
            "nodes": [],
        }
        return Evidence(taken, objects, tuple(self._reading(*node) for node in NODES))

    def _reading(self, name: str, role: str, address: str, pod_cidr: str) -> Reading:
        sockets = "".join(
            f"LISTEN 0 128 0.0.0.0:{port} 0.0.0.0:*\n" for port in (10250, *sorted(self.listening))
        )
        texts = {
            "rules": self.rules(),
            "mode": self.modes.get(name, "iptables"),
            "sockets": sockets,
            "health": "200",
        }
        return Reading(name, role, address, pod_cidr, texts)

    def _meta(self, name: str, **more: Any) -> Object:
        return {"name": name, "namespace": self.namespace, **more}

    def _pod_object(self, number: int) -> Object:
        name, address, node = self.pod(number)
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": "True"}]}
        return {"metadata": self._meta(name), "spec": {"nodeName": node}, "status": status}

    def _service_object(self) -> Object:
        port = {"port": self.port, "targetPort": self.target, "nodePort": self.node_port, "protocol": "TCP"}
        spec = {"type": "NodePort", "clusterIP": self.cluster_ip, "ports": [port]}
        return {"metadata": self._meta(self.service), "spec": spec}

    def _slice_object(self) -> Object:
        pods = (self.pod(number) for number in range(self.replicas))
        endpoints = [
            {
                "addresses": [address],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": name},
            }
            for name, address, _ in pods
        ]
        labels = {"kubernetes.io/service-name": self.service}
        ports = [{"name": "", "port": self.target, "protocol": "TCP"}]
        return {
            "metadata": self._meta(f"{self.service}-x7k2p", labels=labels),
            "endpoints": endpoints,
            "ports": ports,
        }

    def _deployment_object(self) -> Object:
        count = self.replicas
        status = {
            "observedGeneration": 1,
            "updatedReplicas": count,
            "replicas": count,
            "readyReplicas": count,
        }
        return {
            "metadata": self._meta(self.deployment, generation=1),
            "spec": {"replicas": count},
            "status": status,
        }


def digest(text: str) -> str:
    """Sixteen letters of a SHA-256 in base 32, by which kube-proxy tells its chains apart."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:16]
