"""`lab up --dual-stack` by an ordinary user: IPv6 beside IPv4 for nodes, pods and Services, in three modes.

The lab begins with IPv4 only, so that the way from there is tried, too. As root the ordinary user is
`nobody`, through runuser; otherwise it is whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from vm import doctor
from vm.errors import HostCannot

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
AS_USER = ("runuser", "-u", "nobody", "--") if os.geteuid() == 0 else ()
NODES = ["192.168.56.10 fd00:56::10", "192.168.56.11 fd00:56::11", "192.168.56.12 fd00:56::12"]
PODS6, SERVICES6 = ip_network("fd00:244::/48"), ip_network("fd00:96::/112")
NODE6 = {"control-1": "fd00:56::10", "worker-1": "fd00:56::11", "worker-2": "fd00:56::12"}
CURL = "curl --silent --show-error --fail --max-time 5"
OBJECTS = """
apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: alone}}
spec:
  nodeName: worker-2
  containers: [{name: echo, image: echo, args: [--http, "80", --udp, "53"]}]
---
apiVersion: v1
kind: Service
metadata: {name: six}
spec:
  ipFamilies: [IPv6]
  selector: {app: alone}
  ports: [{name: http, port: 80}, {name: udp, port: 53, protocol: UDP}]
"""


def refused_while_one_family_runs(lab) -> None:
    done = lab.run("up", "--dual-stack")
    assert (done.returncode, "a lab with IPv4 only runs already" in done.stderr) == (1, True)
    assert "`lab down`, then `lab up --dual-stack`" in done.stderr


@pytest.fixture(scope="module")
def dual(lab_of, host) -> Iterator:
    """A lab that began with IPv4, got IPv6 at its second start, and leaves nothing behind."""
    try:
        doctor.require_dual_stack()
    except HostCannot as error:
        pytest.skip(f"{error}; {error.cure}")
    folder = Path(tempfile.mkdtemp(prefix="kube-proxy-lab-", dir="/var/tmp"))
    if AS_USER:
        shutil.chown(folder, "nobody")
    own = lab_of(folder / "home", (*AS_USER, sys.executable, "-P", "-m", "labs.cli"), {"HOME": str(folder)})
    before = host(own.home)
    try:
        own("up", timeout=120)
        refused_while_one_family_runs(own)
        own("down")
        own("up", "--dual-stack", timeout=120)
        own.kubectl("apply", "-f", "-", text=OBJECTS)
        own.kubectl("wait", "--for=condition=Ready", "pod/alone", "--timeout=60s")
        yield own
        own("down", "--purge")
        assert list(own.home.iterdir()) == []
        assert host(own.home) == before
    finally:
        own.run("down", "--purge")
        shutil.rmtree(folder)


def shown(lab, kind: str, path: str, *more: str) -> list[str]:
    """A value of each object of a kind."""
    words = f"{{range .items[*]}}{{{path}}}{{'\\n'}}{{end}}".replace("'", '"')
    return lab.kubectl("get", kind, *more, "-o", f"jsonpath={words}").splitlines()


def pods(lab) -> dict[str, tuple[str, str]]:
    """The example's pods: name → node, IPv6 address."""
    rows = shown(lab, "pods", ".metadata.name} {.spec.nodeName} {.status.podIPs[1].ip", "-n", NAMESPACE)
    return {name: (node, address) for name, node, address in map(str.split, rows)}


def cluster_ips(lab, name: str, *where: str) -> list[str]:
    return list(json.loads(lab.kubectl("get", "svc", name, *where, "-o", "jsonpath={.spec.clusterIPs}")))


def answers(text: str) -> list[tuple[str, str]]:
    """(pod, client's address) of each line of echo's answers."""
    return [(words[0], words[1].removeprefix("client=")) for words in map(str.split, text.splitlines())]


def test_everything_has_an_address_in_both_families(dual):
    assert shown(dual, "nodes", '.status.addresses[?(@.type=="InternalIP")].address') == NODES
    for first, second in map(str.split, shown(dual, "nodes", ".spec.podCIDRs[0]} {.spec.podCIDRs[1]")):
        assert (first.startswith("10.244."), ip_network(second).subnet_of(PODS6)) == (True, True)
    for node, address in pods(dual).values():
        assert f"fd00:244:0:{node[-1]}::" in address
    proxies = shown(dual, "pods", ".status.podIPs[*].ip", "-n", "kube-system", "-l", "k8s-app=kube-proxy")
    assert sorted(proxies) == NODES
    example, api = cluster_ips(dual, "appname-backend-svc", "-n", NAMESPACE), cluster_ips(dual, "kubernetes")
    assert (len(example), ip_address(example[1]) in SERVICES6, api) == (2, True, ["10.96.0.1"])
    kinds = Counter(shown(dual, "endpointslices", ".addressType", "-n", NAMESPACE))
    assert kinds == {"IPv4": 1, "IPv6": 1}


def test_the_status_shows_both_families(dual):
    machines = {each["name"]: each for each in json.loads(dual("status", "--json"))["machines"]}
    assert (machines["worker-1"]["address6"], machines["client"]["podCIDR6"]) == ("fd00:56::11", "–")


def test_names_have_addresses_of_both_families(dual):
    names = f"getent ahostsv6 six; getent ahostsv4 appname-backend-svc.{NAMESPACE}; {CURL} http://six/"
    words = [line.split()[0] for line in dual.on("default/alone", "sh", "-c", names).splitlines()]
    expected = {
        *cluster_ips(dual, "six"),
        cluster_ips(dual, "appname-backend-svc", "-n", NAMESPACE)[0],
        "alone",
    }
    assert set(words) == expected
    assert "fd00:56::12" in dual.on("client", "getent", "ahostsv6", "worker-2")


@dataclass(frozen=True)
class Asked:
    """Who is asked by IPv6: the example's pods and its ClusterIP, and that of the Service `six`."""

    pods: dict[str, tuple[str, str]]
    web: str
    six: str


@pytest.fixture(scope="module")
def asked(dual) -> Asked:
    example = cluster_ips(dual, "appname-backend-svc", "-n", NAMESPACE)
    return Asked(pods(dual), f"http://[{example[1]}]/", f"http://[{cluster_ips(dual, 'six')[0]}]/")


def each(*urls: str) -> str:
    """A script that asks for each of these on a connection of its own."""
    return f"for url in {' '.join(urls)}; do {CURL} $url; done"


@pytest.mark.parametrize("mode", ["iptables", "nftables", "userspace"])
def test_services_answer_by_ipv6_and_see_who_asks_as_far_as_the_mode_lets_them(dual, asked, mode):
    dual("mode", mode)
    (name, (node, own)), (other, (_, far)) = asked.pods.items()
    # From a node: to each backend, from the node's own address.
    *web, six = answers(dual.on("worker-1", "sh", "-c", each(*[asked.web] * 16, asked.six)))
    assert {pod for pod, _ in web} == {name, other}
    assert six == ("alone", NODE6["worker-1"])
    # From outside: NodePorts of every node, in a node's name, also where no backend runs.
    urls = (f"http://[{address}]:31103/" for address in NODE6.values())
    outside = answers(dual.on("client", "sh", "-c", each(*urls)))
    assert (len(outside), {pod for pod, _ in outside} <= {name, other}) == (3, True)
    assert {client for _, client in outside} <= set(NODE6.values())
    # From a pod: its own address, but where a relay asks for it; to another pod it always is.
    udp = f"exec 3<>/dev/udp/{asked.six[8:-2]}/53; printf x >&3; timeout 5 head -n 1 <&3"
    script = f"{each(asked.six, f'http://[{far}]:3001/')}; {udp}"
    seen = NODE6[node] if mode == "userspace" else own
    found = answers(dual.on(f"{NAMESPACE}/{name}", "bash", "-c", script))
    assert found == [("alone", seen), (other, own), ("alone", seen)]
    # From a pod to itself: masqueraded, or it would answer itself past the node.
    assert answers(dual.on("default/alone", "sh", "-c", each(asked.six))) == [("alone", NODE6["worker-2"])]
