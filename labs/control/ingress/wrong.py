"""What keeps an Ingress, or a part of it, from being served."""

from __future__ import annotations


class Wrong(Exception):
    """The text becomes an Event: it names the thing, the value found and what to do."""
