"""Bringing kube-proxy's DaemonSets to what is wished, in an order in which no two proxies share a node.

    those that lose nodes       shrink, or go; wait until their pods are gone
    configuration               edited
    the one that gains nodes    made or restarted; wait until every pod is ready

The rules of a pod that has ended stay in force until its successor has written its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from labs import addons, proxyconfig, proxysets, readiness
from labs.kube.client import ApiError, Object
from labs.proxysets import CONFIG, NAME, NAMESPACE, RESTARTED, Division
from labs.show import Progress
from vm.plan import Plan


@dataclass(frozen=True, slots=True)
class Wish:
    """A mode, the nodes that are to have it (none named: all), and IPVS's scheduler if it is to be set."""

    mode: str
    nodes: frozenset[str] = frozenset()
    scheduler: str = ""

    def edit(self, text: str, where: str) -> str:
        """A configuration with all of it."""
        changed = proxyconfig.with_mode(text, self.mode, where)
        return proxyconfig.with_scheduler(changed, self.scheduler) if self.scheduler else changed


class Rollout:
    """One change of the mode."""

    def __init__(self, watched: readiness.Watched, plan: Plan, report: Progress) -> None:
        self._watched, self._client, self._report = watched, watched.client, report
        self.times = watched.times
        self._nodes = [node.name for node in plan.cluster_nodes]
        self._cidrs = plan.pod_cidrs
        self._stamp = datetime.now(UTC).isoformat(timespec="microseconds")

    @classmethod
    @asynccontextmanager
    async def at(cls, kubeconfig: Path, plan: Plan, report: Progress) -> AsyncIterator[Self]:
        """On the cluster of a kubeconfig that was made to this plan."""
        async with readiness.Watched.at(kubeconfig) as watched:
            yield cls(watched, plan, report)

    async def fulfil(self, wish: Wish) -> None:
        """Returns when every pod that has to do with it is ready; raises LabError or ApiError."""
        before = Division.read(await self._daemonsets())
        text = await self._config(CONFIG)
        if not wish.nodes:
            await self._shrink(before, Division())
            await self._edit(CONFIG, wish.edit(text, CONFIG))
            await self._restart(Division())
            await self._ready(NAME)
            return
        after = before.give(wish.nodes, wish.mode, proxyconfig.mode_of(text))
        await self._shrink(before, after)
        if wish.mode in after.own:
            await self._own(wish, after, text)
            await self._ready(proxysets.name_of(wish.mode))
        if after.nodes != before.nodes:
            await self._restart(after)
        await self._ready(NAME)

    async def is_as_made(self, mode: str) -> bool:
        """Whether kube-proxy is configured as every cluster has it, in this mode, and runs on every node."""
        if Division.read(await self._daemonsets()).nodes or not await self._is_whole():
            return False
        return await self._config(CONFIG) == addons.configuration(mode, self._cidrs)

    async def _is_whole(self) -> bool:
        """Whether all its objects are there, and a ready pod a node."""
        maps = (await self._client.list("ConfigMap", NAMESPACE))["items"]
        there = {each["metadata"]["name"] for each in (*maps, *await self._daemonsets())}
        missing = readiness.not_ready(self._watched.proxies(), len(self._nodes), "kube-proxy pod")
        return {CONFIG, NAME} <= there and not missing

    async def begin(self, mode: str) -> None:
        """kube-proxy as every cluster has it, in this mode, whatever has been done to it; as `fulfil`."""
        before = Division.read(await self._daemonsets())
        whole = await self._is_whole()
        await self._shrink(before, Division())
        if whole:
            await self._edit(CONFIG, addons.configuration(mode, self._cidrs))
            await self._restart(Division())
        else:
            await self._anew(mode)
        await self._ready(NAME)

    async def _anew(self, mode: str) -> None:
        """All of kube-proxy's objects, as the cluster got them first. Its rules stay in force meanwhile."""
        await self._remove(NAME)
        await self._watched.until(lambda: self._still_there(dict.fromkeys(self._nodes, NAME)))
        await self._client.remove("ConfigMap", CONFIG, NAMESPACE)
        await addons.ensure(self._client, mode, ("kube-proxy",), cidrs=self._cidrs)
        self._report(f'kubectl create -f kube-proxy.yaml    # mode: "{mode}"')

    async def _shrink(self, before: Division, after: Division) -> None:
        """No pods any more where another DaemonSet will have its own."""
        leaving = dict.fromkeys(after.nodes - before.nodes, NAME)
        for mode, nodes in before.own.items():
            kept = after.own.get(mode, frozenset())
            leaving |= dict.fromkeys(nodes - kept, proxysets.name_of(mode))
            if not kept:
                await self._remove(proxysets.name_of(mode))
            elif not nodes <= kept:
                await self._tie(proxysets.name_of(mode), proxysets.affinity("In", nodes & kept))
        if after.nodes - before.nodes:
            await self._tie(NAME, proxysets.affinity("NotIn", before.nodes | after.nodes))
        await self._watched.until(lambda: self._still_there(leaving))

    def _still_there(self, leaving: dict[str, str]) -> list[str]:
        return [
            f"pod {pod['metadata']['name']} has not ended"
            for pod in self._watched.pods.objects.values()
            if leaving.get(pod["spec"].get("nodeName", "")) == _owner(pod)
        ]

    async def _own(self, wish: Wish, after: Division, common: str) -> None:
        """Make the mode's own ConfigMap and DaemonSet, or change them."""
        name, nodes = proxysets.name_of(wish.mode), after.own[wish.mode]
        try:
            await self._edit(name, wish.edit(await self._config(name), name))
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            await self._client.create(proxysets.own_config(wish.mode, wish.edit(common, CONFIG)))
            self._report(f"kubectl -n {NAMESPACE} create cm {name}    # {CONFIG} with mode: {wish.mode}")
        try:
            await self._tie(name, proxysets.affinity("In", nodes))
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            daemonset = await self._client.get("DaemonSet", NAME, NAMESPACE)
            await self._client.create(proxysets.own_daemonset(daemonset, wish.mode, nodes, self._stamp))
            self._report(
                f"kubectl -n {NAMESPACE} create -f {name}.yaml    # only on {', '.join(sorted(nodes))}"
            )

    async def _restart(self, after: Division) -> None:
        await self._tie(NAME, proxysets.affinity("NotIn", after.nodes))
        self._report(f"kubectl -n {NAMESPACE} rollout restart daemonset {NAME}")

    async def _tie(self, name: str, affinity: Object | None) -> None:
        patch = proxysets.template(self._stamp, affinity)
        await self._client.patch("DaemonSet", name, NAMESPACE, patch)

    async def _remove(self, name: str) -> None:
        for kind in ("DaemonSet", "ConfigMap"):
            await self._client.remove(kind, name, NAMESPACE)
        self._report(f"kubectl -n {NAMESPACE} delete daemonset,cm {name}")

    async def _daemonsets(self) -> list[Object]:
        found = await self._client.list("DaemonSet", NAMESPACE, labels=f"k8s-app={NAME}")
        return [each for each in found["items"] if "deletionTimestamp" not in each["metadata"]]

    async def _config(self, name: str) -> str:
        return str((await self._client.get("ConfigMap", name, NAMESPACE))["data"]["config"])

    async def _edit(self, name: str, text: str) -> None:
        await self._client.patch("ConfigMap", name, NAMESPACE, {"data": {"config": text}})
        self._report(f'kubectl -n {NAMESPACE} edit cm {name}    # mode: "{proxyconfig.mode_of(text)}"')

    async def _ready(self, name: str) -> None:
        """Wait until each node of this DaemonSet has a ready pod of its present template."""
        daemonset = await self._client.get("DaemonSet", name, NAMESPACE)
        stamp = (daemonset["spec"]["template"]["metadata"].get("annotations") or {}).get(RESTARTED)
        own = Division.read(await self._daemonsets())
        wanted = [node for node in self._nodes if node not in own.nodes] if name == NAME else None
        count = len(own.own[_mode(name)] if wanted is None else wanted)
        await self._watched.until(
            lambda: readiness.not_ready(self._pods(name, stamp), count, "kube-proxy pod")
        )

    def _pods(self, name: str, stamp: str | None) -> list[Object]:
        return [
            pod
            for pod in self._watched.proxies()
            if _owner(pod) == name and (pod["metadata"].get("annotations") or {}).get(RESTARTED) == stamp
        ]


def _owner(pod: Object) -> str:
    """The DaemonSet of a pod."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(each["name"]) for each in owners if each["kind"] == "DaemonSet"), "")


def _mode(name: str) -> str:
    return name.removeprefix(f"{NAME}-")
