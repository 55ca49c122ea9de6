"""The Node object: what this machine says about itself, every value read from it, none invented."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from labs.agent.config import AgentConfig
from labs.agent.state import now

Object = dict[str, Any]
MOST_PODS = 110  # the kubelet's default
# type, status, reason, message
CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def node(config: AgentConfig) -> Object:
    """The object as it is registered."""
    spec = ranges(config)
    if config.taints:
        spec["taints"] = [dict(taint) for taint in config.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": config.node, "labels": labels(config)},
        "spec": spec,
        "status": status(config, {}),
    }


def ranges(config: AgentConfig) -> Object:
    """The node's share of the pods' network, as the spec says it."""
    return {"podCIDR": config.pod_cidr, "podCIDRs": list(config.pod_cidrs)}


def labels(config: AgentConfig) -> dict[str, str]:
    """The well-known labels, and those of the configuration."""
    found = {
        "kubernetes.io/hostname": config.node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture(),
    }
    if config.zone:
        found["topology.kubernetes.io/zone"] = config.zone
    return found | dict(config.labels)


def status(config: AgentConfig, old: Object) -> Object:
    """NodeStatus; conditions keep the transition time of the ``old`` status."""
    room = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory()}Ki",
        "ephemeral-storage": f"{storage()}Ki",
        "pods": str(MOST_PODS),
    }
    before = {entry["type"]: entry for entry in old.get("conditions", ())}
    return {
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in config.addresses),
            {"type": "Hostname", "address": config.node},
        ],
        "capacity": room,
        "allocatable": room,
        "conditions": [_condition(row, before.get(row[0])) for row in CONDITIONS],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
        "images": [{"names": [name], "sizeBytes": 0} for name in sorted(config.workloads)],
        "nodeInfo": information(),
    }


def _condition(row: tuple[str, str, str, str], old: Object | None) -> Object:
    kind, value, reason, message = row
    same = old is not None and old["status"] == value
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now(),
        "lastTransitionTime": old["lastTransitionTime"] if same and old is not None else now(),
    }


def information() -> Object:
    """``nodeInfo``: the host's kernel and system, and this agent in place of kubelet and runtime."""
    version = metadata.version("kube-proxy-lab")
    return {
        "architecture": architecture(),
        "bootID": text("/proc/sys/kernel/random/boot_id"),
        "containerRuntimeVersion": f"lab://{version}",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": f"v{version}+lab",
        "machineID": text("/etc/machine-id"),
        "operatingSystem": "linux",
        "osImage": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        "systemUUID": text("/etc/machine-id"),
    }


def architecture() -> str:
    """As Go and Kubernetes name it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def memory() -> int:
    """MemTotal, KiB."""
    for line in text("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1])
    return 0


def storage() -> int:
    """The root file system's size, KiB."""
    found = os.statvfs("/")
    return found.f_blocks * found.f_frsize // 1024


def text(path: str) -> str:
    """A small file's text, empty where a system does not have it."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
