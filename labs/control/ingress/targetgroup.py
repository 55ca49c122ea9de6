"""A target group: what an Ingress, or the Service behind it, says of its targets by annotation.

Names, defaults and rules are those of the AWS Load Balancer Controller, so that what is learnt here is true
there. The Service's word goes before the Ingress'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labs.control.ingress.wrong import Wrong
from labs.kube.client import Object

PREFIX = "alb.ingress.kubernetes.io/"
TARGET_TYPES = ("instance", "ip")
CODES = re.compile(r"[1-5]\d\d(-[1-5]\d\d)?(,[1-5]\d\d(-[1-5]\d\d)?)*")
UNREAD = (
    "scheme",
    "group.name",
    "load-balancer-name",
    "tags",
    "subnets",
)  # true of every ALB here, or of none


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """How a backend's targets are found and asked for their health; times in seconds."""

    target_type: str = "instance"
    path: str = "/"
    interval: int = 15
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 2
    codes: str = "200"

    @classmethod
    def read(cls, *objects: Object) -> TargetGroup:
        """What these objects say, the later before the earlier; raises Wrong."""
        said: dict[str, str] = {}
        for obj in objects:
            said |= obj["metadata"].get("annotations") or {}
        found: dict[str, Any] = {}
        for name, (field, least, most) in FIELDS.items():
            value = said.get(PREFIX + name)
            if value is not None:
                found[field] = _number(name, value, least, most) if most else _word(name, value)
        return cls(**found)


# By annotation: the field, and for numbers the least and the greatest (an ALB's least interval is 5 s).
FIELDS: Mapping[str, tuple[str, int, int]] = {
    "target-type": ("target_type", 0, 0),
    "healthcheck-path": ("path", 0, 0),
    "healthcheck-interval-seconds": ("interval", 1, 300),
    "healthcheck-timeout-seconds": ("timeout", 1, 120),
    "healthy-threshold-count": ("healthy", 1, 10),
    "unhealthy-threshold-count": ("unhealthy", 1, 10),
    "success-codes": ("codes", 0, 0),
}


def unknown(obj: Object) -> list[str]:
    """Annotations of the family that nobody here reads."""
    known = {*FIELDS, *UNREAD}
    names = obj["metadata"].get("annotations") or {}
    return sorted(
        name for name in names if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known
    )


def _number(name: str, value: str, least: int, most: int) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise Wrong(f"annotation {PREFIX}{name} is {value!r}; set it to a number from {least} to {most}")
    return int(value)


def _word(name: str, value: str) -> str:
    rules = {
        "target-type": (value in TARGET_TYPES, "instance or ip"),
        "healthcheck-path": (value.startswith("/") and value.isprintable(), "a path that begins with /"),
        "success-codes": (bool(CODES.fullmatch(value)), "codes as 200 or 200-299 or 200,302"),
    }
    right, rule = rules[name]
    if not right:
        raise Wrong(f"annotation {PREFIX}{name} is {value!r}; set it to {rule}")
    return value
