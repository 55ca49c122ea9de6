"""What one node's agent needs to know before it can ask the API anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

# Image → program. The lab adds kube-proxy to this table: the agent itself knows no proxy.
WORKLOADS: Mapping[str, str] = {
    "dns": "labs.agent.workloads.dns:main",
    "echo": "labs.agent.workloads.echo:main",
    "pause": "labs.agent.workloads.pause:main",
    "toolbox": "labs.agent.workloads.toolbox:main",
}


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One node: who it is, how it reaches the API, where its things lie."""

    node: str
    address: str  # InternalIP
    pod_cidr: str
    server: str  # https://…
    token: str
    ca: str  # file
    zone: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    workloads: Mapping[str, str] = field(default_factory=lambda: dict(WORKLOADS))
    zygote: str = "/run/lab/init.sock"
    state: Path = Path("/run/kubelet")  # pods' volumes; gone with the machine, as the pods are
    logs: Path = Path("/var/log/pods")
    port: int = 10250
    service_address: str = "10.96.0.1"  # of default/kubernetes, for KUBERNETES_SERVICE_HOST
    dns_address: str = "10.96.0.10"
    domain: str = "cluster.local"
    address6: str = ""  # of a dual-stack node: its second InternalIP
    pod_cidr6: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The node's own, one a family, IPv4 first."""
        return tuple(filter(None, (self.address, self.address6)))

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """Where its pods' addresses come from, one a family, IPv4 first."""
        return tuple(filter(None, (self.pod_cidr, self.pod_cidr6)))

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Self:
        """From JSON-able arguments, as a Spawn carries them: paths are text there and tuples are lists."""
        words = dict(arguments)
        for name in ("state", "logs"):
            if name in words:
                words[name] = Path(words[name])
        words["taints"] = tuple(words.get("taints", ()))
        return cls(**words)
