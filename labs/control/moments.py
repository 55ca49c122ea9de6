"""Moments as Kubernetes writes them: RFC 3339 in UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """``2026-11-23T09:00:00Z``: the type metav1.Time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """The moment that a time stamp names; ValueError if it is none."""
    return datetime.fromisoformat(text)


def age(text: str | None, at: datetime) -> float:
    """Seconds from a time stamp to ``at``; an absent one counts as just now."""
    return (at - parse(text)).total_seconds() if text else 0.0
