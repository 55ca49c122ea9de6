"""Ages as kubectl writes them: ``45s``, ``3m20s``, ``2d3h``, ``400d`` (apimachinery's HumanDuration)."""

from __future__ import annotations

from labs.kube.objects import age

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400
# Up to how long, the larger and the smaller unit, and whether a smaller part of 0 is left out.
FORMS = (
    (2 * MINUTE, "", 1, "s", 1),
    (10 * MINUTE, "m", MINUTE, "s", 1),
    (3 * HOUR, "", 1, "m", MINUTE),
    (8 * HOUR, "h", HOUR, "m", MINUTE),
    (2 * DAY, "", 1, "h", HOUR),
    (8 * DAY, "d", DAY, "h", HOUR),
    (2 * YEAR, "", 1, "d", DAY),
    (8 * YEAR, "y", YEAR, "d", DAY),
)


def human(seconds: float) -> str:
    """A length of time in one or two units."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole == -1 else "<invalid>"
    for limit, large_name, large, small_name, small in FORMS:
        if whole < limit:
            if not large_name:
                return f"{whole // small}{small_name}"
            rest = whole % large // small
            return f"{whole // large}{large_name}" + (f"{rest}{small_name}" if rest else "")
    return f"{whole // YEAR}y"


def since(timestamp: str | None) -> str:
    """The age of something that happened then."""
    seconds = age(timestamp)
    return "<unknown>" if seconds is None else human(seconds)
