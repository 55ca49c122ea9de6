"""The address plan: which machines there are and which addresses belong to whom.

Everything that needs an address asks here, so that the article's walk, the course and a learner's terminal
show the same numbers. The plan is data: it is made once by ``lab up``, kept in the inventory, and read by
whoever judges the cluster.

The fabric is the lab's one Ethernet segment, 192.168.56.0/24, the network that Vagrant users know::

    .1 the gateway   .10 control-1 and the API   .11… worker-1…   .200 client   .201 balancer

A dual-stack lab has a second address for everything, with the same digits: fd00:56::11 is worker-1, too.
Without IPv6 the fields whose names end in 6 are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_network
from string import ascii_lowercase
from typing import Any, Literal

from vm.errors import MachineError

Role = Literal["control", "worker", "client", "balancer"]
MAX_WORKERS = 50


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the plan; the helpers (client, balancer) are outside the cluster and have no pods."""

    name: str
    role: Role
    address: str
    pod_cidr: str = ""
    zone: str = ""
    address6: str = ""
    pod_cidr6: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """One a family, IPv4 first."""
        return tuple(filter(None, (self.address, self.address6)))

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """One a family, IPv4 first; none for a helper."""
        return tuple(filter(None, (self.pod_cidr, self.pod_cidr6)))


@dataclass(frozen=True, slots=True)
class Plan:
    """All addresses of one lab."""

    nodes: tuple[Node, ...]
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    dns_address: str = "10.96.0.10"
    api_address: str = "192.168.56.10"
    api_port: int = 6443
    node_ports: tuple[int, int] = (30000, 32767)
    load_balancers: str = "203.0.113.0/24"
    fabric: str = "192.168.56.0/24"
    gateway: str = "192.168.56.1"
    pod_cidr6: str = ""
    service_cidr6: str = ""
    fabric6: str = ""
    gateway6: str = ""

    @property
    def dual_stack(self) -> bool:
        """Whether everything has an IPv6 address, too."""
        return bool(self.fabric6)

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """One a family, IPv4 first: kube-proxy's clusterCIDR."""
        return tuple(filter(None, (self.pod_cidr, self.pod_cidr6)))

    @property
    def service_cidrs(self) -> tuple[str, ...]:
        """One a family, IPv4 first: where ClusterIPs come from."""
        return tuple(filter(None, (self.service_cidr, self.service_cidr6)))

    @property
    def cluster_nodes(self) -> tuple[Node, ...]:
        """The machines that are Kubernetes nodes: the control plane first."""
        return tuple(node for node in self.nodes if node.role in ("control", "worker"))

    @property
    def workers(self) -> tuple[Node, ...]:
        """The nodes that take workloads."""
        return tuple(node for node in self.nodes if node.role == "worker")

    @property
    def helpers(self) -> tuple[Node, ...]:
        """The machines outside the cluster: who asks it, and who balances load in front of it."""
        return tuple(node for node in self.nodes if node.role in ("client", "balancer"))

    def node(self, name: str) -> Node:
        """The machine called ``name``; raises MachineError with the names there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise unknown_machine(name, [node.name for node in self.nodes])

    def hosts_file(self) -> str:
        """An /etc/hosts by which every machine knows every other by name."""
        lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
        lines += [f"{address}\t{node.name}" for node in self.nodes for address in node.addresses]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, the way it stands in the inventory."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """The inverse of ``to_json``; raises TypeError or KeyError for another shape."""
        first, last = value["node_ports"]
        nodes = tuple(Node(**node) for node in value["nodes"])
        return cls(**{**value, "nodes": nodes, "node_ports": (int(first), int(last))})


def plan(workers: int = 2, *, dual_stack: bool = False) -> Plan:
    """The plan of a lab with that many workers: `worker-1` in zone-a, `worker-2` in zone-b, and so on."""
    if not 1 <= workers <= MAX_WORKERS:
        raise MachineError(
            f"a lab has 1 to {MAX_WORKERS} workers, not {workers}",
            "ask for a number between them, e.g. `lab up --nodes 3`",
        )
    control = Node("control-1", "control", "192.168.56.10", "10.244.0.0/24")
    helpers = (Node("client", "client", "192.168.56.200"), Node("balancer", "balancer", "192.168.56.201"))
    nodes = (control, *(_worker(number) for number in range(1, workers + 1)), *helpers)
    return _dual_stack(Plan(nodes)) if dual_stack else Plan(nodes)


def _worker(number: int) -> Node:
    zone = f"zone-{ascii_lowercase[(number - 1) % len(ascii_lowercase)]}"
    return Node(f"worker-{number}", "worker", f"192.168.56.{10 + number}", f"10.244.{number}.0/24", zone)


def _dual_stack(single: Plan) -> Plan:
    """The same plan with IPv6 addresses made of the digits of the IPv4 ones."""
    return replace(
        single,
        nodes=tuple(_with_address6(node) for node in single.nodes),
        pod_cidr6="fd00:244::/48",
        service_cidr6="fd00:96::/112",
        fabric6="fd00:56::/64",
        gateway6="fd00:56::1",
    )


def _with_address6(node: Node) -> Node:
    pods = f"fd00:244:0:{node.pod_cidr.split('.')[2]}::/64" if node.pod_cidr else ""
    return replace(
        node,
        address6=f"fd00:56::{node.address.rpartition('.')[2]}",
        pod_cidr6=str(ip_network(pods)) if pods else "",
    )


def unknown_machine(name: str, names: list[str]) -> MachineError:
    """The error for a name that no machine has."""
    return MachineError(f"there is no machine called `{name}`", f"the machines are: {', '.join(names)}")
