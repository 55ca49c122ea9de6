"""The second IP family: chosen once, refused while a lab without it runs, and given to a cluster of one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from labs import addons, dualstack, proxyconfig
from labs.config import Home
from labs.errors import LabError
from labs.kube.client import Client
from labs.kube.local import LocalServer
from labs.readiness import EXAMPLE, Watched
from labs.readiness import asked as questions
from vm.inventory import Inventory
from vm.plan import plan

ONE, TWO = plan(1), plan(1, dual_stack=True)
CIDRS = "10.244.0.0/16,fd00:244::/48"


def test_the_choice_is_kept_in_the_state_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not dualstack.chosen(home, False)
    assert dualstack.chosen(home, True)
    dualstack.remember(home)
    assert dualstack.chosen(home, False)


def test_a_lab_of_one_family_that_runs_says_how_to_get_the_second(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="a lab with IPv4 only runs already") as caught:
        dualstack.require_running(Inventory(ONE, "", {}, tmp_path), True)
    assert caught.value.cure == "`lab down`, then `lab up --dual-stack`; the objects stay"
    for there, wanted in ((ONE, False), (TWO, False), (TWO, True)):
        dualstack.require_running(Inventory(there, "", {}, tmp_path), wanted)


def test_objects_of_a_dual_stack_cluster_know_both_ranges() -> None:
    made = addons.with_families(addons.manifests("kube-proxy"), TWO.pod_cidrs)
    (text,) = [obj["data"]["config"] for obj in made if "config" in obj.get("data", {})]
    assert proxyconfig.cluster_cidr_of(text) == CIDRS
    example = addons.with_families(addons.manifests("example"), TWO.pod_cidrs)
    assert example[-1]["spec"]["ipFamilyPolicy"] == "PreferDualStack"


@pytest.mark.parametrize("name", addons.ADDONS)
def test_objects_of_a_cluster_of_one_family_are_as_they_are_written(name: str) -> None:
    assert addons.with_families(addons.manifests(name), ONE.pod_cidrs) == addons.manifests(name)


def test_both_families_are_asked_for_an_answer() -> None:
    assert questions(TWO, "IPv6", "fd00:96::7", 31103) == [
        ("worker-1", "ClusterIP in IPv6", "http://[fd00:96::7]/"),
        ("client", "NodePort in IPv6", "http://[fd00:56::11]:31103/"),
    ]
    assert [url for _, _, url in questions(TWO, "IPv4", "10.96.0.7", 31103)] == [
        "http://10.96.0.7/",
        "http://192.168.56.11:31103/",
    ]


def proxy(name: str) -> dict[str, Any]:
    """A kube-proxy pod that was started after any restart of a test."""
    metadata = {
        "name": name,
        "namespace": "kube-system",
        "labels": {"k8s-app": "kube-proxy"},
        "annotations": {"kubectl.kubernetes.io/restartedAt": "9999"},
    }
    spec = {"hostNetwork": True, "containers": [{"name": "kube-proxy", "image": "kube-proxy"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def single(client: Client) -> None:
    """What a cluster of one family has, with proxies that are ready."""
    await addons.ensure(client, "iptables")
    for name in ("kube-proxy-a", "kube-proxy-b"):
        await client.create(proxy(name))
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        await client.patch("Pod", name, "kube-system", ready, subresource="status")


async def grown(kubeconfig: Path, own: str = "") -> tuple[list[bool], str, str, bool]:
    """Whether there was something to do, twice; then the configuration, the policy, whether it restarted."""
    async with Watched.at(kubeconfig) as watched:
        client = watched.client
        await single(client)
        if own:
            text = addons.manifests("kube-proxy")[1]["data"]["config"].replace("10.244.0.0/16", own)
            await client.patch("ConfigMap", "kube-proxy-config", "kube-system", {"data": {"config": text}})
        did = [await dualstack.grow(watched, each) for each in (ONE, TWO, TWO)]
        config = await client.get("ConfigMap", "kube-proxy-config", "kube-system")
        service = await client.get("Service", "appname-backend-svc", EXAMPLE)
        daemonset = await client.get("DaemonSet", "kube-proxy", "kube-system")
        restarted = "annotations" in daemonset["spec"]["template"]["metadata"]
        return did, config["data"]["config"], service["spec"]["ipFamilyPolicy"], restarted


def test_a_cluster_of_one_family_gets_the_second_once(tmp_path: Path) -> None:
    with LocalServer(tmp_path) as server:
        did, text, policy, restarted = asyncio.run(grown(server.kubeconfig))
    assert did == [False, True, False]
    assert (proxyconfig.cluster_cidr_of(text), policy, restarted) == (CIDRS, "PreferDualStack", True)


def test_a_configuration_of_the_operators_own_is_left_alone(tmp_path: Path) -> None:
    with LocalServer(tmp_path) as server:
        did, text, policy, restarted = asyncio.run(grown(server.kubeconfig, "10.0.0.0/8"))
    assert not any(did)
    assert (proxyconfig.cluster_cidr_of(text), policy, restarted) == ("10.0.0.0/8", "SingleStack", False)
