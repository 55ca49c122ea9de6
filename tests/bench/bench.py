"""`make bench`: the table of figures, each measured on a lab of its own, with the limit beside it.

Machines are shared and noisy: compare rows of one run with one another, not runs of different days.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
LAB = [sys.executable, "-P", "-m", "labs.cli"]
NAMESPACE = "eks-dev-1-appname-ns"
NODES = ("control-1", "worker-1", "worker-2")


def lab(*argv: str, text: str | None = None) -> str:
    """What a `lab` command prints; a failing one ends the run with its message."""
    done = subprocess.run([*LAB, *argv], input=text, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(f"lab {' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def timed(action: Callable[[], object]) -> float:
    """Seconds that `action` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def until(condition: Callable[[], bool], deadline: float = 60) -> None:
    """Wait for `condition`, looking as often as the machine allows."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            sys.exit("a condition of the benchmark did not come true in time")


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


def first_answer(repeat: int) -> list[tuple[str, str, str]]:
    """`lab up`, installed and with nothing running, to the first answer; and the bare topology's price."""
    spent, bare = [], []
    for _ in range(repeat):
        lab("down", "--purge")
        bare.append(timed(lambda: subprocess.run([HERE / "bare.sh"], check=True, stdout=subprocess.DEVNULL)))
        spent.append(timed(lambda: lab("up")))
    figure = f"{statistics.median(spent):.2f} s"
    limit = f"bare ip and iptables: {statistics.median(bare):.2f} s"
    return [("lab up to the first answer through the ClusterIP", figure, f"aim 3 s, must 6 s; {limit}")]


def rules_of(node: str) -> str:
    """The NAT table of one node."""
    return lab("shell", node, "--", "iptables-save", "-t", "nat")


def scale(replicas: int = 50) -> list[tuple[str, str, str]]:
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
    return [
        (f"2 → {replicas} pods Ready and in the rules of every node", f"{seconds:.2f} s", "aim 4 s"),
        (f"memory a pod has of its own (median of {len(pods)})", f"{own:.1f} MB", "≤ 5 MB"),
    ]


def at_rest() -> list[tuple[str, str, str]]:
    """The memory of the whole three-node cluster, each shared page counted once."""
    total = sum(memory(p).get("Pss", 0) for p in processes()) / 1024
    return [("memory of the three-node cluster at rest (sum of Pss)", f"{total:.0f} MB", "≤ 250 MB")]


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


def change_to_rule(repeat: int) -> list[tuple[str, str, str]]:
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
        time.sleep(1.6)
        spent.append(asyncio.run(one(f"10.244.1.{201 + number}")) * 1000)
    lab("kubectl", "delete", "service/bench", "endpointslice/bench")
    figure = f"{statistics.median(spent):.0f} ms (max {max(spent):.0f})"
    return [("isolated EndpointSlice change to the rule in the kernel, p50", figure, "≤ 50 ms")]


def commands(repeat: int) -> list[tuple[str, str, str]]:
    """What a learner waits for between two thoughts."""
    lab("start", "3", "--seed", "0")
    lab("solve", "3")
    rows = []
    for argv, limit in (
        (("check", "3"), "≤ 1.5 s"),
        (("--help",), "≤ 0.3 s"),
        (("shell", "worker-1", "--", "true"), "–"),
    ):
        seconds = statistics.median(timed(lambda argv=argv: lab(*argv)) for _ in range(repeat))
        rows.append((f"lab {' '.join(argv)}", f"{seconds:.2f} s", limit))
    return rows


def machine() -> str:
    """The machine the figures belong to, in a line."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    iptables = subprocess.run(
        ["iptables", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    who = "root" if os.geteuid() == 0 else "rootless"
    versions = f"Linux {platform.release()}, Python {platform.python_version()}, {iptables}"
    return f"{model}, {os.cpu_count()} cores, {versions}, {who}"


def main() -> None:
    """Measure, print the table, leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="how often each short thing is measured")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as home:
        os.environ["LAB_HOME"] = home
        try:
            rows = [*first_answer(repeat), *at_rest(), *change_to_rule(repeat), *scale(), *commands(repeat)]
        finally:
            lab("down", "--purge")
    print(machine())
    width = max(len(row[0]) for row in rows)
    for what, figure, limit in rows:
        print(f"{what:<{width}}  {figure:>18}  {limit}")


if __name__ == "__main__":
    main()
