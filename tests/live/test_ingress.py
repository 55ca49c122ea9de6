"""Ingresses, asked from the client through the HAProxy on the balancer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
HOST = "shop.example"
PREFIX = "alb.ingress.kubernetes.io/"
BALANCER, CLIENT = "192.168.56.201", "192.168.56.200"
CONFIG, ENOUGH = "/run/haproxy/haproxy.cfg", "/tmp/enough"
NODES = {"192.168.56.10", "192.168.56.11", "192.168.56.12"}


@pytest.fixture
def shop(lab) -> Iterator[Callable[..., None]]:
    """Make the Ingress `shop` in front of the example's Service, and wait until it has an address."""

    def make(**annotations: str) -> None:
        lab.kubectl("apply", "-f", "-", text=json.dumps(ingress(**annotations)))
        lab.until(lambda: address(lab) == BALANCER, why="the Ingress has no address")

    yield make
    lab.kubectl("delete", "ingress", "shop", "-n", NAMESPACE, "--ignore-not-found")
    lab.until(lambda: "haproxy" not in lab.on("balancer", "ps", "-e"), why="HAProxy still runs")


def ingress(**annotations: str) -> dict:
    backend = {"service": {"name": "appname-backend-svc", "port": {"number": 80}}}
    rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    said = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    metadata = {"name": "shop", "namespace": NAMESPACE, "annotations": said}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"rules": [rule]},
    }


def address(lab) -> str:
    found = json.loads(lab.kubectl("get", "ingress", "shop", "-n", NAMESPACE, "-o", "json"))
    return (found["status"]["loadBalancer"].get("ingress") or [{"ip": ""}])[0]["ip"]


def ask(lab, path: str = "/json", *options: str) -> dict:
    """What a pod says it saw; empty if none answered."""
    words = ("curl", "-s", "-m", "3", "-H", f"Host: {HOST}", *options, f"http://{BALANCER}{path}")
    done = lab.run("shell", "client", "--", *words)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def states(lab) -> dict[str, str]:
    """What HAProxy's statistics say of each server."""
    text = lab.on("balancer", "curl", "-s", "http://127.0.0.1:8404/;csv").removeprefix("# ")
    rows = csv.DictReader(text.splitlines())
    return {
        row["svname"].partition(":")[0]: row["status"].split()[0]
        for row in rows
        if row["pxname"].startswith(NAMESPACE) and row["svname"] != "BACKEND"
    }


def pods(lab) -> set[str]:
    return {
        pod["metadata"]["name"] for pod in lab.objects("pod", "-n", NAMESPACE, "-l", "app=appname-backend")
    }


def test_in_instance_mode_nodes_are_the_targets_and_the_client_is_in_a_header(lab, shop):
    shop(target_type="instance", healthcheck_interval_seconds="1")
    lab.until(lambda: states(lab) == dict.fromkeys(("control-1", "worker-1", "worker-2"), "UP"))
    seen = ask(lab, "/json", "-H", "X-Forwarded-For: 10.9.8.7")
    assert seen["headers"]["x-forwarded-for"] == f"10.9.8.7, {CLIENT}"
    assert (seen["headers"]["x-forwarded-proto"], seen["headers"]["x-forwarded-port"]) == ("http", "80")
    assert seen["client"].partition(":")[0] in NODES
    other = lab.run("shell", "client", "--", "curl", "-s", "-w", "%{http_code}", f"http://{BALANCER}/")
    assert other.stdout.endswith("404")


def test_in_ip_mode_pods_are_the_targets_and_see_the_balancer(lab, shop):
    shop(target_type="ip", healthcheck_path="/ready", healthcheck_interval_seconds="1")
    lab.until(lambda: states(lab) == dict.fromkeys(pods(lab), "UP"))
    seen = [ask(lab) for _ in range(4)]
    assert {each["client"].partition(":")[0] for each in seen} == {BALANCER}
    assert {each["headers"]["x-forwarded-for"] for each in seen} == {CLIENT}
    assert {each["pod"] for each in seen} == pods(lab)


def test_a_pod_that_does_not_answer_leaves_the_rotation_by_the_health_check(lab, shop):
    shop(target_type="ip", healthcheck_path="/ready", healthcheck_interval_seconds="1")
    lab.until(lambda: states(lab) == dict.fromkeys(pods(lab), "UP"))
    sick = sorted(pods(lab))[0]
    mend = tell(lab, sick, "ready?value=false")
    try:
        lab.until(lambda: states(lab).get(sick) == "DOWN", why=f"{sick} stays in the rotation")
        assert {ask(lab)["pod"] for _ in range(6)} == pods(lab) - {sick}
    finally:
        mend()
    lab.until(lambda: states(lab).get(sick) == "UP")  # its probe may have taken it out of the Service, too


def tell(lab, pod: str, wish: str) -> Callable[[], str]:
    """Say something to one pod; what takes it back."""
    found = json.loads(lab.kubectl("get", "pod", pod, "-n", NAMESPACE, "-o", "json"))

    def say(words: str) -> str:
        url = f"http://{found['status']['podIP']}:3001/control/{words}"
        return lab.on(found["spec"]["nodeName"], "curl", "-s", "-X", "POST", url)

    say(wish)
    return lambda: say(wish.replace("false", "true"))


def test_no_request_fails_while_targets_and_settings_change(lab, shop):
    shop(target_type="ip", healthcheck_path="/ready", healthcheck_interval_seconds="1")
    lab.until(lambda: states(lab) == dict.fromkeys(pods(lab), "UP"))
    gone = sorted(pods(lab))[0]
    with ThreadPoolExecutor(1) as beside:
        answers = beside.submit(requests, lab)
        lab.kubectl("scale", "deploy/appname-backend", "--replicas=4", "-n", NAMESPACE)
        lab.until(lambda: len(states(lab)) == 4, why="HAProxy does not follow the scale")
        for number in ("3", "4", "5"):
            shop(target_type="ip", healthcheck_path="/ready", healthy_threshold_count=number)
            lab.until(lambda number=number: f"rise {number}" in lab.on("balancer", "cat", CONFIG))
        lab.on("client", "touch", ENOUGH)
        codes = answers.result().split()
    assert (set(codes), len(codes) > 50) == ({"200"}, True), codes
    lab.kubectl("delete", "pod", gone, "-n", NAMESPACE, "--wait=false")
    lab.until(lambda: gone not in states(lab), why=f"{gone} is still a target")
    lab.kubectl("scale", "deploy/appname-backend", "--replicas=2", "-n", NAMESPACE)
    lab.until(lambda: len(pods(lab)) == 2)


def requests(lab) -> str:
    """The status of each of many requests, one after another, until it is enough."""
    one = f"curl -s -m 5 -o /dev/null -w '%{{http_code}}\\n' -H 'Host: {HOST}' http://{BALANCER}/"
    return lab.on("client", "sh", "-c", f"rm -f {ENOUGH}; until [ -e {ENOUGH} ]; do {one}; done")


def test_haproxy_that_dies_is_started_again(lab, shop):
    shop()
    lab.until(lambda: ask(lab))
    lab.on("balancer", "pkill", "-KILL", "-o", "haproxy")
    lab.until(lambda: ask(lab), why="nobody started HAProxy again")
