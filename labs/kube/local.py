"""An API server on the loopback, in a thread, from nothing but a folder: for tests and for trying things.

with LocalServer(folder) as server:
    ...  # server.kubeconfig, server.token, server.url
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from pathlib import Path
from typing import Self

from labs.errors import LabError
from labs.kube import certificates, serve, tokens

START_LIMIT = 30.0  # seconds


class DidNotStart(LabError):
    """The server did not come up in time; its own error is in the log."""


class LocalServer:
    """Started and stopped as a context manager; the folder keeps its objects for the next start."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.config = _settle(home, self.port)
        self.token = tokens.Keyring.load(self.config.signing_key).issue(tokens.ADMIN)
        self.kubeconfig = home / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(kubeconfig(self.url, self.config.ca, self.token)))
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        if not self._ready.wait(START_LIMIT):
            raise DidNotStart(f"the API server in {self.home} did not start within {START_LIMIT:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(START_LIMIT)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(serve.serve(self.config, self._ready.set))
        await asyncio.wait([self._task])


def kubeconfig(url: str, ca: Path, token: str) -> dict[str, object]:
    """The content of a kubeconfig for one server and one token."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
        "current-context": "lab",
    }


def _settle(home: Path, port: int) -> serve.ServerConfig:
    files = certificates.ensure(home / "pki", ["127.0.0.1"])
    return serve.ServerConfig(
        database=home / "objects.db",
        certificate=files.server,
        key=files.server_key,
        ca=files.ca,
        signing_key=home / "signing.key",
        sockets=[("127.0.0.1", port)],
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
