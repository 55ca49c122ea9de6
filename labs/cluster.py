"""What a cluster is made of: the plan, turned into machines, services and files.

`lab up` asks for a specification here and hands it to `vm.namespaces`, which knows nothing of Kubernetes.
Certificates and tokens are made once and stay in the state folder, so that a kubeconfig is good over
`lab down` and `lab up`.
"""

from __future__ import annotations

import base64
import re
import socket
from pathlib import Path

import yaml

from labs.agent.config import WORKLOADS
from labs.config import Home
from labs.kube import certificates, tokens
from labs.kube.certificates import Certificates
from labs.kube.tokens import Keyring
from vm import inventory
from vm.namespaces import ClusterSpec, MachineSpec
from vm.plan import Node, Plan
from vm.spawn import Spawn

TABLE = {**WORKLOADS, "kube-proxy": "labs.proxy.serve:main"}
# The API client's packages are imported late by whoever uses them; shared, they cost each daemon 16 MB less.
CLIENT = ("kubernetes.aio.client", "kubernetes.aio.config")
PRELOAD = (
    "labs.daemons",
    "labs.agent.serve",
    *sorted({entry.partition(":")[0] for entry in TABLE.values()}),
    *CLIENT,
)
SERVICE_ADDRESS = "10.96.0.1"  # of default/kubernetes: the first of the Service range
AUTHORITY = "/run/lab/ca.crt"  # on a node: the certificate by which the agent knows the API
CONTROL_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


class Identity:
    """Who the lab is: its certificate authority, and the key that signs its tokens."""

    def __init__(self, home: Home, plan: Plan) -> None:
        names = ("127.0.0.1", plan.api_address, SERVICE_ADDRESS)
        self.files: Certificates = certificates.ensure(home.pki, names)
        self.signing_key = home.pki / "tokens.key"
        self._keyring = Keyring.load(self.signing_key)
        self._admin = self._keyring.issue(tokens.ADMIN)

    def node_token(self, name: str) -> str:
        """What the agent of that node shows the API."""
        return self._keyring.issue(tokens.node(name))

    def kubeconfig(self, server: str) -> str:
        """A kubeconfig of the administrator, for kubectl where `server` can be reached."""
        authority = base64.b64encode(self.files.ca.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [
                {"name": "lab", "cluster": {"server": server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "admin", "user": {"token": self._admin}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
        }
        return yaml.safe_dump(config, sort_keys=False)


def listen(kubeconfig: Path) -> socket.socket:
    """A socket on the host's loopback for the API: at the port it had before, if that is still free."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", _port_before(kubeconfig)))
    except OSError:  # taken meanwhile: the kubeconfig is written anew with whichever is free
        door.bind(("127.0.0.1", 0))
    door.listen(128)
    return door


def _port_before(kubeconfig: Path) -> int:
    try:
        found = re.search(r"server: https://127\.0\.0\.1:(\d+)", kubeconfig.read_text())
    except (OSError, UnicodeDecodeError):
        return 0
    port = int(found.group(1)) if found else 0
    return port if port <= 65535 else 0


def specification(home: Home, plan: Plan) -> ClusterSpec:
    """All of one lab, ready to be started; writes the host's kubeconfig."""
    identity = Identity(home, plan)
    door = listen(home.kubeconfig)
    inventory.write(home.kubeconfig, identity.kubeconfig(f"https://127.0.0.1:{door.getsockname()[1]}"))
    return ClusterSpec(
        home=home.path,
        plan=plan,
        machines=tuple(machine(node, plan, identity) for node in plan.nodes),
        daemons=(apiserver(home, plan, identity),),
        preload=PRELOAD,
        sockets={"api": door},
        kubeconfig=str(home.kubeconfig),
    )


def apiserver(home: Home, plan: Plan, identity: Identity) -> Spawn:
    """The API server with the controllers: on control-1's network, as on a control plane node."""
    return Spawn(
        name="apiserver",
        title="kube-apiserver",
        entry="labs.daemons:apiserver",
        arguments={
            "database": str(home.database),
            "certificate": str(identity.files.server),
            "key": str(identity.files.server_key),
            "ca": str(identity.files.ca),
            "signing_key": str(identity.signing_key),
            "address": plan.api_address,
            "port": plan.api_port,
            "service_cidr": ",".join(plan.service_cidrs),
            "node_ports": list(plan.node_ports),
        },
        netns="/run/netns/control-1",
        plain_log=str(home.log / "apiserver.log"),
        restart=True,
        sockets=("api",),
    )


def machine(node: Node, plan: Plan, identity: Identity) -> MachineSpec:
    """A machine of the plan: nodes run an agent, the helpers outside the cluster nothing."""
    if not node.pod_cidr:
        return MachineSpec(node, services=(), files={})
    files = {
        "/root/.kube/config": identity.kubeconfig(f"https://{plan.api_address}:{plan.api_port}"),
        AUTHORITY: identity.files.ca.read_text(),
    }
    return MachineSpec(node, services=(agent(node, plan, identity),), files=files)


def agent(node: Node, plan: Plan, identity: Identity) -> Spawn:
    """The node's agent; it reaches the API over the fabric, as its pods do."""
    control = node.role == "control"
    return Spawn(
        name="agent",
        title="kubelet",
        entry="labs.agent.serve:main",
        arguments={
            "node": node.name,
            "address": node.address,
            "pod_cidr": node.pod_cidr,
            "address6": node.address6,
            "pod_cidr6": node.pod_cidr6,
            "zone": node.zone,
            "server": f"https://{plan.api_address}:{plan.api_port}",
            "token": identity.node_token(node.name),
            "ca": AUTHORITY,
            "labels": {f"node-role.kubernetes.io/{'control-plane' if control else 'worker'}": ""},
            "taints": [CONTROL_TAINT] if control else [],
            "workloads": TABLE,
            "service_address": SERVICE_ADDRESS,
            "dns_address": plan.dns_address,
        },
        plain_log="/var/log/kubelet.log",
        restart=True,
    )
