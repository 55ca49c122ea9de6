"""`make bench`: each figure with its limit beside it, and whether it is met; `make bench PARTS=relay`: some.

Machines are shared and noisy. What is compared with something is a ratio of two measures of this one run;
compare rows of one run with one another, not runs of different days.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster
import firstpacket
import machines
import relay
import scale
import syncs
from figures import Row, table
from plot import svg

SERVICES = 10_000


def first_packets(picture: str) -> Iterator[Row]:
    """The table, and the picture if one is asked for."""
    found = firstpacket.measured()
    if picture:
        Path(picture).write_text(svg(firstpacket.lines(found)), encoding="utf-8")
    yield from firstpacket.rows(found)


Given = argparse.Namespace
PARTS: dict[str, tuple[str, Callable[[Given], Iterator[Row]]]] = {
    "lab": ("A lab of three nodes", lambda _: cluster.rows()),
    "sync": ("From facts to the kernel", lambda given: syncs.rows(given.services, given.changes)),
    "scale": ("The whole kube-proxy", lambda given: scale.rows(given.services)),
    "relay": ("The relay of mode userspace", lambda _: relay.rows()),
    "first-packet": ("The first answer of a new connection", lambda given: first_packets(given.picture)),
    "machines": ("A lab of three virtual machines", lambda _: machines.rows()),
}
"""Name → the title of its table, what measures it."""


def machine() -> str:
    """The machine the figures belong to, in a line."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in cpu if line.startswith("model name")), "?")
    iptables = subprocess.run(["iptables", "--version"], capture_output=True, text=True, check=True)
    who = "root" if os.geteuid() == 0 else "rootless"
    versions = f"Linux {platform.release()}, Python {platform.python_version()}, {iptables.stdout.strip()}"
    return f"{model}, {os.cpu_count()} cores, {versions}, {who}"


def main() -> None:
    """Measure the parts in turn and print each as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; all without")
    parser.add_argument(
        "--services", type=int, default=SERVICES, help="how many there are in a large cluster"
    )
    parser.add_argument("--changes", type=int, default=15, help="how many single changes are timed")
    parser.add_argument("--picture", default="", help="where to write the first packets' plot, an SVG")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}: there are {', '.join(PARTS)}")
    print(machine())
    for name in given.parts or PARTS:
        title, measure = PARTS[name]
        began = time.monotonic()
        rows = list(measure(given))
        print(f"\n{table(title, rows)}\n\n{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
