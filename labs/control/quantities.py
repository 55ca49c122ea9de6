"""Quantities (``250m``, ``1.5``, ``64Mi``) and what a pod asks for in them."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from labs.kube.client import Object

SUFFIXES = {
    **{"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
FORM = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]{0,2})")
COUNTED = ("cpu", "memory")


def amount(text: str | float) -> Decimal:
    """The number a quantity stands for; ValueError if it is none."""
    found = FORM.fullmatch(str(text))
    if found is None or found[2] not in SUFFIXES:
        raise ValueError(
            f"quantity {text!r}: a number with one of the suffixes m, k, M, G, Ki, Mi, Gi … is asked"
        )
    return Decimal(found[1]) * SUFFIXES[found[2]]


def requests(pod: Object) -> Counter[str]:
    """What the pod's containers ask for: ``cpu`` in thousandths, ``memory`` in bytes."""
    total: Counter[str] = Counter()
    for container in pod["spec"].get("containers") or ():
        asked = (container.get("resources") or {}).get("requests") or {}
        for name in COUNTED:
            if name in asked:
                total[name] += count(name, asked[name])
    return total


def count(name: str, text: str | float) -> int:
    """A quantity of cpu or memory as a whole number."""
    return int(amount(text) * (1000 if name == "cpu" else 1))
