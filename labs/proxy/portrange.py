"""``portRange``: the ports on which mode userspace may listen for Services.

As in the real one: ``first-last``, ``first+more`` or one number; empty, ``0`` and ``0-0`` leave the choice
to the kernel.
"""

from __future__ import annotations

import re


def port_range(text: str) -> range:
    """The ports; empty where the kernel chooses. Raises ValueError with what is expected."""
    found = re.fullmatch(r"\s*(\d+)(?:([-+])(\d+))?\s*", text or "0")
    if not found:
        raise ValueError("a range such as 32800-33000, or empty")
    first, sign, more = int(found[1]), found[2], int(found[3] or 0)
    last = {"-": more, "+": first + more}.get(sign, first)
    if first == last == 0:
        return range(0)
    if not 1 <= first <= last <= 65535:
        raise ValueError("ports from 1 to 65535, the first not above the last")
    return range(first, last + 1)
