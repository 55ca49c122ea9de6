"""Where the EndpointSlices lead a packet: to an endpoint nearby, or out of the cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
AUTO = {"service.kubernetes.io/topology-mode": "Auto"}
ASKED = 12  # by chance all of them hit one of two endpoints once in 2,000 times


@pytest.fixture
def served(lab) -> Iterator[Callable[..., str]]:
    """Make the Service `near`; its address."""

    def make(annotations: dict[str, str] | None = None, **spec: object) -> str:
        metadata = {"name": "near", "namespace": NAMESPACE, "annotations": annotations or {}}
        spec = {"ports": [{"port": 80, "targetPort": 3001}], **spec}
        made = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        lab.kubectl("apply", "-f", "-", text=json.dumps(made))
        return lab.kubectl("get", "service", "near", "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")

    yield make
    for kind in ("service", "endpoints"):
        lab.kubectl("delete", kind, "near", "-n", NAMESPACE, "--ignore-not-found")


def answering(lab, machine: str, address: str) -> set[str]:
    """The nodes of the pods that answer some requests made on a machine."""
    script = f"for i in $(seq {ASKED}); do curl -s -m 3 http://{address}/; done"
    done = lab.run("shell", machine, "--", "sh", "-c", script)
    return {line.split()[0].removeprefix("on-") for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("annotations", "spec"),
    [
        ({}, {"trafficDistribution": "PreferSameZone"}),
        ({}, {"trafficDistribution": "PreferSameNode"}),
        (AUTO, {}),
    ],
)
def test_a_request_stays_in_its_zone(lab, served, on_each_worker, annotations, spec):
    address = served(annotations, selector=on_each_worker, **spec)
    for machine in ("worker-1", "worker-2"):
        lab.until(lambda machine=machine: answering(lab, machine, address) == {machine})
    assert answering(lab, "control-1", address) == {"worker-1", "worker-2"}
    if annotations:
        told = lab.kubectl("get", "events", "-n", NAMESPACE, "--field-selector", "involvedObject.name=near")
        assert "Topology Aware Hints has been enabled, addressType: IPv4" in told


def test_endpoints_written_by_hand_lead_to_a_machine_outside(lab, served):
    address = served()
    subset = {"addresses": [{"ip": "192.168.56.200"}], "ports": [{"port": 8080}]}
    metadata = {"name": "near", "namespace": NAMESPACE}
    made = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]}
    lab.kubectl("apply", "-f", "-", text=json.dumps(made))
    with listening(lab):
        ask = ("shell", "worker-1", "--", "curl", "-s", "-m", "3", f"http://{address}/")
        lab.until(lambda: "outside" in lab.run(*ask).stdout, why="the client does not answer")
    lab.kubectl("delete", "endpoints", "near", "-n", NAMESPACE)
    labels = "kubernetes.io/service-name=near"
    lab.until(lambda: not lab.objects("endpointslice", "-n", NAMESPACE, "-l", labels))


@contextmanager
def listening(lab) -> Iterator[None]:
    """A web server on the client, whose page is one word."""
    prepare = "mkdir -p /tmp/page && echo outside > /tmp/page/index.html && "
    serve = "setsid python3 -m http.server -d /tmp/page 8080 >/dev/null 2>&1 & echo $!"
    pid = lab.on("client", "sh", "-c", prepare + serve).strip()
    try:
        yield
    finally:
        lab.on("client", "kill", pid)
