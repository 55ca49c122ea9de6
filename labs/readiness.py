"""Waiting until a cluster is what it is said to be, and saying what is missing when it is not.

Only the first and the last step poll: the API until it answers, and the packet at the end. In between Nodes
and Pods are followed by informers, and a wait looks again whenever one of them changes.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

from labs.errors import LabError
from labs.kube.client import ApiError, Client, Object
from labs.kube.informer import Informer
from vm import inventory
from vm.errors import MachineError
from vm.inventory import Inventory
from vm.machine import Machine
from vm.plan import Plan

T = TypeVar("T")

DEADLINE = 60.0  # seconds a wait may take; a cluster is up in a few
EMULATED = 10  # times as long for virtual machines: their processors may be emulated
SLOW = "LAB_SLOW"  # in the environment: how many times as long, where the host itself is emulated
PAUSE = 0.02  # seconds between two looks where there is nothing to follow
EXAMPLE = "eks-dev-1-appname-ns"  # the namespace of labs/manifests/example.yaml

ASKED, DONE = (
    re.compile(
        rf'^kubeproxy_sync_proxy_rules_last_{which}timestamp_seconds{{ip_family="(\w+)"}}', re.MULTILINE
    )
    for which in ("queued_", "")
)
"""The families of which a sync was asked for, and was finished, in kube-proxy's metrics."""


class NotReady(LabError):
    """Something did not become ready in time."""

    def __init__(self, missing: Iterable[str], times: int = 1) -> None:
        super().__init__(
            f"not ready after {DEADLINE * times:g} s: {'; '.join(missing)}",
            "`lab kubectl get events -A` and the logs in the state folder (`lab status`) say why",
        )


class NotYet(Exception):
    """What is still missing, said by who looks for it."""


class Watched:
    """Nodes and Pods of a cluster, and waits for what they are to become."""

    def __init__(self, client: Client, times: int = 1) -> None:
        self.client, self.times = client, times
        self._changed = asyncio.Event()
        self.nodes = Informer(client, "Node", on_change=self._notice)
        self.pods = Informer(client, "Pod", on_change=self._notice)

    @classmethod
    @asynccontextmanager
    async def at(cls, kubeconfig: Path) -> AsyncIterator[Self]:
        """Follow the cluster of a kubeconfig while the block runs, once its API answers."""
        async with await Client.from_kubeconfig(kubeconfig) as client:
            times = slowness(kubeconfig)
            await _answers(client, times)
            watched = cls(client, times)
            following = asyncio.gather(watched.nodes.run(), watched.pods.run())
            try:
                await asyncio.gather(watched.nodes.synced.wait(), watched.pods.synced.wait())
                yield watched
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    async def until(self, missing: Callable[[], list[str]]) -> None:
        """Return when `missing()` is empty; raises NotReady with what it says after the deadline."""
        try:
            async with asyncio.timeout(DEADLINE * self.times):
                while missing():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotReady(missing(), self.times) from None

    def proxies(self) -> list[Object]:
        """The kube-proxy pods."""
        return self.pods_of("kube-system", {"k8s-app": "kube-proxy"})

    def backends(self) -> list[Object]:
        """The pods of the example backend."""
        return self.pods_of(EXAMPLE, {"app": "appname-backend"})

    async def replicas(self) -> int:
        """How many of them its Deployment asks for."""
        deployment = await self.client.get("Deployment", "appname-backend", EXAMPLE)
        return int(deployment["spec"]["replicas"])

    async def urls(self, plan: Plan) -> list[tuple[str, str, str]]:
        """(machine to ask from, what it asks, URL) of the example's ClusterIP and NodePort, by family."""
        spec = (await self.client.get("Service", "appname-backend-svc", EXAMPLE))["spec"]
        found = []
        for family, address in zip(spec["ipFamilies"], spec["clusterIPs"], strict=True):
            found += asked(plan, family, address, spec["ports"][0]["nodePort"])
        return found

    def pods_of(self, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """The pods of a namespace with these labels that are not on their way out."""
        return [
            pod
            for (place, _), pod in sorted(self.pods.objects.items())
            if place == namespace
            and labels.items() <= pod["metadata"].get("labels", {}).items()
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def _notice(self, _old: Object | None, _new: Object | None) -> None:
        self._changed.set()


def slowness(kubeconfig: Path) -> int:
    """How many times as long a wait may take there; the inventory beside the file says what machines."""
    if (told := os.environ.get(SLOW, "")).isdecimal():
        return max(1, int(told))
    with suppress(MachineError):
        known = inventory.load(kubeconfig.parent / "inventory.json")
        return EMULATED if known.backend == "vagrant" else 1
    return 1


async def poll(look: Callable[[], Awaitable[T]], times: int = 1) -> T:
    """What `look` finds once it raises NotYet no more; raises NotReady with its last words."""
    end = asyncio.get_running_loop().time() + DEADLINE * times
    while True:
        try:
            return await look()
        except NotYet as missing:
            if asyncio.get_running_loop().time() > end:
                raise NotReady([str(missing)], times) from missing
            await asyncio.sleep(PAUSE)


def asked(plan: Plan, family: str, address: str, port: int) -> list[tuple[str, str, str]]:
    """What is asked in one family, from where: a ClusterIP, and a NodePort of the first worker."""
    worker = plan.workers[0]
    if family == "IPv4":
        return [
            (worker.name, "ClusterIP", f"http://{address}/"),
            ("client", "NodePort", f"http://{worker.address}:{port}/"),
        ]
    return [
        (worker.name, "ClusterIP in IPv6", f"http://[{address}]/"),
        ("client", "NodePort in IPv6", f"http://[{worker.address6}]:{port}/"),
    ]


async def _answers(client: Client, times: int) -> None:
    """Return when the API says that it is ready."""

    async def look() -> None:
        try:
            await client.request("GET", "/version")
        except ApiError as error:
            raise NotYet(f"the API server ({error})") from error

    await poll(look, times)


def not_ready(objects: Iterable[Object], wanted: int, what: str) -> list[str]:
    """Those of the Nodes or Pods whose condition Ready is not True, and how many are not there at all."""
    found = list(objects)
    names = [f"{what} {each['metadata']['name']}" for each in found if not ready(each)]
    if len(found) < wanted:
        names.append(f"{wanted - len(found)} of {wanted}: no {what} yet")
    return names


def ready(obj: Object) -> bool:
    """Whether a Node or Pod has the condition Ready."""
    conditions = obj.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def synced(running: Inventory, times: int = 1) -> None:
    """Return when every kube-proxy has written its rules; NotReady. Its pod is ready before, as real ones."""
    machines = (running.machine(node.name) for node in running.plan.cluster_nodes)
    await asyncio.gather(*(_synced(machine, times) for machine in machines))


async def _synced(machine: Machine, times: int) -> None:
    """Return when kube-proxy there has finished a sync of each IP family that it was asked for."""
    argv = ["curl", "--silent", "--max-time", str(2 * times), "http://127.0.0.1:10249/metrics"]

    async def look() -> None:
        text = (await asyncio.to_thread(machine.run, argv, check=False)).stdout
        asked, done = (set(found.findall(text)) for found in (ASKED, DONE))
        if not asked or asked - done:
            raise NotYet(f"the first sync of kube-proxy on {machine.name}")

    await poll(look, times)


async def answer(machine: Machine, url: str, times: int = 1) -> str:
    """The name of the pod that answers `url` first; raises NotReady. Rules may be a moment behind Pods."""
    limits = ["--connect-timeout", f"{0.3 * times:g}", "--max-time", str(2 * times)]
    argv = ["curl", "--silent", "--show-error", "--fail", *limits, url]

    async def look() -> str:
        done = await asyncio.to_thread(machine.run, argv, check=False)
        if done.returncode:
            raise NotYet(f"an answer from {url} on {machine.name} ({done.stderr.strip()})")
        return next(iter(done.stdout.split()), "")

    return await poll(look, times)
