"""What `lab up` ends with and what `lab status` shows: nodes, pods, answers, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from labs.kube.client import Object
from labs.readiness import ready
from labs.show import Section
from vm.plan import Plan

Rows = tuple[tuple[str, ...], ...]
Pairs = tuple[tuple[str, str], ...]
# The last two columns are those of a dual-stack cluster.
NODE_HEADER = (
    "machine",
    "role",
    "address",
    "pods' addresses",
    "ready",
    "IPv6 address",
    "pods' IPv6 addresses",
)
FIELDS = ("name", "role", "address", "podCIDR", "ready", "address6", "podCIDR6")
POD_HEADER = ("pod", "ready", "address", "node")


@dataclass(frozen=True, slots=True)
class Summary:
    """A running cluster, as it is shown when it is up."""

    nodes: Rows
    pods: Rows
    answers: Rows

    def sections(self) -> Sequence[Section]:
        """To be shown one under the other."""
        return (
            machines(self.nodes),
            Section("the article's backend", POD_HEADER, self.pods),
            Section("a request", ("from", "to", "answered by"), self.answers),
        )

    def next_steps(self) -> Sequence[str]:
        """Commands, ready to be typed."""
        return (
            "lab kubectl get pods -A -o wide",
            "lab shell worker-1 -- iptables -t nat -L KUBE-SERVICES -n",
            "lab start 0",
        )


@dataclass(frozen=True, slots=True)
class Status:
    """What runs, if anything does."""

    running: bool
    home: str
    backend: str = ""
    nodes: Rows = ()
    proxies: Pairs = ()
    pods: dict[str, int] = field(default_factory=dict)
    halted: Pairs = ()

    def sections(self) -> Sequence[Section]:
        """To be shown one under the other."""
        if not self.running:
            there = "the machines that are there" if self.halted else "one"
            note = f"No cluster is running in {self.home}; `lab up` starts {there}."
            table = (Section("machines", ("machine", "state"), self.halted),) if self.halted else ()
            return (*table, Section(note=note))
        pods = ", ".join(f"{count} in {namespace}" for namespace, count in self.pods.items())
        return (
            machines(self.nodes),
            Section("kube-proxy", ("node", "mode"), self.proxies),
            Section("pods that are ready", note=pods or "none"),
            Section("state folder", note=self.home),
        )

    def as_json(self) -> object:
        """The same for programs."""
        return {
            "running": self.running,
            "home": self.home,
            "backend": self.backend,
            "machines": [dict(zip(FIELDS, row, strict=False)) for row in self.nodes],
            "halted": dict(self.halted),
            "proxyModes": dict(self.proxies),
            "readyPods": self.pods,
        }


def node_rows(plan: Plan, nodes: Sequence[Object]) -> Rows:
    """A row a machine of the plan; helpers are not Nodes of the cluster and have no readiness."""
    states = {node["metadata"]["name"]: "yes" if ready(node) else "no" for node in nodes}
    rows = []
    for node in plan.nodes:
        row = (node.name, node.role, node.address, node.pod_cidr or "–", states.get(node.name, "–"))
        rows.append((*row, node.address6, node.pod_cidr6 or "–") if plan.dual_stack else row)
    return tuple(rows)


def machines(rows: Rows) -> Section:
    """The table of machines."""
    return Section("machines", NODE_HEADER[: max(map(len, rows), default=0)], rows)


def pod_rows(pods: Sequence[Object]) -> Rows:
    """A row a pod."""
    return tuple(
        (
            pod["metadata"]["name"],
            "yes" if ready(pod) else "no",
            pod.get("status", {}).get("podIP", "–"),
            pod["spec"].get("nodeName", "–"),
        )
        for pod in pods
    )
