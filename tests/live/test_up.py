"""`lab up` and `lab down`: what a newcomer sees, what comes back, and what is left on the host."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"


def test_up_shows_its_steps_with_times_and_ends_with_answers(fresh):
    printed = fresh("up")
    steps = re.findall(r"^(?:✓|ok) (.+?)  \d+\.\d\d s$", printed, re.MULTILINE)
    assert len(steps) >= 5, printed
    where = {
        pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in fresh.objects("pod", "-n", NAMESPACE)
    }
    pods = sorted(where)
    assert sorted(where.values()) == ["worker-1", "worker-2"], "not both where the first node was Ready"
    for shown in (*pods, "control-1", "worker-2", "192.168.56.11:31103", "Try next", "lab start 0"):
        assert shown in printed
    answers = re.findall(r"http://\S+\s+(\S+)$", printed, re.MULTILINE)
    assert len(answers) == 2
    assert set(answers) <= set(pods)


def test_up_again_changes_nothing(lab):
    before = (lab.init, lab.objects("pod", "-A"))
    assert "run already" in lab("up")
    names = [[pod["metadata"]["name"] for pod in pods] for pods in (before[1], lab.objects("pod", "-A"))]
    assert (before[0], names[0]) == (lab.init, names[1])


def test_up_with_another_number_of_nodes_is_refused_with_the_way_to_it(lab):
    done = lab.run("up", "--nodes", "5")
    assert done.returncode == 1
    assert "3 nodes runs already, not 5" in done.stderr
    assert "lab up --nodes 5" in done.stderr


def test_up_makes_the_example_again_when_a_learner_deleted_it(lab):
    lab.kubectl("delete", "service", "appname-backend-svc", "-n", NAMESPACE)
    lab("up")
    assert "appname-backend-" in lab.on("client", "curl", "-s", "http://192.168.56.11:31103/")


def test_two_at_once_give_one_lab(fresh):
    with ThreadPoolExecutor(2) as pool:
        printed = list(pool.map(lambda _: fresh("up"), range(2)))
    assert sorted("run already" in text for text in printed) == [False, True]
    assert len(fresh.objects("node")) == 3


def test_two_labs_of_one_user_do_not_meet(lab, fresh):
    fresh("up", "--nodes", "2")
    fresh.kubectl("create", "namespace", "only-here")
    assert "only-here" not in lab.kubectl("get", "namespace")
    assert len(fresh.objects("node")) == 2
    assert len(lab.objects("node")) == 3
    ports = {
        json.loads(each.kubectl("config", "view", "-o", "json"))["clusters"][0]["cluster"]["server"]
        for each in (lab, fresh)
    }
    assert len(ports) == 2


def test_down_leaves_the_host_as_it_was(host, fresh):
    before = host(fresh.home)
    fresh("up")
    running = fresh.processes()
    assert len(running) > 10
    assert "gone" in fresh("down")
    assert host(fresh.home) == before
    assert not [
        pid
        for pid in running
        if Path(f"/proc/{pid}").exists() and "kube" in Path(f"/proc/{pid}/comm").read_text()
    ]


def test_down_twice_is_no_error(fresh):
    fresh("up", "--nodes", "2")
    fresh("down")
    assert "No cluster was running" in fresh("down")


def test_objects_are_there_again_after_the_next_up(fresh):
    fresh("up", "--nodes", "2")
    fresh.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    service = fresh.objects("service", "-n", NAMESPACE)[0]
    fresh("down")
    fresh("up", "--nodes", "2")
    assert fresh.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"
    assert fresh.objects("service", "-n", NAMESPACE)[0]["spec"] == service["spec"]
    fresh("down", "--purge")
    assert not (fresh.home / "objects.sqlite").exists()


def test_status_tells_a_running_lab_from_none(lab, fresh):
    told = json.loads(lab("status", "--json"))
    assert told["running"] is True
    assert told["proxyModes"] == dict.fromkeys(("control-1", "worker-1", "worker-2"), "iptables")
    none = fresh.run("status")
    assert none.returncode == 1
    assert "No cluster is running" in none.stdout


def test_env_puts_lab_and_kubectl_on_the_path(lab):
    script = 'eval "$1" && kubectl get nodes --no-headers && command -v lab'
    done = subprocess.run(["sh", "-c", script, "sh", lab("env")], capture_output=True, text=True, check=True)
    assert done.stdout.count(" Ready ") == 3


def test_the_mode_is_changed_as_an_operator_does_and_waited_for(lab):
    before = {
        pod["metadata"]["name"] for pod in lab.objects("pod", "-n", "kube-system", "-l", "k8s-app=kube-proxy")
    }
    printed = lab("mode", "iptables")
    assert "rollout restart daemonset kube-proxy" in printed
    after = {
        pod["metadata"]["name"] for pod in lab.objects("pod", "-n", "kube-system", "-l", "k8s-app=kube-proxy")
    }
    assert not before & after
    assert "appname-backend-" in lab.on("client", "curl", "-s", "http://192.168.56.12:31103/")


def test_another_user_of_the_host_can_neither_read_the_kubeconfig_nor_use_the_api(lab):
    kubeconfig = lab.home / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert lab.home.stat().st_mode & 0o077 == 0
    server = json.loads(lab.kubectl("config", "view", "-o", "json"))["clusters"][0]["cluster"]["server"]
    for token in ((), ("-H", "Authorization: Bearer wrong")):
        argv = ["curl", "-sk", *token, f"{server}/api/v1/secrets"]
        status = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        assert (status["kind"], status["code"]) == ("Status", 401)


def test_reset_of_the_machines_leaves_nothing_of_what_was_done_to_them(fresh):
    fresh("up", "--nodes", "2")
    fresh.on(
        "worker-1",
        "sh",
        "-c",
        "iptables -t nat -F; iptables -A INPUT -j DROP; rm -r /root/.kube; touch /tmp/mine",
    )
    fresh.kubectl("create", "namespace", "mine")
    work = fresh.home / "workspace/mine.txt"
    work.parent.mkdir(exist_ok=True)
    work.write_text("mine")
    assert "as they were made" in fresh("reset", "--machines")
    assert len(fresh.objects("node")) == 2
    assert "mine" not in fresh.kubectl("get", "namespaces")
    assert "appname-backend-" in fresh.on("client", "curl", "-s", "http://192.168.56.11:31103/")
    assert "DROP" not in fresh.on("worker-1", "iptables", "-S", "INPUT")
    assert fresh.run("shell", "worker-1", "--", "ls", "/tmp/mine").returncode
    assert fresh.on("worker-1", "ls", "/root/.kube").split() == ["config"]
    assert work.read_text() == "mine"
