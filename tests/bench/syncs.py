"""A full sync of 10,000 Services and a change of one endpoint, each against the bare load of its payload.

The proxy's own proxier runs here in this process, fed as a watch would feed it; a clock stops when its mode
says that the kernel agrees. What it gave to iptables-restore or nft is kept, and given to them once more by
nobody: all of it in one transaction into an empty namespace, and each change into the table as it is.

    syncs.py WAY [--services N] [--changes N]      in a network namespace of its own, see isolation.py
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import isolation
from figures import Limit, Row, against, row
from population import service, slice_of

from labs.proxy.configuration import NETLINK_GATE, IPTables, KubeProxyConfiguration, Seconds
from labs.proxy.conntrack import Conntrack
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Run, Setup
from labs.proxy.modes import mode
from labs.proxy.runner import Bounds
from labs.proxy.state import Family, Node, ProxyState
from labs.proxy.sync import Parts, Proxier
from vm.command import Completed, run_async

WAYS = {
    "legacy": ("iptables-legacy", Limit(2.0, 1.3)),
    "nft": ("iptables-nft", Limit(1.1, 1.0)),
    "nftables": ("nft", Limit(1.1, 1.0)),
    "netlink": ("nftables by netlink, against `nft -f`", Limit(1.1, 1.0)),
}
"""Way → its name in the table, the limits of a full sync."""
CHANGE = Limit(1.5)
ISOLATED = Limit(aim=10, unit="ms")
VARIANTS = {"legacy": "legacy"}
FULL_SYNCS = {"legacy": 3}
"""How often the short ones are measured; the others take a minute and more."""
Loads = list[tuple[tuple[str, ...], str]]
"""Commands with their input."""
SETTLING = 0.05
"""Seconds between two changes, so that each is one by itself."""


@dataclass
class Recorder:
    """Runs commands, and keeps what they were given to load."""

    loads: Loads = field(default_factory=list)

    async def __call__(
        self, argv: tuple[str, ...], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """As ``run_async``."""
        if input is not None:
            self.loads.append((tuple(argv), input))
        return await run_async(argv, input=input, timeout=timeout, check=check)

    def taken(self) -> Loads:
        """What was loaded since this was asked last."""
        found, self.loads = self.loads, []
        return found


class Clock:
    """Told by the proxier, as health checks are, when the kernel agrees."""

    def __init__(self) -> None:
        self._synced = asyncio.Event()
        self._at = 0.0

    def queued(self, _: Family) -> None:
        """Nothing to do."""

    def synced(self, _: ProxyState) -> None:
        """Stop."""
        self._at = time.perf_counter()
        self._synced.set()

    async def time(self, action: Callable[[], object]) -> float:
        """Seconds from the action to the kernel's agreement."""
        self._synced.clear()
        began = time.perf_counter()
        action()
        await self._synced.wait()
        return self._at - began


class Subject:
    """A proxier with its Services, and the clock that times it."""

    def __init__(self, way: str, run: Run) -> None:
        iptables = IPTables(sync_period=Seconds(3600))  # stale chains go another time
        gates = {NETLINK_GATE: way == "netlink"}
        name = "iptables" if way in ("legacy", "nft") else "nftables"
        config = replace(KubeProxyConfiguration(), mode=name, iptables=iptables, feature_gates=gates)
        self.clock = Clock()
        parts = Parts(
            mode(name, Setup(Family.IPV4, config, run)), Conntrack(Family.IPV4, run), self.clock, Metrics()
        )
        self.proxier = Proxier(Family.IPV4, Node("node", "192.168.56.11"), parts, Bounds(min_interval=0))

    def fill(self, services: int) -> None:
        """As the first lists do."""
        for number in range(services):
            self.proxier.service(None, service(number))
            self.proxier.endpoint_slice(None, slice_of(number))

    def move(self, number: int) -> None:
        """One endpoint of a Service goes elsewhere."""
        self.proxier.endpoint_slice(slice_of(number), slice_of(number, moved=True))


@contextmanager
def running(subject: Subject) -> Iterator[None]:
    """Its loop."""
    task = asyncio.ensure_future(subject.proxier.runner.loop())
    try:
        yield
    finally:
        task.cancel()


@dataclass
class Measured:
    """Seconds of the full sync and of each change; what was loaded for them."""

    full: float = 0
    cpu: float = 0
    changes: list[float] = field(default_factory=list)
    bare_changes: list[float] = field(default_factory=list)
    whole: Loads = field(default_factory=list)
    small: list[Loads] = field(default_factory=list)


async def measure(way: str, services: int, changes: int, known: Measured | None) -> Measured:
    """Time the proxy; each change is loaded barely just after it, into the same table.

    ``known``: by netlink nothing is loaded that could be kept, so it is what the program was given.
    """
    recorder, found = Recorder(), Measured()
    subject = Subject(way, run_async if way == "netlink" else recorder)
    subject.fill(services)
    with running(subject):
        began = time.process_time()
        found.full = await subject.clock.time(subject.proxier.start)
        found.cpu = time.process_time() - began
        found.whole = recorder.taken()
        for turn in range(changes):
            number = (turn * 2503 + 17) % services
            found.changes.append(await subject.clock.time(lambda number=number: subject.move(number)))
            await asyncio.sleep(SETTLING)
            found.small.append(known.small[turn] if known else recorder.taken())
            found.bare_changes.append(isolation.timed(lambda: load(found.small[-1])))
            await asyncio.sleep(SETTLING)
    return found


def load(given: Loads) -> None:
    """As anybody would, by hand."""
    for argv, text in given:
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True)


def whole(given: Loads) -> tuple[tuple[str, ...], str]:
    """One load out of several: with iptables each table once, with nft all lines in one file.

    As kube-proxy writes it, chains are declared in the order of its Services, which is that of their hashes.
    """
    argv, text = given[0][0], "".join(text for _, text in given)
    if not text.startswith("*"):
        return argv, text
    tables: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            current = tables.setdefault(line, [])
        elif line != "COMMIT":
            current.append(line)
    for lines in tables.values():
        chains = [line for line in lines if line.startswith(":")]
        random.Random(1).shuffle(chains)
        lines[:] = [*chains, *(line for line in lines if not line.startswith(":"))]
    return argv, "".join("\n".join((name, *lines, "COMMIT", "")) for name, lines in tables.items())


def bare(loads: Loads) -> float:
    """Seconds of loading the same in one transaction into an empty namespace."""
    payload = whole(loads)
    isolation.new_network()
    return isolation.timed(lambda: load([payload]))


def measure_way(
    way: str, given: argparse.Namespace, known: Measured | None
) -> tuple[Measured, dict[str, float]]:
    """Full syncs and bare loads in turn, so that a slow moment hits both; the changes once."""
    rounds, bares = [], []
    for turn in range(FULL_SYNCS.get(way, 1)):
        isolation.new_network()
        rounds.append(asyncio.run(measure(way, given.services, 0 if turn else given.changes, known)))
        if rounds[-1].whole:
            bares.append(bare(rounds[-1].whole))
    first = rounds[0]
    return first, {
        "full": statistics.median(each.full for each in rounds),
        "cpu": statistics.median(each.cpu for each in rounds),
        "bare": statistics.median(bares) if bares else 0,
        "change": statistics.median(first.changes),
        "bare_change": statistics.median(first.bare_changes),
    }


def main() -> None:
    """Measure one way and report it; before netlink the program, whose loads are the bare ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=15)
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    found: dict[str, dict[str, float]] = {}
    known: Measured | None = None
    for way in ("nftables", "netlink") if given.way == "netlink" else (given.way,):
        known, found[way] = measure_way(way, given, known)
    isolation.report(found)


def rows(services: int, changes: int) -> Iterator[Row]:
    """All ways, one after the other."""
    for way in ("legacy", "nft", "netlink"):
        variant = VARIANTS.get(way, "nft")
        if not isolation.program(variant):
            yield Row(WAYS[way][0], f"not measured: there is no xtables-{variant}-multi")
            continue
        with isolation.iptables(variant) as env:
            sizes = (f"--services={services}", f"--changes={changes}")
            found = isolation.isolated("syncs.py", way, *sizes, env=env)
        loaded = next(iter(found.values()))["bare"]
        for name, figures in found.items():
            title, limit = WAYS[name]
            yield against(f"{services:,} Services × 2, full sync, {title}", figures["full"], loaded, limit)
            what = f"one endpoint of them changed, event to kernel, {title}"
            yield against(what, figures["change"], figures["bare_change"], CHANGE, unit="ms")
    value = found["netlink"]["change"] * 1000
    yield row("the last by itself", value, f"{value:.1f} ms", ISOLATED)


if __name__ == "__main__":
    main()
