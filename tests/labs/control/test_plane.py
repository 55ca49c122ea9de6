"""The loops against the real API server, with real kubectl; only the nodes' part is played."""

import asyncio
import itertools
import json
import logging
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest

from labs.control import nodes, plane
from labs.control.conditions import holds
from labs.control.moments import now, stamp
from labs.kube.client import ApiError, Client
from labs.kube.informer import Informer
from labs.kube.local import LocalServer
from vm import kubectl

NODES = {"control-1": "", "worker-1": "zone-a", "worker-2": "zone-b"}
CONTROL_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


class Kubelets:
    """All nodes: pods bound to them become ready, pods being deleted end."""

    def __init__(self, client):
        self.client = client
        self.informer = Informer(client, "Pod", on_change=self._changed)
        self.tasks = set()
        self.addresses = itertools.count(2)
        self.silent = set()  # nodes whose agent says nothing

    async def register(self):
        for name, zone in NODES.items():
            labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
            node["spec"] = {"taints": [CONTROL_TAINT]} if name == "control-1" else {}
            await self.client.create(node)
            status = {"status": {"conditions": [ready]}}
            await self.client.patch("Node", name, "", status, subresource="status")
            metadata = {"name": name, "namespace": "kube-node-lease"}
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
            await self.client.create({**lease, "spec": {"renewTime": now().isoformat()}})

    async def beat(self, interval=1.0):
        """Renew the Leases of all nodes that are not silent."""
        while True:
            for name in NODES.keys() - self.silent:
                patch = {"spec": {"renewTime": now().isoformat()}}
                with suppress(ApiError):  # a node whose API server is away tries again
                    await self.client.patch("Lease", name, "kube-node-lease", patch)
            await asyncio.sleep(interval)

    def _changed(self, old, new):
        if new is None or not new["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in new["metadata"]:
            self._start(self._end(new))
        elif not new.get("status", {}).get("podIP"):
            self._start(self._run(new))

    def _start(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, pod):
        serial = next(self.addresses)
        address = f"10.244.{serial // 250}.{serial % 250}"
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(now())}
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [condition],
        }
        await self._patch(pod, {"status": status})

    async def set_ready(self, pod, ready):
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(now())}
        await self._patch(pod, {"status": {"conditions": [condition]}})

    async def _patch(self, pod, patch):
        metadata = pod["metadata"]
        try:
            await self.client.patch(
                "Pod", metadata["name"], metadata["namespace"], patch, subresource="status"
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _end(self, pod):
        metadata = pod["metadata"]
        try:
            await self.client.delete(
                "Pod", metadata["name"], metadata["namespace"], grace=0, uid=metadata["uid"]
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise


class Cluster:
    """What a test holds: the client, the nodes, and kubectl."""

    def __init__(self, client, kubelets, kubectl):
        self.client, self.kubelets, self._kubectl = client, kubelets, kubectl

    async def kubectl(self, *words):
        process = await asyncio.create_subprocess_exec(
            *self._kubectl, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {error.decode()}")
        return out.decode()

    async def deploy(self, name="web", replicas=2, image="echo:1", **spec):
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "echo", "image": image}]},
        }
        selector = {"matchLabels": {"app": name}}
        made = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
        }
        return await self.client.create(made)

    async def expose(self, name="web"):
        ports = [{"port": 80, "targetPort": 3001}]
        metadata = {"name": name, "namespace": "default"}
        spec = {"selector": {"app": name}, "ports": ports}
        await self.client.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    async def pods(self, labels="app=web"):
        return (await self.client.list("Pod", "default", labels=labels))["items"]

    async def ready_pods(self, labels="app=web"):
        return [pod for pod in await self.pods(labels) if holds(pod, "Ready")]

    async def endpoints(self, name="web"):
        labels = f"kubernetes.io/service-name={name}"
        slices = (await self.client.list("EndpointSlice", "default", labels=labels))["items"]
        return {
            entry["addresses"][0]: entry["conditions"]["ready"]
            for found in slices
            for entry in found.get("endpoints") or ()
        }


async def until(question, seconds=8.0):
    """Ask until the answer is true; the last answer otherwise fails the test."""
    end = time.monotonic() + seconds
    while True:
        answer = await question()
        if answer or time.monotonic() > end:
            assert answer
            return answer
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(server):
    async with Client.from_token(server.url, server.token, server.config.ca) as client:
        kubelets = Kubelets(client)
        await kubelets.register()
        actors = (kubelets.informer.run(), kubelets.beat(), plane.run(client))
        tasks = [asyncio.create_task(actor) for actor in actors]
        words = (str(kubectl.find()), f"--kubeconfig={server.kubeconfig}", f"--cache-dir={server.home}/cache")
        try:
            yield Cluster(client, kubelets, words)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def server(tmp_path):
    with LocalServer(tmp_path) as found:
        yield found


@pytest.fixture
async def cluster(server):
    async with running(server) as found:
        yield found


async def test_a_deployment_becomes_pods_on_both_workers(cluster):
    await cluster.deploy(replicas=4)
    pods = await until(lambda: _enough(cluster, 4))
    nodes = sorted(pod["spec"]["nodeName"] for pod in pods)
    assert nodes == ["worker-1", "worker-1", "worker-2", "worker-2"]


async def _enough(cluster, count):
    pods = await cluster.ready_pods()
    return pods if len(pods) == count else []


async def test_readiness_shows_in_the_slice_and_in_endpoints(cluster):
    await cluster.expose()
    await cluster.deploy(replicas=2)
    assert await until(lambda: _all_ready(cluster, 2))
    pod = (await cluster.ready_pods())[0]
    await cluster.kubelets.set_ready(pod, False)

    async def left():
        return (await cluster.endpoints())[pod["status"]["podIP"]] is False

    assert await until(left)

    async def split():
        found = await cluster.client.get("Endpoints", "web", "default")
        entries = [entry for part in found.get("subsets", ()) for entry in part.get("notReadyAddresses", ())]
        return [entry["ip"] for entry in entries] == [pod["status"]["podIP"]]

    assert await until(split)


async def _all_ready(cluster, count):
    found = await cluster.endpoints()
    return len(found) == count and all(found.values())


async def test_kubectl_follows_a_rollout_and_takes_it_back(cluster):
    await cluster.deploy(replicas=3)
    assert "successfully rolled out" in await cluster.kubectl("rollout", "status", "deploy/web")
    await cluster.kubectl("set", "image", "deploy/web", "echo=echo:2")
    assert "successfully rolled out" in await cluster.kubectl("rollout", "status", "deploy/web")
    await cluster.kubectl("rollout", "undo", "deploy/web")
    await cluster.kubectl("rollout", "status", "deploy/web")
    history = await cluster.kubectl("rollout", "history", "deploy/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["2", "3"]
    images = {pod["spec"]["containers"][0]["image"] for pod in await until(lambda: _enough(cluster, 3))}
    assert images == {"echo:1"}


async def test_restart_replaces_every_pod(cluster):
    await cluster.deploy(replicas=2)
    before = {pod["metadata"]["uid"] for pod in await until(lambda: _enough(cluster, 2))}
    await cluster.kubectl("rollout", "restart", "deploy/web")
    await cluster.kubectl("rollout", "status", "deploy/web")
    after = {pod["metadata"]["uid"] for pod in await until(lambda: _enough(cluster, 2))}
    assert not before & after


async def test_deleting_a_deployment_takes_everything_with_it(cluster):
    await cluster.deploy(replicas=2)
    assert await until(lambda: _enough(cluster, 2))
    await cluster.kubectl("delete", "deploy", "web")

    async def empty():
        sets = (await cluster.client.list("ReplicaSet", "default"))["items"]
        return not sets and not await cluster.pods()

    assert await until(empty)


@pytest.mark.parametrize(("policy", "remain"), [("foreground", 0), ("orphan", 2)])
async def test_cascades_of_kubectl_delete(cluster, policy, remain):
    await cluster.deploy(replicas=2)
    assert await until(lambda: _enough(cluster, 2))
    await cluster.kubectl("delete", "deploy", "web", f"--cascade={policy}", "--timeout=8s")
    assert len(await cluster.pods()) == remain


async def test_a_namespace_goes_with_its_contents(cluster):
    await cluster.kubectl("create", "namespace", "shop")
    await cluster.kubectl("create", "deployment", "web", "--image=echo", "-n", "shop")
    await cluster.kubectl("rollout", "status", "deploy/web", "-n", "shop")
    await cluster.kubectl("delete", "namespace", "shop", "--timeout=8s")
    with pytest.raises(ApiError, match="not found"):
        await cluster.client.get("Namespace", "shop")


async def test_a_daemonset_runs_once_a_node_and_rolls_and_comes_back(cluster):
    labels = {"k8s-app": "kube-proxy"}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "hostNetwork": True,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "kube-proxy", "image": "kube-proxy:1"}],
        },
    }
    metadata = {"name": "kube-proxy", "namespace": "default"}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    await cluster.client.create(
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    )
    await cluster.kubectl("rollout", "status", "ds/kube-proxy")
    pods = await cluster.ready_pods("k8s-app=kube-proxy")
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == sorted(NODES)
    await cluster.kubectl("set", "image", "ds/kube-proxy", "kube-proxy=kube-proxy:2")
    await cluster.kubectl("rollout", "status", "ds/kube-proxy")
    await cluster.kubectl("rollout", "undo", "ds/kube-proxy")
    await cluster.kubectl("rollout", "status", "ds/kube-proxy")
    history = await cluster.kubectl("rollout", "history", "ds/kube-proxy")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["2", "3"]
    images = {pod["spec"]["containers"][0]["image"] for pod in await cluster.pods("k8s-app=kube-proxy")}
    assert images == {"kube-proxy:1"}


async def test_a_pod_that_fits_nowhere_says_why_and_goes_where_a_node_opens(cluster):
    await cluster.kubectl(
        "run", "picky", "--image=echo", '--overrides={"spec":{"nodeSelector":{"disk":"ssd"}}}'
    )

    async def why():
        pod = await cluster.client.get("Pod", "picky", "default")
        found = [entry for entry in pod["status"].get("conditions") or () if entry["type"] == "PodScheduled"]
        return found[0]["message"] if found else ""

    message = await until(why)
    assert message.startswith("0/3 nodes are available: 1 node(s) had untolerated taint")

    async def told():
        return "FailedScheduling" in await cluster.kubectl("get", "events")

    assert await until(told)
    await cluster.kubectl("label", "node", "worker-2", "disk=ssd")

    async def bound():
        return (await cluster.client.get("Pod", "picky", "default"))["spec"].get("nodeName") == "worker-2"

    assert await until(bound)


async def test_a_pod_taken_from_its_workload_is_replaced_and_let_go(cluster):
    await cluster.deploy(replicas=2)
    pod = (await until(lambda: _enough(cluster, 2)))[0]
    await cluster.kubectl("label", "pod", pod["metadata"]["name"], "app=other", "--overwrite")
    assert await until(lambda: _enough(cluster, 2))

    async def free():
        found = await cluster.client.get("Pod", pod["metadata"]["name"], "default")
        return not found["metadata"].get("ownerReferences")

    assert await until(free)


async def test_events_tell_what_was_done(cluster):
    await cluster.deploy(replicas=1)
    assert await until(lambda: _enough(cluster, 1))

    async def reasons():
        found = json.loads(await cluster.kubectl("get", "events", "-o", "json"))["items"]
        return {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled"} <= {event["reason"] for event in found}

    assert await until(reasons)


async def test_a_silent_node_loses_its_pods_from_the_service_until_it_speaks(cluster, monkeypatch):
    await cluster.expose()
    await cluster.deploy(replicas=2)
    assert await until(lambda: _all_ready(cluster, 2))
    monkeypatch.setattr(nodes, "GRACE", 1.5)
    cluster.kubelets.silent.add("worker-1")
    await cluster.kubectl("label", "node", "worker-1", "looked=at")

    async def half():
        return sorted((await cluster.endpoints()).values()) == [False, True]

    assert await until(half)

    async def keys():
        node = await cluster.client.get("Node", "worker-1")
        return {(taint["key"], taint["effect"]) for taint in node["spec"].get("taints") or ()}

    unreachable = "node.kubernetes.io/unreachable"

    async def tainted():
        return await keys() == {(unreachable, "NoSchedule"), (unreachable, "NoExecute")}

    assert await until(tainted)
    cluster.kubelets.silent.clear()
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
    status = {"status": {"conditions": [{**ready, "lastHeartbeatTime": stamp(now())}]}}
    await cluster.client.patch("Node", "worker-1", "", status, subresource="status")

    async def free():
        return not await keys()

    assert await until(free)


async def test_pods_of_a_node_that_is_no_more_are_replaced(cluster, monkeypatch):
    await cluster.deploy(replicas=2)
    assert await until(lambda: _enough(cluster, 2))
    monkeypatch.setattr(nodes, "QUARANTINE", 0.2)
    await cluster.kubectl("delete", "node", "worker-1")

    async def moved():
        pods = await cluster.ready_pods()
        return [pod["spec"]["nodeName"] for pod in pods] == ["worker-2", "worker-2"]

    assert await until(moved)


async def test_when_the_server_comes_back_nothing_is_lost_and_nothing_is_made_twice(cluster, server, caplog):
    caplog.set_level(logging.CRITICAL)
    await cluster.expose()
    await cluster.deploy(replicas=3)
    await until(lambda: _all_ready(cluster, 3))
    before = {pod["metadata"]["uid"] for pod in await cluster.pods()}
    await asyncio.to_thread(server.__exit__)
    await asyncio.to_thread(server.__enter__)
    await cluster.kubectl("scale", "deploy/web", "--replicas=5")
    assert await until(lambda: _all_ready(cluster, 5))
    after = {pod["metadata"]["uid"] for pod in await cluster.pods()}
    assert before < after


async def test_fifty_pods_are_made_once_each_and_spread(cluster):
    await cluster.expose()
    await cluster.deploy(replicas=50)
    assert await until(lambda: _all_ready(cluster, 50), seconds=20)
    nodes = Counter(pod["spec"]["nodeName"] for pod in await cluster.pods())
    assert nodes == {"worker-1": 25, "worker-2": 25}
