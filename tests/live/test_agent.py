"""Pods as the agent runs them, seen through kubectl: networks, volumes, probes, logs, exec."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.live

Manifest = dict[str, Any]
SH = {"image": "toolbox"}


def pod(name: str, *containers: Manifest, **spec: Any) -> Manifest:
    named = [{"name": f"c{number}", **container} for number, container in enumerate(containers)]
    spec = {"terminationGracePeriodSeconds": 1, "containers": named, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def echo(**fields: Any) -> Manifest:
    return {"image": "echo", "args": ["--http=80"], **fields}


def script(text: str, **fields: Any) -> Manifest:
    return {"image": "toolbox", "command": ["sh", "-c", text], **fields}


@pytest.fixture
def apply(lab) -> Iterator[Callable[..., None]]:
    """Applies manifests; what it applied is deleted after the test."""
    applied: list[Manifest] = []

    def run(*manifests: Manifest) -> None:
        applied.extend(manifests)
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        lab.kubectl("apply", "-f", "-", text=text)

    yield run
    for manifest in applied:
        lab.kubectl("delete", manifest["kind"], manifest["metadata"]["name"], "--ignore-not-found")


@pytest.fixture
def status(lab) -> Callable[[str], dict[str, Any]]:
    return lambda name: json.loads(lab.kubectl("get", "pod", name, "-o", "json")).get("status", {})


@pytest.fixture
def ready(lab) -> Callable[[str], str]:
    """Waits for a pod; its address."""

    def wait(name: str) -> str:
        lab.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=15s")
        return lab.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}")

    return wait


def test_pods_and_nodes_reach_each_other(lab, apply, ready):
    apply(
        pod("one", echo(), nodeName="worker-1"),
        pod("two", echo(), nodeName="worker-2"),
        pod("same", echo(), nodeName="worker-1"),
    )
    addresses = {name: ready(name) for name in ("one", "two", "same")}
    for other in ("two", "same"):
        answer = lab.kubectl("exec", "one", "--", "curl", "-s", "-m3", f"http://{addresses[other]}/")
        assert answer == f"{other} client={addresses['one']}\n"
    for node, address in (("worker-1", "192.168.56.11"), ("worker-2", "192.168.56.12")):
        answer = lab.on(node, "curl", "-s", "-m3", f"http://{addresses['two']}/")
        assert answer == f"two client={address}\n"
    lab.kubectl("exec", "two", "--", "ping", "-c1", "-W2", "192.168.56.11")


def test_names_of_the_cluster_are_answered(lab, apply, ready):
    apply(pod("asker", SH))
    ready("asker")
    found = lab.kubectl(
        "exec", "asker", "--", "getent", "hosts", "kubernetes.default", "kube-dns.kube-system"
    )
    assert found.split() == [
        *("10.96.0.1", "kubernetes.default.svc.cluster.local"),
        *("10.96.0.10", "kube-dns.kube-system.svc.cluster.local"),
    ]
    assert lab.run("kubectl", "exec", "asker", "--", "getent", "hosts", "example.org").returncode == 2


def test_exec_carries_streams_codes_and_a_terminal(lab, apply, ready):
    apply(pod("box", SH))
    ready("box")
    done = lab.run("kubectl", "exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.returncode) == ("out\n", 3)
    assert "err\n" in done.stderr
    payload = "0123456789\n" * 100_000
    assert lab.kubectl("exec", "-i", "box", "--", "cat", text=payload) == payload
    terminal = subprocess.run(
        ["script", "-qec", f"kubectl --kubeconfig={lab.home}/kubeconfig exec -it box -- tty", "/dev/null"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "/dev/pts/" in terminal.stdout


def test_logs_are_followed_cut_and_kept_over_a_restart(lab, apply):
    apply(pod("talker", script("echo begin $(hostname); sleep 0.3; echo end >&2; exit 1")))
    lab.until(lambda: restarts(lab, "talker") >= 1)
    assert lab.kubectl("logs", "talker", "--previous") == "begin talker\nend\n"
    lab.until(lambda: lab.kubectl("logs", "talker", "--tail=1") == "end\n")
    apply(pod("counter", script("for i in 1 2 3; do echo $i; sleep 0.2; done"), restartPolicy="Never"))
    lab.until(lambda: lab.run("kubectl", "logs", "counter").returncode == 0)
    assert lab.kubectl("logs", "-f", "counter").split() == ["1", "2", "3"]


def restarts(lab, name: str) -> int:
    shown = lab.kubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].restartCount}")
    return int(shown or 0)


def test_a_crashing_container_backs_off(lab, apply, status):
    apply(pod("crasher", script("exit 7")))
    lab.until(lambda: "CrashLoopBackOff" in lab.kubectl("get", "pod", "crasher"))
    container = status("crasher")["containerStatuses"][0]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 7


def test_what_cannot_start_says_why(lab, apply, status):
    missing = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}
    apply(
        pod("no-image", {"image": "nginx:1.27"}),
        pod("no-key", echo(env=[missing])),
        pod("no-map", echo(), volumes=[{"name": "v", "configMap": {"name": "none"}}]),
    )

    def waiting(name: str) -> str:
        found = status(name).get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {})
        return f"{found.get('reason')} {found.get('message')}"

    lab.until(lambda: waiting("no-image").startswith("ImagePullBackOff"))
    assert "built-in images (dns, echo, kube-proxy, pause, toolbox)" in waiting("no-image")
    lab.until(lambda: waiting("no-key") == 'CreateContainerConfigError configmap "none" not found')
    lab.until(lambda: 'configmap "none" not found' in lab.kubectl("events", "--for", "pod/no-map"))


def test_a_container_whose_log_cannot_be_written_says_so_and_starts_when_it_can(lab, apply, status, ready):
    place = "/var/log/pods"
    lab.on("worker-1", "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place)
    try:
        apply(pod("no-log", echo(), nodeName="worker-1"))
        lab.until(lambda: "Read-only file system" in lab.kubectl("events", "--for", "pod/no-log"))
        waiting = status("no-log")["containerStatuses"][0]["state"]["waiting"]
        assert waiting["reason"] == "CreateContainerConfigError"
    finally:
        lab.on("worker-1", "umount", place)
    ready("no-log")


def test_readiness_follows_the_probe_and_liveness_restarts(lab, apply, ready, status):
    apply(
        pod(
            "probed",
            echo(
                readinessProbe={
                    "httpGet": {"path": "/ready", "port": 80},
                    "periodSeconds": 1,
                    "failureThreshold": 1,
                },
                livenessProbe={
                    "httpGet": {"path": "/live", "port": 80},
                    "periodSeconds": 1,
                    "failureThreshold": 1,
                },
            ),
        )
    )
    address = ready("probed")

    def control(what: str) -> None:
        lab.on("worker-1", "curl", "-s", "-m3", "-X", "POST", f"http://{address}/control/{what}")

    control("ready?value=false")
    lab.kubectl("wait", "pod/probed", "--for=condition=Ready=False", "--timeout=10s")
    control("ready?value=true")
    lab.kubectl("wait", "pod/probed", "--for=condition=Ready", "--timeout=10s")
    control("live?value=false")
    lab.until(lambda: restarts(lab, "probed") == 1)
    lab.kubectl("wait", "pod/probed", "--for=condition=Ready", "--timeout=10s")
    assert status("probed")["podIP"] == address


def test_volumes_init_containers_and_variables_work_together(lab, apply):
    data = {"name": "data", "mountPath": "/data"}
    config = {"name": "config", "mountPath": "/etc/config"}
    node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cfg"}, "data": {"a": "one"}},
        pod(
            "worker",
            script("cat /data/first /etc/config/a; echo $NODE", volumeMounts=[data, config], env=[node]),
            initContainers=[{"name": "init", **script("echo made > /data/first", volumeMounts=[data])}],
            volumes=[{"name": "data", "emptyDir": {}}, {"name": "config", "configMap": {"name": "cfg"}}],
            restartPolicy="Never",
            nodeName="worker-2",
        ),
        pod(
            "reader",
            {**SH, "volumeMounts": [config]},
            volumes=[{"name": "config", "configMap": {"name": "cfg"}}],
        ),
    )
    lab.kubectl("wait", "pod/worker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=15s")
    assert lab.kubectl("logs", "worker", "-c", "c0") == "made\noneworker-2\n"
    lab.kubectl("wait", "pod/reader", "--for=condition=Ready", "--timeout=15s")
    lab.kubectl("patch", "configmap", "cfg", "-p", '{"data":{"a":"two"}}')
    took = lab.until(lambda: lab.kubectl("exec", "reader", "--", "cat", "/etc/config/a") == "two", 5)
    assert took < 3


def test_a_killed_agent_finds_its_pods_again(lab, apply, ready, status):
    apply(pod("survivor", echo(), nodeName="worker-1"))
    address = ready("survivor")
    before = status("survivor")
    agent = lab.pid("kubelet", "worker-1")
    os.kill(agent, signal.SIGKILL)

    def another() -> bool:
        return any(name.startswith("kubelet") for pid, name in lab.processes().items() if pid != agent) and (
            lab.run("kubectl", "exec", "survivor", "--", "true").returncode == 0
        )

    lab.until(another)
    assert lab.on("worker-1", "curl", "-s", "-m3", f"http://{address}/").startswith("survivor ")
    assert status("survivor")["containerStatuses"] == before["containerStatuses"]


def test_a_killed_container_is_restarted_at_once_in_its_sandbox(lab, apply, ready, status):
    apply(pod("victim", echo(), nodeName="worker-1"))
    address = ready("victim")
    lab.on("worker-1", "sh", "-c", f"kill -9 $(ip netns pids cni-{uid(lab, 'victim')})")
    lab.until(lambda: restarts(lab, "victim") == 1)
    assert ready("victim") == address
    ended = status("victim")["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["signal"]) == (137, 9)


def uid(lab, name: str) -> str:
    return str(lab.kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}"))


def test_a_deleted_pod_leaves_nothing(lab, apply, ready):
    apply(pod("leaver", echo(), nodeName="worker-1"))
    ready("leaver")
    mark = uid(lab, "leaver")
    places = ("/run/netns", "/run/kubelet/pods", "/var/log/pods", "/run/cni/networks/lab")
    left = ("grep", "-rl", mark, "/run/cni/networks/lab")
    assert mark in lab.on("worker-1", "ls", *places)
    lab.kubectl("delete", "pod", "leaver")
    lab.until(lambda: mark not in lab.on("worker-1", "ls", *places))
    assert lab.run("shell", "worker-1", "--", *left).returncode == 1


def test_the_agents_own_api_wants_the_right_token(lab):
    asked = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://192.168.56.11:10250/pods")
    assert lab.on("worker-2", *asked) == "401"
    pods_token = lab.kubectl("create", "token", "default").strip()
    assert lab.on("worker-2", *asked, "-H", f"Authorization: Bearer {pods_token}") == "401"
