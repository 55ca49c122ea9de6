"""Durations as Go writes and reads them: 30s, 1m30s, 250ms."""

from __future__ import annotations

import re

from labs.proxy.configuration import Seconds

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(value: object) -> Seconds:
    """A duration as Go writes it: 30s, 1m30s, 250ms; raises ValueError."""
    text = str(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
    if text != "0" and (not parts or "".join(map("".join, parts)) != text):
        raise ValueError("a duration such as 30s, 1m30s or 250ms")
    return Seconds(sum(float(number) * UNITS[unit] for number, unit in parts))


def duration(value: float) -> str:
    """As Go prints it: 30s, 1m30s, 1h0m0s, 250ms."""
    if 0 < value < 1:
        return f"{value * 1000:g}ms"
    hours, rest = divmod(value, 3600)
    minutes, rest = divmod(rest, 60)
    return (f"{hours:.0f}h" if hours else "") + (f"{minutes:.0f}m" if hours or minutes else "") + f"{rest:g}s"
