"""How an ``echo`` pod behaves: well, or as someone told it to, to see what Kubernetes makes of it."""

from __future__ import annotations

from dataclasses import dataclass

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
    refuse: float = 0.0  # seconds for which nothing listens; whoever serves resets it

    def control(self, what: str, query: dict[str, str]) -> None:
        """Change one thing; raises ControlInvalid naming the things there are."""
        if what == "refuse":
            self.refuse = seconds(query.get("seconds", str(REFUSE_SECONDS)))
            return
        if what not in ("ready", "live", "hang"):
            known = "ready, live, hang (?value=true|false) and refuse (?seconds=N)"
            raise ControlInvalid(f"/control/{what} is not one of {known}")
        value = query.get("value", "")
        if value not in WORDS:
            raise ControlInvalid(f"/control/{what}: value={value!r} is neither true nor false")
        setattr(self, what, WORDS[value])


def seconds(text: str) -> float:
    """A duration; raises ControlInvalid unless it is between 0 and an hour."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 3600:
        raise ControlInvalid(f"seconds={text!r} is not a number from 0 to 3600")
    return number
