"""The arithmetic of a rolling update: how many pods the new ReplicaSet may have now, how many the old ones.

Two limits hold at every step. There are never more than ``replicas + surge`` pods asked for, and never fewer
than ``replicas - unavailable`` available ones because of us. The new side grows into the first, the old side
shrinks down to the second (deployment/util and rolling.go of Kubernetes; where ReplicaSets' own status is
behind what we asked of them, the smaller number counts, which is stricter than there).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What a Deployment asks for, in pods."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """Pods that may be asked for at once."""
        return self.replicas + self.surge

    @property
    def fewest(self) -> int:
        """Pods that must stay available."""
        return self.replicas - self.unavailable


@dataclass(frozen=True, slots=True)
class Size:
    """A ReplicaSet: the pods asked of it, and those of them that are available for certain."""

    name: str
    asked: int
    available: int

    @property
    def sure(self) -> int:
        """Available pods that remain when it has done what was asked of it."""
        return min(self.asked, self.available)


def limits(spec: Mapping[str, Any]) -> Limits:
    """Percentages of ``replicas``: surge is rounded up, unavailable down; not both may be 0."""
    replicas = int(spec.get("replicas", 1))
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Limits(replicas, 0, replicas)
    rolling = strategy.get("rollingUpdate") or {}
    surge = amount(rolling.get("maxSurge", "25%"), replicas, round_up=True)
    unavailable = amount(rolling.get("maxUnavailable", "25%"), replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(replicas, surge, min(unavailable, replicas))


def amount(value: int | str, total: int, *, round_up: bool) -> int:
    """An IntOrString: a number, or a percentage of ``total``."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total / 100
        return math.ceil(share) if round_up else math.floor(share)
    return int(value)


def grown(limits: Limits, new: Size, old: Sequence[Size]) -> int:
    """The size of the new ReplicaSet."""
    if new.asked >= limits.replicas:
        return limits.replicas
    room = limits.most - new.asked - sum(size.asked for size in old)
    return new.asked + max(0, min(room, limits.replicas - new.asked))


def shrunk(limits: Limits, new: Size, old: Sequence[Size]) -> dict[str, int]:
    """The sizes of the old ReplicaSets, oldest first in ``old``; those that do not change are left out.

    Pods that are not available go first: they carry nothing.
    """
    asked = {size.name: size.asked for size in old}
    spare = sum(asked.values()) + new.asked - limits.fewest - (new.asked - new.sure)
    for size in old:
        spare -= _take(asked, size.name, min(spare, size.asked - size.sure))
    spare = min(spare, new.sure + sum(size.sure for size in old) - limits.fewest)
    for size in old:
        spare -= _take(asked, size.name, min(spare, asked[size.name]))
    return {size.name: asked[size.name] for size in old if asked[size.name] != size.asked}


def _take(asked: dict[str, int], name: str, count: int) -> int:
    taken = max(0, count)
    asked[name] -= taken
    return taken


def proportional(limits: Limits, sizes: Sequence[Size]) -> dict[str, int]:
    """Sizes after ``replicas`` was changed in the middle of a rollout: each keeps its share.

    Shares are rounded down and what is left goes to the largest ReplicaSets, one pod each. (Kubernetes rounds
    each share from the annotation max-replicas; the sums are the same.)
    """
    total = sum(size.asked for size in sizes)
    goal = limits.most if limits.replicas else 0
    wanted = {size.name: size.asked * goal // max(total, 1) for size in sizes}
    rest = goal - sum(wanted.values())
    for size in sorted(sizes, key=lambda size: (-size.asked, size.name))[:rest]:
        wanted[size.name] += 1
    return wanted
