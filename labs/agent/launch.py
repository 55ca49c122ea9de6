"""What a container's process is started with: its variables, its mounts, its log, its program."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from labs.agent.environment import environment
from labs.agent.images import program
from labs.agent.network import Sandbox
from labs.agent.runtime import Frame, basic_environment, child_name, log_path, spawn
from labs.agent.services import service_environment
from labs.agent.status import entries
from labs.agent.tools import Tools
from vm.spawn import Mount, Spawn

Object = dict[str, Any]


class Owner(Protocol):
    """The pod, as its containers see it."""

    obj: Object
    tools: Tools
    sandbox: Sandbox
    files: tuple[Mount, ...]  # /etc/hosts and the like

    def changed(self) -> None:
        """A container's state has changed."""


def log_file(owner: Owner, container: Object, attempt: int) -> Path:
    """The log of an attempt."""
    return log_path(owner.tools.config.logs, owner.obj, container["name"], attempt)


def variables(owner: Owner, container: Object) -> dict[str, str]:
    """The container's environment; raises ConfigurationInvalid."""
    config, pod = owner.tools.config, owner.obj
    services = service_environment("kubernetes", config.service_address, 443)
    # The downward API may ask for what the pod's status does not show yet.
    known = {
        "podIP": owner.sandbox.address,
        "podIPs": entries(owner.sandbox.addresses),
        "hostIP": config.address,
        "hostIPs": entries(config.addresses),
    }
    shown = {**pod, "status": {**pod.get("status", {}), **known}}
    own = environment(shown, container, owner.tools.lookups, services)
    return basic_environment(pod, config.node) | own


def request(owner: Owner, container: Object, attempt: int) -> Spawn:
    """The request to the zygote; raises ImageUnknown, ConfigurationInvalid, VolumeUnavailable."""
    entry = program(container["image"], owner.tools.config.workloads)
    words = variables(owner, container)
    volumes = owner.tools.volumes.mounts(owner.obj, container, words)
    log = log_file(owner, container, attempt)
    log.parent.mkdir(parents=True, exist_ok=True)
    frame = Frame(owner.sandbox, (*owner.files, *volumes), words, log)
    name = child_name(owner.obj["metadata"]["uid"], container["name"], attempt)
    return spawn(owner.obj, container, name, entry, frame)
