"""`lab mode` on a real cluster: every mode that a namespace can run answers, and the others leave nothing."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import kill
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"
NODES = ("control-1", "worker-1", "worker-2")
MODES = ("userspace", "nftables", "iptables")  # ipvs has no place in a user namespace: tests/live/ipvs
NODE_PORT = 31103
NODE_PORTS = [f"192.168.56.{last}:{NODE_PORT}" for last in (10, 11, 12)]
LOAD = Path(__file__).with_name("new_connections.py")
RATE, SECONDS = 100, 20.0  # connections a second, from inside and from outside each

SHOWS = {  # what can be seen of a mode on a node, in what SEE prints there
    "userspace": re.compile(rf"^:KUBE-(PORTALS|NODEPORT-(HOST|CONTAINER|NON))|^LISTEN .*:{NODE_PORT} ", re.M),
    "iptables": re.compile(r"^:KUBE-(SERVICES|SVC-|SEP-|EXT-|POSTROUTING|MARK-MASQ|PROXY-CANARY)", re.M),
    "ipvs": re.compile(r"^create KUBE-|kube-ipvs0|^:KUBE-(LOAD-BALANCER|NODE-PORT|IPVS-FILTER)", re.M),
    "nftables": re.compile(r"^table ip6? kube-proxy", re.M),
}
SEE = "iptables-save; ip6tables-save; nft list tables; ipset save; ss -Hlnt; ip -brief link"


@pytest.fixture(scope="module")
def modes(lab) -> Iterator[Callable[..., str]]:
    """`lab mode …`; afterwards the lab that others use has its own again."""
    yield lambda *argv: lab("mode", *argv)
    lab("mode", "iptables")


def seen_on(lab, node: str) -> list[str]:
    """The modes of which something is there."""
    text = lab.reads(node, f"({SEE}) 2>/dev/null; true")
    return [mode for mode, shows in SHOWS.items() if shows.search(text)]


def cluster_ip(lab) -> str:
    return str(lab.kubectl("get", "svc", "-n", NAMESPACE, "-o", "jsonpath={.items[0].spec.clusterIP}"))


def asks(lab, machine: str, *urls: str) -> list[str]:
    """Which pod answers each of these there."""
    argv = ["curl", "--silent", "--show-error", "--fail", "--max-time", "10", *urls]
    return [line.split()[0] for line in lab.on(machine, *argv).splitlines()]


def everybody_is_answered(lab) -> None:
    """A node and a pod by ClusterIP, a client by NodePort on every node, also where no pod runs."""
    pods = [pod["metadata"]["name"] for pod in lab.objects("pod", "-n", NAMESPACE)]
    service = f"http://{cluster_ip(lab)}/"
    answers = asks(lab, "worker-1", service, service) + asks(lab, pods[0], service)
    answers += asks(lab, "client", *(f"http://{each}/" for each in NODE_PORTS))
    assert len(answers) == 3 + len(NODES)
    assert set(answers) <= set(pods)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_answers_everybody_and_nothing_of_another_is_left(lab, modes, mode):
    printed = modes(mode)
    assert f"Every node's kube-proxy runs in {mode} mode." in printed
    everybody_is_answered(lab)
    assert {node: seen_on(lab, node) for node in NODES} == {node: [mode] for node in NODES}


def test_an_operator_s_own_way_does_the_same_and_kube_proxy_is_seen_listening(lab, modes):
    text = lab.kubectl("-n", "kube-system", "get", "cm", "kube-proxy-config", "-o", "yaml")
    lab.kubectl("apply", "-f", "-", text=re.sub(r"mode: \S+", "mode: userspace", text))
    lab.kubectl("-n", "kube-system", "rollout", "restart", "daemonset", "kube-proxy")
    lab.kubectl("-n", "kube-system", "rollout", "status", "daemonset", "kube-proxy")
    assert [line.split()[1] for line in modes().splitlines()[1:4]] == ["userspace"] * 3
    everybody_is_answered(lab)
    assert re.search(rf"LISTEN .*:{NODE_PORT} .*\"kube-proxy\"", lab.on("worker-1", "ss", "-lntp"))
    assert re.search(rf":{NODE_PORT} +\S+ +LISTEN +\d+/kube-proxy", lab.on("worker-1", "netstat", "-anp")), (
        "as in the article"
    )


def test_nodes_run_modes_side_by_side(lab, modes):
    modes("nftables")
    printed = modes("iptables", "--node", "worker-2")
    assert "kube-proxy on worker-2 has finished its first sync" in printed
    assert [seen_on(lab, node) for node in NODES] == [["nftables"], ["nftables"], ["iptables"]]
    everybody_is_answered(lab)
    rows = [line.split() for line in modes().splitlines()[1:4]]
    assert rows == [["control-1", "nftables"], ["worker-1", "nftables"], ["worker-2", "iptables"]]


def test_new_connections_find_somebody_while_the_mode_changes_to_and_fro(lab, modes, record_property):
    modes("iptables")
    places = {"client": NODE_PORTS, "worker-1": [f"{cluster_ip(lab)}:80"]}
    argv = [sys.executable, "-P", str(LOAD), str(RATE), str(SECONDS)]
    loads = [lab.begin("shell", machine, "--", *argv, *to) for machine, to in places.items()]
    modes("nftables")
    modes("iptables")
    said = [load.communicate(timeout=90) for load in loads]
    assert [load.returncode for load in loads] == [0, 0], said
    found = [json.loads(out) for out, _ in said]
    answered = sum(each["answered"] for each in found)
    failed = sum(sum(each["failed"].values()) for each in found)
    again = sum(each["syns again"] for each in found)
    record_property(
        "figure",
        f"iptables → nftables → iptables under load: {answered + failed} new connections in"
        f" {max(each['seconds'] for each in found)} s, {failed} failed, {again} SYNs sent again;"
        " the 2 open ones stayed",
    )
    assert failed == 0, found
    assert answered >= 0.8 * 2 * RATE * SECONDS, "the load itself kept up"


def test_a_switch_that_is_cut_off_by_a_kill_still_ends_in_one_mode(lab, modes):
    modes("iptables")
    before = lab.pid("kube-proxy", on="worker-1")
    switch = lab.begin("mode", "nftables")
    killed = []

    def new() -> bool:
        with suppress(AssertionError, ProcessLookupError):
            pid = lab.pid("kube-proxy", on="worker-1")
            if pid != before:
                kill(pid, signal.SIGKILL)
                killed.append(pid)
        return bool(killed)

    lab.until(new)
    out, err = switch.communicate(timeout=90)
    assert switch.returncode == 0, out + err
    assert [seen_on(lab, node) for node in NODES] == [["nftables"]] * 3
    everybody_is_answered(lab)


def test_a_lab_begins_with_kube_proxy_as_it_was_made_whatever_was_done_to_it(lab, modes):
    for argv in (
        ("delete", "cm", "kube-proxy-config"),
        ("delete", "sa", "kube-proxy"),
        ("patch", "ds", "kube-proxy", "-p", '{"spec":{"template":{"spec":{"nodeSelector":{"no":"where"}}}}}'),
    ):
        lab.kubectl("-n", "kube-system", *argv)
    begin = "import sys; from labs import modes, show; modes.begin('iptables', show.Progress(sys.stdout))"
    beginning = type(lab)(lab.home, (sys.executable, "-P", "-c"))
    assert "runs in iptables mode on every node" in beginning(begin)
    assert [seen_on(lab, node) for node in NODES] == [["iptables"]] * 3
    assert beginning(begin).count("\n") == 1, "nothing is done where nothing is to be done"
