"""What happens when parts of a lab die, and what a user is told when the host cannot do it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
URL = "http://192.168.56.11:31103/"


def answers(lab) -> bool:
    return "appname-backend-" in lab.run("shell", "client", "--", "curl", "-s", "--max-time", "2", URL).stdout


def targets(lab) -> int:
    """How many pods of the example worker-1 sends to."""
    rules = lab.on("worker-1", "iptables-save", "-t", "nat").splitlines()
    return sum("appname-backend-svc" in rule and "--to-destination" in rule for rule in rules)


@pytest.fixture(autouse=True)
def settled(request):
    """Rules follow a scaled Deployment within a second: until then a request may go to a pod that ends."""
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        lab.until(lambda: targets(lab) == 2, 20, "the rules of a Service with two pods")


def kill(lab, title: str, on: str = "") -> int:
    pid = lab.pid(title, on)
    os.kill(pid, signal.SIGKILL)
    return pid


def again(lab, title: str, dead: int, on: str = "") -> float:
    """Seconds until another process has that title."""

    def there() -> bool:
        try:
            return lab.pid(title, on) != dead
        except AssertionError:
            return False

    return lab.until(there, 10, f"{title} comes back")


def test_the_api_server_is_back_within_a_second_and_has_lost_nothing(lab):
    lab.kubectl("create", "configmap", "acknowledged", "--from-literal=a=b")
    assert again(lab, "kube-apiserver", kill(lab, "kube-apiserver")) < 1.5
    lab.until(lambda: lab.run("kubectl", "get", "configmap", "acknowledged").returncode == 0)
    assert answers(lab)
    lab.kubectl("scale", "deploy/appname-backend", "-n", NAMESPACE, "--replicas=3")
    lab.kubectl("rollout", "status", "deploy/appname-backend", "-n", NAMESPACE, "--timeout=30s")
    lab.kubectl("scale", "deploy/appname-backend", "-n", NAMESPACE, "--replicas=2")
    lab.kubectl("delete", "configmap", "acknowledged")


def test_an_agent_is_back_within_a_second_and_its_pods_never_stopped(lab):
    before = lab.objects("pod", "-A")
    assert again(lab, "kubelet", kill(lab, "kubelet", "worker-1"), "worker-1") < 1.5
    assert answers(lab)
    lab.kubectl("scale", "deploy/appname-backend", "-n", NAMESPACE, "--replicas=4")
    lab.kubectl("rollout", "status", "deploy/appname-backend", "-n", NAMESPACE, "--timeout=30s")
    lab.kubectl("scale", "deploy/appname-backend", "-n", NAMESPACE, "--replicas=2")
    lab.kubectl("rollout", "status", "deploy/appname-backend", "-n", NAMESPACE, "--timeout=30s")
    restarts = {p["metadata"]["name"]: p["status"]["containerStatuses"][0]["restartCount"] for p in before}
    for pod in lab.objects("pod", "-A"):
        if pod["metadata"]["name"] in restarts:
            assert pod["status"]["containerStatuses"][0]["restartCount"] == restarts[pod["metadata"]["name"]]


def test_a_killed_kube_proxy_is_restarted_by_its_agent_and_its_rules_are_right_again(lab):
    dead = lab.pid("kube-proxy", "worker-1")
    os.kill(dead, signal.SIGSTOP)
    assert answers(lab)  # rules are the kernel's: they need no process
    lab.on("worker-1", "iptables", "-t", "nat", "-F", "KUBE-SERVICES")
    assert not answers(lab)
    os.kill(dead, signal.SIGKILL)
    again(lab, "kube-proxy", dead, "worker-1")
    lab.until(lambda: answers(lab), 20, "the rules to be written again")
    rows = [
        line.split() for line in lab.kubectl("get", "pod", "-n", "kube-system", "-o", "wide").splitlines()
    ]
    assert any("worker-1" in row and int(row[3]) >= 1 for row in rows)


def test_pkill_on_one_node_hits_that_node_alone(lab):
    others = {node: lab.pid("kube-proxy", node) for node in ("control-1", "worker-1")}
    dead = lab.pid("kube-proxy", "worker-2")
    lab.on("worker-2", "pkill", "-9", "kube-proxy")
    again(lab, "kube-proxy", dead, "worker-2")
    assert {node: lab.pid("kube-proxy", node) for node in others} == others


def test_a_killed_pod_is_restarted_and_counted(lab):
    pod = lab.objects("pod", "-n", NAMESPACE)[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    lab("shell", name, "--", "bash", "-c", "kill -9 $(pgrep -f '^echo' | head -1)")

    def restarted() -> bool:
        now = json.loads(lab.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "json"))["status"]
        status = now["containerStatuses"][0]
        return status["restartCount"] >= 1 and status["ready"]

    lab.until(restarted, 20, f"{name} on {node} is restarted")
    assert (
        lab.kubectl("get", "pod", name, "-n", NAMESPACE, "--template={{.status.podIP}}")
        == pod["status"]["podIP"]
    )


def test_a_machine_that_dies_is_back_as_after_a_reboot(lab):
    boot = lab.on("worker-2", "stat", "-c", "%i", "/proc/self/ns/pid").strip()
    machine = next(pid for pid in lab.processes() if parent(lab.pid("kubelet", "worker-2")) == pid)
    os.kill(machine, signal.SIGKILL)

    def rebooted() -> bool:
        done = lab.run("shell", "worker-2", "--", "stat", "-c", "%i", "/proc/self/ns/pid")
        return done.returncode == 0 and done.stdout.strip() != boot

    lab.until(rebooted, 10, "worker-2 is back")
    lab.until(lambda: all(ready(pod) for pod in lab.objects("pod", "-A")), 40, "its pods are Ready again")
    lab.until(
        lambda: (
            "appname"
            in lab.run(
                "shell", "client", "--", "curl", "-s", "--max-time", "2", URL.replace(".11:", ".12:")
            ).stdout
        )
    )


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ready(pod) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def test_lab_init_killed_ends_everything_and_up_starts_anew(fresh):
    fresh("up", "--nodes", "2")
    fresh.kubectl("create", "configmap", "acknowledged")
    running = fresh.processes()
    os.kill(fresh.init, signal.SIGKILL)
    fresh.until(lambda: not any(alive(pid) for pid in running), 5, "all processes to end")
    assert fresh.run("status").returncode == 1
    fresh("up", "--nodes", "2")
    fresh.kubectl("get", "configmap", "acknowledged")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_busy_port_makes_the_api_take_another(fresh):
    fresh("up", "--nodes", "2")
    server = json.loads(fresh.kubectl("config", "view", "-o", "json"))["clusters"][0]["cluster"]["server"]
    fresh("down")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(server.rpartition(":")[2])))
        taken.listen()
        fresh("up", "--nodes", "2")
        assert "Ready" in fresh.kubectl("get", "nodes")


def test_a_full_disk_is_said_so_and_nothing_acknowledged_is_lost(fresh):
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a small file system in a mount namespace of its own")
    script = f"""
        mkdir -p {fresh.home} && mount -t tmpfs -o size=64k tmpfs {fresh.home} || exit 99
        {" ".join(fresh.command)} up --nodes 2
        echo "code $?" """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env={**os.environ, "LAB_HOME": str(fresh.home)},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert "code 1" in done.stdout, done
    assert "No space left" in done.stderr
    assert "→" in done.stderr or "->" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_user_namespaces_is_one_message_with_the_cure(fresh):
    """An ordinary user of a host that forbids them: made in a user namespace whose own limit is 0."""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "-U", "--map-user=1000", "--keep-caps", "sh", "-c", script, "sh", *fresh.command, "up"],
        env={**os.environ, "LAB_HOME": str(fresh.home)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "does not let us make namespaces" in done.stderr
    assert "sysctl -w user.max_user_namespaces" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it hides a program in a mount namespace")
def test_a_missing_iptables_is_named_with_its_package(fresh):
    script = 'mount --bind /dev/null "$(command -v iptables)" && "$@" up; echo "code $?"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *fresh.command],
        env={**os.environ, "LAB_HOME": str(fresh.home), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "code 1" in done.stdout
    assert "programs of these packages are missing: iptables" in done.stderr
    assert "sudo apt-get install iptables" in done.stderr
