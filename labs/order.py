"""What `lab up` is asked for, as one value that every backend takes, and what a number may be."""

from __future__ import annotations

from dataclasses import dataclass

NODES = 3
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Order:
    """A cluster to be made; what is None or "" stays as it is in a cluster that is there already."""

    nodes: int | None = None
    mode: str = ""
    root: bool = False
    dual_stack: bool = False
