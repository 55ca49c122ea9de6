"""`lab check --watch`: what of the world and the answers makes a new look worth while.

A glance at it is compared with the one before. What ticks by itself (metrics, heartbeats, packets of rules,
open connections) is left out. What DNAT rules and virtual servers have counted is the learner's traffic, by
which some checks judge: it makes a new look worth while as soon as it is still again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from checker import gather
from checker.errors import Broken
from checker.evidence import Evidence, Reading

LOOK_AGAIN = 1.0  # seconds between two looks
TICKING = {"metrics", "served"}
BEATING = {"nodes"}
RULES = re.compile(r"^\[\d+:\d+\] |^:.*|^#.*", re.MULTILINE)
"""The counters of rules, those of chains, the time."""
OPEN = re.compile(r"(?<=\d) +\d+ +\d+ *$", re.MULTILINE)
"""ActiveConn and InActConn, at the end of a real server's line."""
COUNTED = re.compile(r"^\[(\d+):\d+\] .* -j DNAT .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Glance:
    """What was to be seen at one moment: how things stand, and what connections were counted."""

    stands: str
    counted: tuple[str, ...] = ()


def until_changed(
    answers: Path, inventory: Path, before: Glance, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return when the cluster or the file of answers is not as `before`, an earlier glance."""
    last, new = before, look(answers, inventory)
    while new.stands == before.stands and (new.counted == before.counted or new.counted != last.counted):
        sleep(LOOK_AGAIN)
        last, new = new, look(answers, inventory)


def look(answers: Path, inventory: Path) -> Glance:
    """A glance at this moment; a cluster that cannot be read is something to be seen, too."""
    written = answers.read_bytes() if answers.exists() else b""
    try:
        evidence = gather.gather(inventory)
    except Broken as error:
        return Glance(_print(written, str(error)))
    counted = (text for reading in evidence.nodes for text in _counted(reading))
    return Glance(_print(written, _standing(evidence)), tuple(counted))


def _print(written: bytes, world: object) -> str:
    return hashlib.sha256(written + json.dumps(world).encode()).hexdigest()


def _standing(evidence: Evidence) -> object:
    objects = {
        kind: sorted(
            (each["metadata"].get("uid", ""), each["metadata"].get("resourceVersion", "")) for each in found
        )
        for kind, found in evidence.objects.items()
        if kind not in BEATING
    }
    balancer = evidence.balancer and _healths(evidence.balancer)
    return [objects, [_said(reading) for reading in evidence.nodes], balancer]


def _said(reading: Reading) -> dict[str, str]:
    said = {name: text for name, text in reading.texts.items() if name not in TICKING}
    rules, servers = RULES.sub("", said.get("rules", "")), OPEN.sub("", said.get("virtual servers", ""))
    return {
        **said,
        "rules": rules,
        "virtual servers": servers,
        "node": reading.name,
        "problem": reading.problem,
    }


def _counted(reading: Reading) -> Iterator[str]:
    """The packets of each DNAT rule and all numbers of each virtual server."""
    yield from COUNTED.findall(reading.texts.get("rules", ""))
    yield reading.texts.get("served", "")


def _healths(reading: Reading) -> list[object]:
    """HAProxy's configuration and which of its servers are up, not how often they were asked."""
    rows = csv.DictReader(reading.texts.get("statistics", "").removeprefix("# ").splitlines())
    healths = [
        (row.get("pxname"), row.get("svname"), (row.get("status") or "").partition(" ")[0]) for row in rows
    ]
    return [reading.texts.get("configuration", ""), healths, reading.problem]
