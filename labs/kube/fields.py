"""What is wrong with a field, in the words of Kubernetes' ``field.Error``.

``spec.ports[0].nodePort: Invalid value: 31103: provided port is already allocated``: the path, the kind of
error, the value found, and the rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REASONS = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Forbidden": "FieldValueForbidden",
    "Too long": "FieldValueTooLong",
    "Not found": "FieldValueNotFound",
}
NO_VALUE = ("Required value", "Forbidden", "Too long")  # these do not repeat the value


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error; ``reason`` and ``body`` are the two parts a Status' cause has."""

    path: str
    type: str
    value: Any
    detail: str

    @property
    def reason(self) -> str:
        """``FieldValueInvalid`` and the like."""
        return REASONS[self.type]

    @property
    def body(self) -> str:
        """The text without the path."""
        parts = [self.type]
        if self.type not in NO_VALUE:
            parts.append(shown(self.value))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)

    def __str__(self) -> str:
        return f"{self.path}: {self.body}"


def shown(value: Any) -> str:
    """A value as Kubernetes shows it: text in quotes, numbers bare, the rest as JSON."""
    return "null" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(path: str, detail: str = "") -> FieldError:
    """The field must have a value."""
    return FieldError(path, "Required value", None, detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """The value breaks a rule."""
    return FieldError(path, "Invalid value", value, detail)


def forbidden(path: str, detail: str) -> FieldError:
    """The field may not be set, or not be changed."""
    return FieldError(path, "Forbidden", None, detail)


def duplicate(path: str, value: Any) -> FieldError:
    """The value occurs twice where each may occur once."""
    return FieldError(path, "Duplicate value", value, "")


def too_long(path: str, limit: int) -> FieldError:
    """The value has more bytes than allowed."""
    return FieldError(path, "Too long", None, f"may not be more than {limit} bytes")


def not_found(path: str, value: Any) -> FieldError:
    """The value refers to something that does not exist."""
    return FieldError(path, "Not found", value, "")


def unsupported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """The value is none of a fixed set."""
    known = ", ".join(f'"{one}"' for one in sorted(supported))
    return FieldError(path, "Unsupported value", value, f"supported values: {known}")
