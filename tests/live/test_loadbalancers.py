"""Addresses of Services of type LoadBalancer, asked by those outside the cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
SECONDS = "3"


@pytest.fixture
def exposed(lab) -> Iterator[Callable[..., dict]]:
    """Make the Service `balanced` in front of the example's pods, and wait for its address."""

    def expose(annotations: dict[str, str] | None = None, **spec: object) -> dict:
        made = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "balanced", "namespace": NAMESPACE, "annotations": annotations or {}},
            "spec": {
                "type": "LoadBalancer",
                "selector": {"app": "appname-backend"},
                "ports": [{"port": 80, "targetPort": 3001}],
                **spec,
            },
        }
        lab.kubectl("apply", "-f", "-", text=json.dumps(made))
        lab.until(lambda: ip_of(service(lab)), why="no address was given")
        return service(lab)

    yield expose
    lab.kubectl("delete", "service", "balanced", "-n", NAMESPACE, "--ignore-not-found", "--timeout=20s")


def service(lab) -> dict:
    return json.loads(lab.kubectl("get", "service", "balanced", "-n", NAMESPACE, "-o", "json"))


def ip_of(made: dict) -> str:
    entries = made["status"]["loadBalancer"].get("ingress", [])
    return entries[0]["ip"] if entries else ""


def answers(lab, machine: str, url: str) -> bool:
    done = lab.run("shell", machine, "--", "curl", "-s", "-m", SECONDS, url)
    return done.returncode == 0 and "appname-backend-" in done.stdout


def test_client_and_balancer_reach_the_address_until_the_service_is_another_type(lab, exposed):
    ip = ip_of(exposed())
    url = f"http://{ip}/"
    for machine in ("client", "balancer"):
        lab.until(lambda machine=machine: answers(lab, machine, url))
    assert f" {ip} " in lab.kubectl("get", "service", "balanced", "-n", NAMESPACE)
    lab.kubectl("patch", "service", "balanced", "-n", NAMESPACE, "-p", '{"spec":{"type":"ClusterIP"}}')
    lab.until(lambda: not answers(lab, "client", url))
    lab.until(lambda: not service(lab)["metadata"].get("finalizers"))


def test_source_ranges_let_the_balancer_in_and_not_the_client(lab, exposed):
    url = f"http://{ip_of(exposed(loadBalancerSourceRanges=['192.168.56.201/32']))}/"
    lab.until(lambda: answers(lab, "balancer", url))
    assert not answers(lab, "client", url)


def test_an_address_that_a_proxy_answers_for_is_no_business_of_the_nodes(lab, exposed):
    made = exposed({"kube-proxy-lab/ip-mode": "Proxy"})
    ip = ip_of(made)
    port = made["spec"]["ports"][0]["nodePort"]
    lab.until(lambda: answers(lab, "client", f"http://192.168.56.11:{port}/"))
    assert ip not in lab.on("worker-1", "iptables-save", "-t", "nat")
    assert not answers(lab, "client", f"http://{ip}/")


def test_the_health_check_port_tells_which_nodes_have_a_pod(lab, exposed, on_each_worker):
    made = exposed(externalTrafficPolicy="Local", selector=on_each_worker)
    port = made["spec"]["healthCheckNodePort"]

    def code(node: str) -> str:
        url = f"http://{node}:{port}/"
        done = lab.run(
            "shell",
            "balancer",
            "--",
            "curl",
            "-s",
            "-m",
            SECONDS,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            url,
        )
        return done.stdout

    for node, expected in (("worker-1", "200"), ("worker-2", "200"), ("control-1", "503")):
        lab.until(
            lambda node=node, expected=expected: code(node) == expected, why=f"{node} is not {expected}"
        )
    ip = ip_of(made)
    lab.until(
        lambda: "client=192.168.56.200" in lab.on("client", "curl", "-s", "-m", SECONDS, f"http://{ip}/")
    )
