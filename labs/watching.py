"""`lab check --watch`: what of the world and the answers makes a new look worth while.

A print of it is compared with the one before. Counters, metrics and heartbeats are left out: they change all
the time and say nothing new.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from checker import gather
from checker.errors import Broken
from checker.evidence import Evidence, Reading

LOOK_AGAIN = 1.0  # seconds between two looks
COUNTERS = re.compile(r"^\[\d+:\d+\] |^:.*|^#.*", re.MULTILINE)
TICKING = {"metrics"}
BEATING = {"nodes"}


def until_changed(
    answers: Path, inventory: Path, before: str, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return when the cluster or the file of answers is not as `before`, the print of an earlier look."""
    while look(answers, inventory) == before:
        sleep(LOOK_AGAIN)


def look(answers: Path, inventory: Path) -> str:
    """The print of this moment; a cluster that cannot be read has a print too."""
    written = answers.read_bytes() if answers.exists() else b""
    try:
        world = _print(gather.gather(inventory))
    except Broken as error:
        world = str(error)
    return hashlib.sha256(written + world.encode()).hexdigest()


def _print(evidence: Evidence) -> str:
    objects = {
        kind: sorted(
            (each["metadata"].get("uid", ""), each["metadata"].get("resourceVersion", "")) for each in found
        )
        for kind, found in evidence.objects.items()
        if kind not in BEATING
    }
    return json.dumps([objects, [_said(reading) for reading in evidence.nodes]])


def _said(reading: Reading) -> dict[str, str]:
    said = {name: COUNTERS.sub("", text) for name, text in reading.texts.items() if name not in TICKING}
    return {**said, "node": reading.name, "problem": reading.problem}
