"""The cluster on virtual machines: every mode with real requests, what dies, and the end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Machines = Callable[[Any], list[int]]
PATIENCE = float(os.environ.get("PATIENCE", "4"))
EXAMPLE = "eks-dev-1-appname-ns"
NODE_PORT = "http://192.168.56.11:31103/"


def told(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout


def asked(lab: Any, machine: str, url: str) -> str:
    """The pod of the example that answers a request from that machine, "" if none does."""
    said = lab.run("shell", machine, "--", "curl", "-s", "--max-time", f"{5 * PATIENCE:g}", url).stdout
    return str(next((word for word in said.split() if word.startswith("appname-backend-")), ""))


def cluster_ip(lab: Any) -> str:
    words = ("get", "service", "appname-backend-svc", "-n", EXAMPLE, "-o", "jsonpath={.spec.clusterIP}")
    return str(lab.kubectl(*words))


def ready(lab: Any, node: str) -> str:
    path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    return str(lab.kubectl("get", "node", node, "-o", path))


def until(lab: Any, true: Callable[[], object], seconds: float, why: str) -> float:
    return float(lab.until(true, seconds * PATIENCE, why))


# Not called `mode`: what has that parameter runs in a guest of its own where the host has no IPVS.
@pytest.mark.parametrize("wanted", ["nftables", "userspace", "ipvs", "iptables"])
def test_every_mode_answers_on_the_clusterip_and_the_nodeport(lab: Any, wanted: str) -> None:
    lab("mode", wanted, timeout=900)
    inside = f"http://{cluster_ip(lab)}/"
    until(lab, lambda: asked(lab, "worker-2", inside), 30, f"an answer of the ClusterIP, {wanted}")
    until(lab, lambda: asked(lab, "client", NODE_PORT), 30, f"an answer of the NodePort, {wanted}")
    if wanted == "ipvs":
        table = lab.on("worker-1", "ipvsadm", "-Ln")
        assert f"TCP  {cluster_ip(lab)}:80 rr" in table
        assert len(re.findall(r"-> 10\.244\.\d+\.\d+:\d+ +Masq", table)) >= 2


def pods_of(lab: Any, node: str) -> list[tuple[str, str]]:
    """Name and number of restarts of each pod there."""
    pods = lab.objects("pods", "-A", "--field-selector", f"spec.nodeName={node}")
    return sorted(
        (pod["metadata"]["name"], str([each["restartCount"] for each in pod["status"]["containerStatuses"]]))
        for pod in pods
    )


def test_a_killed_agent_is_back_and_its_pods_have_not_noticed(lab: Any) -> None:
    before = pods_of(lab, "worker-1")
    dead = lab.on("worker-1", "pgrep", "--exact", "kubelet").strip()
    lab.on("worker-1", "kill", "-KILL", dead)
    agents = ("shell", "worker-1", "--", "pgrep", "--exact", "kubelet")
    until(lab, lambda: lab.run(*agents).stdout.strip() not in ("", dead), 10, "another agent")
    until(lab, lambda: ready(lab, "worker-1") == "True", 30, "worker-1 is Ready")
    assert pods_of(lab, "worker-1") == before
    assert asked(lab, "client", NODE_PORT)


def test_services_of_the_system_are_started_again(lab: Any) -> None:
    lab.on("control-1", "systemctl", "kill", "--signal=KILL", "lab-apiserver.service")
    words = ("kubectl", "get", "--raw", "/readyz")
    until(lab, lambda: lab.run(*words).returncode != 0, 10, "the API server's end")
    until(lab, lambda: lab.run(*words).returncode == 0, 60, "the API server's return")


def test_machines_that_a_learner_has_broken_are_reset(
    lab: Any, record_property: Callable[[str, object], None]
) -> None:
    lab.on("worker-1", "rm", "/usr/bin/curl")
    began = time.monotonic()
    lab("reset", "--machines", timeout=300)
    record_property("figure", f"lab reset --machines: {time.monotonic() - began:.0f} s")
    inside = f"http://{cluster_ip(lab)}/"
    until(lab, lambda: asked(lab, "worker-1", inside), 30, "an answer on the machine that was broken")


def test_a_dead_machine_is_noticed_and_the_service_goes_on(lab: Any, machines: Machines) -> None:
    """It stays dead: the next `lab up` brings it back."""
    victim = next(pid for pid in machines(lab) if b"worker-2" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    until(lab, lambda: ready(lab, "worker-2") == "Unknown", 40, "worker-2 is NotReady")
    inside = f"http://{cluster_ip(lab)}/"
    until(lab, lambda: asked(lab, "worker-1", inside), 30, "an answer of the pod that is left")


def test_halted_machines_and_the_dead_one_come_back_with_what_was_on_their_disks(
    lab: Any, machines: Machines
) -> None:
    lab.on("worker-1", "sh", "-c", "echo kept >/root/note && sync")
    began = time.monotonic()
    assert "halted" in lab("down", timeout=300)
    halted = time.monotonic() - began
    assert machines(lab) == []
    assert halted < 120
    lab("up", timeout=900)
    assert len(machines(lab)) == 3
    assert ready(lab, "worker-2") == "True"
    assert lab.on("worker-1", "cat", "/root/note") == "kept\n"
    inside = f"http://{cluster_ip(lab)}/"
    until(lab, lambda: asked(lab, "worker-2", inside), 30, "an answer on the machine that is back")


def test_purged_machines_leave_no_process_network_or_disk(lab: Any, machines: Machines) -> None:
    lab("down", "--purge", timeout=300)
    assert machines(lab) == []
    assert told("virsh", "list", "--all", "--name").split() == []
    networks = told("virsh", "net-list", "--name").split()
    assert [name for name in networks if name.startswith("lab-")] == []
    volumes = told("virsh", "vol-list", "default")
    assert not re.search(r"lab-\w+-(control|worker)", volumes)
    assert not told("pgrep", "--list-full", "--full", f"ssh.*({lab.home}|16443)")
    assert "No cluster was running" in lab("down")
