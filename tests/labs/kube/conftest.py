"""A real API server on the loopback, with TLS; and a registry without any of that."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.kube.allocate import Allocator
from labs.kube.bootstrap import bootstrap
from labs.kube.kinds import KINDS
from labs.kube.local import LocalServer
from labs.kube.registry import Registry
from labs.kube.store import Store
from labs.kube.target import Target
from vm import kubectl
from vm.command import Completed, Running, run, start


class ApiServer(LocalServer):
    """A server that tests talk to."""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home)}

    def kubectl(self, *argv: str, input: str | None = None, check: bool = True) -> Completed:
        """Run the real kubectl against it."""
        return run([str(kubectl.find()), *argv], input=input, check=check, env=self.environment)

    def start_kubectl(self, *argv: str) -> Running:
        """Start the real kubectl and go on."""
        return start([str(kubectl.find()), *argv], env=self.environment)

    def get(self, *argv: str) -> Any:
        """What ``kubectl get … -o json`` prints."""
        return json.loads(self.kubectl("get", *argv, "-o", "json").stdout)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One HTTP request; a body that is no text is sent as JSON. Headers: ``Content_Type="…"``."""
        words = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        words |= {name.replace("_", "-"): value for name, value in headers.items()}
        context = ssl.create_default_context(cafile=str(self.config.ca))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        try:
            text = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method, path, text, words)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content.startswith(b"{") else content.decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One server for a module, in its second life: its first objects come from the disk, and the versions
    of their making are history that is gone. Tests use names of their own."""
    server = ApiServer(tmp_path_factory.mktemp("api"))
    with server:
        pass
    with server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "objects.db")
    yield opened
    opened.close()


@pytest.fixture
def registry(store: Store) -> Registry:
    """A registry with what a cluster is born with."""
    made = Registry(store, Allocator())
    bootstrap(made, "192.168.56.10", 6443, "the certificate")
    return made


class Make:
    """Objects as a client would send them, in ``default`` where they have a namespace."""

    def target(self, kind: str, name: str = "", subresource: str = "") -> Target:
        row = KINDS[kind]
        return Target(row, "default" if row.namespaced else "", name, subresource)

    def obj(self, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        row = KINDS[kind]
        metadata = {"name": name, **({"namespace": "default"} if row.namespaced else {})}
        return {"apiVersion": row.api_version, "kind": kind, "metadata": metadata, **fields}

    def pod(self, name: str, **spec: Any) -> dict[str, Any]:
        return self.obj("Pod", name, spec={"containers": [{"name": "app", "image": "echo"}], **spec})

    def service(self, name: str, **spec: Any) -> dict[str, Any]:
        return self.obj("Service", name, spec={"ports": [{"port": 80}], "selector": {"app": name}, **spec})

    def deployment(self, name: str, **spec: Any) -> dict[str, Any]:
        labels = {"app": name}
        containers = [{"name": "app", "image": "echo"}]
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
        whole = {"selector": {"matchLabels": labels}, "template": template, **spec}
        return self.obj("Deployment", name, spec=whole)


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
