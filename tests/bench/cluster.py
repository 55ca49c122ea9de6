"""What a lab costs: until it answers, to hold, to scale, and what a learner waits for."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import NO_LIMIT, Limit, Row, row
from isolation import HERE, timed, until

from vm.machine import Machine

LAB = [sys.executable, "-P", "-m", "labs.cli"]
NAMESPACE = "eks-dev-1-appname-ns"
NODES = ("control-1", "worker-1", "worker-2")


def lab(*argv: str, text: str | None = None, timeout: float = 120) -> str:
    """What a `lab` command prints; a failing one ends the run with its message."""
    done = subprocess.run(
        [*LAB, *argv], input=text, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        sys.exit(f"lab {' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def processes() -> Iterator[Path]:
    """The /proc folders of lab init and of all that descends from it."""
    init = json.loads((Path(os.environ["LAB_HOME"]) / "inventory.json").read_text())["init"]["pid"]
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != init:
            ancestor = parents[ancestor]
        if ancestor == init:
            yield Path(f"/proc/{pid}")


def memory(folder: Path) -> dict[str, int]:
    """The rows of smaps_rollup, in kB."""
    rows = (line.split() for line in folder.joinpath("smaps_rollup").read_text().splitlines()[1:])
    return {row[0].rstrip(":"): int(row[1]) for row in rows}


def first_answer(repeat: int) -> Row:
    """`lab up`, installed and with nothing running, to the first answer; and the bare topology's price."""
    spent, bare = [], []
    for _ in range(repeat):
        lab("down", "--purge")
        bare.append(timed(lambda: subprocess.run([HERE / "bare.sh"], check=True, stdout=subprocess.DEVNULL)))
        spent.append(timed(lambda: lab("up")))
    seconds = statistics.median(spent)
    here = f"{seconds:.2f} s, bare `ip` and `iptables` {statistics.median(bare):.2f} s"
    return row("`lab up` to the first answer through the ClusterIP", seconds, here, Limit(6, 3, unit="s"))


def rules_of(node: str) -> str:
    """The NAT table of one node."""
    return lab("shell", node, "--", "iptables-save", "-t", "nat")


def scale(replicas: int = 50) -> Iterator[Row]:
    """2 → 50 pods until all are Ready and in the rules of every node, then their memory."""

    def there() -> bool:
        deployment = json.loads(
            lab("kubectl", "-n", NAMESPACE, "get", "deploy", "appname-backend", "-o", "json")
        )
        if deployment["status"].get("readyReplicas", 0) < replicas:
            return False
        return all(rules_of(node).count("-A KUBE-SEP-") >= 2 * replicas for node in NODES)

    seconds = timed(
        lambda: (
            lab("kubectl", "-n", NAMESPACE, "scale", "deploy/appname-backend", f"--replicas={replicas}"),
            until(there),
        )
    )
    pods = [memory(p) for p in processes() if p.joinpath("comm").read_text().strip() == "echo"]
    own = statistics.median((m["Private_Clean"] + m["Private_Dirty"]) / 1024 for m in pods)
    lab("kubectl", "-n", NAMESPACE, "scale", "deploy/appname-backend", "--replicas=2")
    what = f"2 → {replicas} pods, all Ready and in the rules of every node"
    yield row(what, seconds, f"{seconds:.2f} s", Limit(aim=4, unit="s"))
    what = f"memory a pod has of its own (median of {len(pods)})"
    yield row(what, own, f"{own:.1f} MB", Limit(5, unit="MB"))


def at_rest() -> Row:
    """The memory of the whole three-node cluster, each shared page counted once."""
    total = sum(memory(p).get("Pss", 0) for p in processes()) / 1024
    what = "memory of the three-node cluster at rest (sum of Pss)"
    return row(what, total, f"{total:.0f} MB", Limit(250, unit="MB"))


SYNCS = "kubeproxy_sync_proxy_rules_duration_seconds_count"
SLICE = """
apiVersion: v1
kind: Service
metadata: {name: bench, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: bench, namespace: default, labels: {kubernetes.io/service-name: bench}}
addressType: IPv4
ports: [{port: 80, protocol: TCP, name: ""}]
endpoints: [{addresses: ["10.244.1.200"], conditions: {ready: true}}]
"""


def change_to_rule(repeat: int) -> Row:
    """From the API's acknowledgement of an isolated EndpointSlice change to the rule in the kernel."""
    import asyncio

    from labs.kube.client import Client
    from vm import inventory

    worker = inventory.load(Path(os.environ["LAB_HOME"]) / "inventory.json").machine("worker-1")
    lab("kubectl", "apply", "-f", "-", text=SLICE)

    async def one(address: str) -> float:
        async with await Client.from_kubeconfig(os.environ["LAB_HOME"] + "/kubeconfig") as client:
            endpoints = [{"addresses": [address], "conditions": {"ready": True}}]
            await client.patch("EndpointSlice", "bench", "default", {"endpoints": endpoints})
        began = time.perf_counter()
        until(lambda: address in worker.run(["iptables-save", "-t", "nat"]).stdout)
        return time.perf_counter() - began

    spent = []
    for number in range(repeat):
        wait_for_rest(worker)
        spent.append(asyncio.run(one(f"10.244.1.{201 + number}")) * 1000)
    lab("kubectl", "delete", "service/bench", "endpointslice/bench")
    middle = statistics.median(spent)
    what = "an isolated EndpointSlice change to the rule in the kernel, p50"
    return row(what, middle, f"{middle:.0f} ms (max {max(spent):.0f})", Limit(50, unit="ms"))


def wait_for_rest(worker: Machine) -> None:
    """Until its kube-proxy has not synced for longer than the second that it keeps between two syncs.

    A change within that second waits for its end. After `lab up` others still come, of which we know nothing.
    """
    known, since = "", time.monotonic()
    while time.monotonic() - since < 1.6:
        time.sleep(0.1)
        text = worker.run(["curl", "-s", "http://127.0.0.1:10249/metrics"]).stdout
        now = "".join(line for line in text.splitlines() if line.startswith(SYNCS))
        if now != known:
            known, since = now, time.monotonic()


def commands(repeat: int) -> Iterator[Row]:
    """What a learner waits for between two thoughts."""
    lab("start", "3", "--seed", "0")
    lab("solve", "3")
    for argv, limit in (
        (("check", "3"), Limit(1.5, unit="s")),
        (("--help",), Limit(0.3, unit="s")),
        (("shell", "worker-1", "--", "true"), NO_LIMIT),
    ):
        seconds = statistics.median(timed(lambda argv=argv: lab(*argv)) for _ in range(repeat))
        yield row(f"`lab {' '.join(argv)}`", seconds, f"{seconds:.2f} s", limit)


def rows(repeat: int = 5) -> Iterator[Row]:
    """All of it, on a lab of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as home:
        os.environ["LAB_HOME"] = home
        try:
            yield first_answer(repeat)
            yield at_rest()
            yield change_to_rule(repeat)
            yield from scale()
            yield from commands(repeat)
        finally:
            lab("down", "--purge")
