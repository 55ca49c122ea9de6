"""How an ``echo`` pod behaves: well, or as someone told it to, to see what Kubernetes makes of it."""

from __future__ import annotations

from dataclasses import dataclass

SWITCHES = ("ready", "live", "hang")
WORDS = {"true": True, "false": False}
REFUSE_SECONDS = 30.0


class ControlInvalid(ValueError):
    """A control request that means nothing."""


@dataclass(slots=True)
class Behaviour:
    """What probes are told; ``hang``: connections are accepted and never answered."""

    ready: bool = True
    live: bool = True
    hang: bool = False

    def control(self, what: str, query: dict[str, str]) -> float:
        """Change one thing; for how many seconds to refuse connections. Raises ControlInvalid."""
        if what == "refuse":
            return seconds(query.get("seconds", str(REFUSE_SECONDS)))
        if what not in SWITCHES:
            known = "ready, live, hang (?value=true|false) and refuse (?seconds=N)"
            raise ControlInvalid(f"/control/{what} is not one of {known}")
        value = query.get("value", "")
        if value not in WORDS:
            raise ControlInvalid(f"/control/{what}: value={value!r} is neither true nor false")
        setattr(self, what, WORDS[value])
        return 0.0

    def __str__(self) -> str:
        """As it is controlled: ``ready=true live=true hang=false``."""
        return " ".join(f"{what}={str(getattr(self, what)).lower()}" for what in SWITCHES)


def seconds(text: str) -> float:
    """A duration; raises ControlInvalid unless it is between 0 and an hour."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 3600:
        raise ControlInvalid(f"seconds={text!r} is not a number from 0 to 3600")
    return number
