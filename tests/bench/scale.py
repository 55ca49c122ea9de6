"""A whole kube-proxy, the program itself, and an API server with 10,000 Services of two endpoints each.

What it takes to hold them in memory, how long it takes from its start to rules, and into how many syncs it
gathers a burst of changes. Changes go through the API, as a controller's do, many at once.

    scale.py MODE SERVICES CHANGES      in a network namespace of its own, see isolation.py
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import isolation
from figures import Limit, Row, row
from population import service, slice_of

from labs.kube.client import Client
from labs.kube.local import LocalServer
from labs.kube.store import Store

MODES = ("iptables", "nftables")
MEMORY = Limit(300, 150, unit="MB")
SYNCS = Limit(5, unit="")
METRICS = "http://127.0.0.1:10249/metrics"
DONE = "sync_proxy_rules_duration_seconds_count"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node", "uid": "node"},
    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.56.11"}]},
}
AT_ONCE = 16
QUIET = 3.0
"""Seconds without a sync after which a burst counts as over."""


def fill(database: Path, services: int) -> None:
    """Put the objects where the API server will find them."""
    store = Store(database)
    store.put(NODE)
    for number in range(services):
        store.put(service(number))
        store.put(slice_of(number))
    store.close()


@contextmanager
def kube_proxy(mode: str, kubeconfig: Path, folder: Path) -> Iterator[int]:
    """The program; its process's number."""
    config = {"mode": mode, "clientConnection": {"kubeconfig": str(kubeconfig)}, "hostnameOverride": "node"}
    (folder / "config").write_text(json.dumps(config))
    argv = [sys.executable, "-P", "-m", "labs.proxy", f"--config={folder / 'config'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def syncs() -> int:
    """How many it has done; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(METRICS, timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, TimeoutError):
        return 0
    return sum(int(float(count)) for count in re.findall(rf'{DONE}{{ip_family="IPv4"}} (\S+)', text))


def memory(pid: int) -> dict[str, float]:
    """What the process has resident, now and at its peak, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    named = {"now": "VmRSS", "peak": "VmHWM"}
    return {name: int(re.findall(rf"{row}:\s+(\d+)", status)[0]) / 1024 for name, row in named.items()}


async def burst(kubeconfig: Path, changes: int) -> None:
    """Move one endpoint of so many Services, as fast as the API server takes it."""
    waiting = asyncio.Queue[int]()
    for number in range(changes):
        waiting.put_nowait(number)

    async def work(client: Client) -> None:
        while not waiting.empty():
            moved = slice_of(waiting.get_nowait(), moved=True)
            name, endpoints = moved["metadata"]["name"], moved["endpoints"]
            await client.patch("EndpointSlice", name, "default", {"endpoints": endpoints})

    async with await Client.from_kubeconfig(str(kubeconfig)) as client:
        await asyncio.gather(*(work(client) for _ in range(AT_ONCE)))


def settled(seconds: float = 300) -> int:
    """The number of syncs once none has been added for a while."""
    known, since, end = syncs(), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() - since < QUIET:
        if time.monotonic() > end:
            sys.exit("kube-proxy has not come to rest")
        time.sleep(0.1)
        if (now := syncs()) != known:
            known, since = now, time.monotonic()
    return known


def main(mode: str, services: str, changes: str) -> None:
    """Measure one mode and report it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with TemporaryDirectory(prefix="lab-bench-") as name:
        folder = Path(name)
        fill(folder / "objects.db", int(services))
        with LocalServer(folder) as server, kube_proxy(mode, server.kubeconfig, folder) as pid:
            started = isolation.timed(lambda: isolation.until(syncs, 300, "the first sync"))
            before = settled()
            written = isolation.timed(lambda: asyncio.run(burst(server.kubeconfig, int(changes))))
            gathered = settled() - before
            isolation.report({"start": started, "written": written, "syncs": gathered, "memory": memory(pid)})


def rows(services: int, changes: int = 1000) -> Iterator[Row]:
    """Each mode in turn."""
    for mode in MODES:
        found = isolation.isolated("scale.py", mode, str(services), str(changes))
        now, peak = found["memory"]["now"], found["memory"]["peak"]
        all_of_them = f"{services:,} Services × 2, mode {mode}"
        yield row(f"memory of kube-proxy, {all_of_them}", now, f"{now:.0f} MB, peak {peak:.0f} MB", MEMORY)
        yield row(f"its start to the first sync done, {all_of_them}", 0, f"{found['start']:.1f} s")
        what = f"syncs for {changes:,} endpoint changes within {found['written']:.1f} s, mode {mode}"
        yield row(what, found["syncs"], str(found["syncs"]), SYNCS)


if __name__ == "__main__":
    main(*sys.argv[1:])
