"""What each virtual machine gets from the host: the variables of vm/ansible's roles, from the plan.

The services are the ones that a machine made of namespaces has (labs.cluster), with a server's paths: the
API's objects live on control-1's disk, certificates and tokens under /etc/kube-proxy-lab.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labs import cluster
from labs.cluster import PRELOAD, Identity
from labs.config import Home
from labs.proxy.names import SCHEDULERS
from vm import network, wheelhouse
from vm.network import COMMON, FORWARDING
from vm.plan import Node, Plan
from vm.service import Service
from vm.zygote import SOCKET

AGENTS = tuple(module for module in PRELOAD if module != "labs.daemons")  # the API's: 3 s under emulation
PLACE = "/etc/kube-proxy-lab"
AUTHORITY = f"{PLACE}/ca.crt"
PKI = {  # argument of the API server → its file in PKI
    "certificate": "apiserver.crt",
    "key": "apiserver.key",
    "ca": "ca.crt",
    "signing_key": "tokens.key",
}
SERVER = {  # what differs from an API server in the lab's own namespaces
    "database": "/var/lib/kube-proxy-lab/objects.sqlite",
    "listen": "0.0.0.0",  # the fabric, and where Vagrant forwards the host's port to
    **{argument: f"{PLACE}/pki/{name}" for argument, name in PKI.items()},
}
MODULES = ("ip_vs", *(f"ip_vs_{name}" for name in SCHEDULERS), "br_netfilter", "nf_conntrack")


@dataclass(frozen=True, slots=True)
class Archives:
    """What the guests run, as files of the host (vm.wheelhouse)."""

    site: Path
    app: Path


class Guests:
    """The machines of one lab, as their roles are to find them."""

    def __init__(self, home: Home, plan: Plan, archives: Archives) -> None:
        self.home, self.plan, self.archives = home, plan, archives
        self.identity = Identity(home, plan)

    def variables(self, missing: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Variables by machine, control-1 first; `missing` are the packages that each lacks."""
        first, *others = self.plan.cluster_nodes
        return {
            first.name: {**self._node(first, missing), **self._control_plane()},
            **{node.name: self._node(node, missing) for node in others},
        }

    def kubeconfig(self, server: str) -> str:
        """The administrator's, with the API where `server` says."""
        return self.identity.kubeconfig(server)

    def _node(self, node: Node, missing: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        plan = self.plan
        archives = (self.archives.site, self.archives.app)
        return {
            "lab_missing_packages": list(missing.get(node.name, ())),
            "lab_modules": list(MODULES),
            "lab_sysctls": sysctls(),
            "lab_hosts_file": plan.hosts_file(),
            "lab_archives": [{"archive": str(each), "name": wheelhouse.name_of(each)} for each in archives],
            "lab_site": wheelhouse.name_of(self.archives.site),
            "lab_app": wheelhouse.name_of(self.archives.app),
            "lab_kubeconfig": self.kubeconfig(f"https://{plan.api_address}:{plan.api_port}"),
            "lab_ca": self.identity.files.ca.read_text(),
            "lab_agent": _text(self._agent(node)),
        }

    def _control_plane(self) -> dict[str, Any]:
        return {
            "lab_pki": {name: (self.home.pki / name).read_text() for name in PKI.values()},
            "lab_apiserver": _text(self._apiserver()),
            "lab_routes": {node.name: _lines(network.outside(self.plan, node)) for node in self.plan.helpers},
        }

    def _agent(self, node: Node) -> Service:
        spawn = cluster.agent(node, self.plan, self.identity)
        spawn = replace(spawn, arguments={**spawn.arguments, "ca": AUTHORITY})
        return Service(f"lab init {node.name}", SOCKET, AGENTS, (spawn,))

    def _apiserver(self) -> Service:
        spawn = cluster.apiserver(self.home, self.plan, self.identity)
        spawn = replace(
            spawn,
            arguments={**spawn.arguments, **SERVER},
            netns="",
            plain_log="/var/log/kube-apiserver.log",
            sockets=(),
        )
        return Service("lab init apiserver", "", ("labs.daemons", *cluster.CLIENT), (spawn,))


def sysctls() -> dict[str, str]:
    """Of a router, as files of sysctl.d have them; distributions set rp_filter by each card's name."""
    found = {**COMMON, **FORWARDING, "net/ipv4/conf/*/rp_filter": "0"}
    return {f"-{key}" if "*" not in key else key: value for key, value in found.items()}


def _lines(found: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in found)


def _text(service: Service) -> str:
    return json.dumps(service.to_json(), indent=1) + "\n"
