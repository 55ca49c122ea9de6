"""Objects as the API would store them, with as little in them as the loops read."""

from typing import Any

import pytest

from labs.control.conditions import make
from labs.control.fake import FakeWorld
from labs.control.moments import stamp


class Objects:
    """Adds objects to a world on paper and plays the node's part."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    def deployment(self, replicas: int = 2, image: str = "echo:1", **spec: Any) -> dict[str, Any]:
        return self.world.add(self._workload("Deployment", image, replicas=replicas, **spec))

    def replicaset(self, replicas: int = 2, image: str = "echo:1", **spec: Any) -> dict[str, Any]:
        return self.world.add(self._workload("ReplicaSet", image, replicas=replicas, **spec))

    def daemonset(self, image: str = "kube-proxy:1", **spec: Any) -> dict[str, Any]:
        return self.world.add(self._workload("DaemonSet", image, **spec))

    def node(self, name: str, *, taints: list[Any] | None = None, **labels: str) -> dict[str, Any]:
        labels = {"kubernetes.io/hostname": name, **labels}
        return self.world.add(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {"taints": taints} if taints else {},
                "status": {"conditions": [make("Ready", "True", "KubeletReady", "")]},
            }
        )

    def service(self, name: str = "web", **spec: Any) -> dict[str, Any]:
        return self.world.add(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": "default", "labels": {"team": "blue"}},
                "spec": {
                    "clusterIP": "10.96.7.7",
                    "ipFamilies": ["IPv4"],
                    "selector": {"app": "web"},
                    "ports": [{"port": 80, "targetPort": 3001, "protocol": "TCP"}],
                    **spec,
                },
            }
        )

    def pod(self, name: str, *, node: str = "", **more: Any) -> dict[str, Any]:
        spec = {"containers": [{"name": "echo", "image": "echo"}], **more.pop("spec", {})}
        if node:
            spec["nodeName"] = node
        metadata = {
            "name": name,
            "namespace": "default",
            "labels": {"app": "web"},
            **more.pop("metadata", {}),
        }
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}}
        return self.world.add(made)

    def set_ready(self, pod: dict[str, Any], ready: bool = True, **status: Any) -> dict[str, Any]:
        condition = make("Ready", str(ready), "", "", lastTransitionTime=stamp(self.world.now))
        return self.world.change(pod, {"status": {"phase": "Running", "conditions": [condition], **status}})

    @staticmethod
    def _workload(kind: str, image: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "echo", "image": image}]},
                },
                **spec,
            },
        }


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def objects(world: FakeWorld) -> Objects:
    return Objects(world)
