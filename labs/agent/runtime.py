"""From a container's spec to a process: the request that the machine's zygote gets. Pure.

An image's own program is a function called in a forked child, which is what makes a pod cheap. A
``command`` of the user's is a program of the node's file system, unless it names the image's own, as
``[kube-proxy, --v=2]``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labs.agent.environment import expand
from labs.agent.hosts import host_name
from labs.agent.images import own_command, short_name
from labs.agent.network import Sandbox
from vm.spawn import Mount, Spawn

Object = dict[str, Any]
# Each pod has a /run of its own: it sees neither the node's sockets nor other pods' secrets.
OWN_RUN = Mount("", "/run", kind="tmpfs")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a container's process finds around it."""

    sandbox: Sandbox
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    log: Path


def child_name(uid: str, container: str, attempt: int) -> str:
    """How the zygote's child is called; the containerID without its scheme."""
    return f"{uid}/{container}/{attempt}"


def log_path(logs: Path, pod: Object, container: str, attempt: int) -> Path:
    """Where the kubelet puts it, too: NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log."""
    metadata = pod["metadata"]
    folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
    return logs / folder / container / f"{attempt}.log"


def basic_environment(pod: Object, node: str) -> dict[str, str]:
    """What any program needs; the container's own variables come over it."""
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "HOME": "/root",
        "HOSTNAME": host_name(pod) or node,
    }


def spawn(pod: Object, container: Object, name: str, program: str, frame: Frame) -> Spawn:
    """The request that starts the container; ``program`` is the image's module:function."""
    image = container["image"]
    command = [expand(word, frame.environment) for word in container.get("command") or ()]
    words = [expand(word, frame.environment) for word in container.get("args") or ()]
    own = not command or own_command(container, image)
    argv = [*command[1:], *words] if own else [*command, *words]
    return Spawn(
        name=name,
        title=short_name(image) if own else PurePosixPath(argv[0]).name,
        entry=program if own else "",
        arguments={"argv": argv} if own else {},
        argv=() if own else tuple(argv),
        netns=frame.sandbox.netns,
        hostname=host_name(pod),
        mounts=(OWN_RUN, *frame.mounts),
        environment=frame.environment,
        directory=container.get("workingDir") or "/",
        log=str(frame.log),
    )
