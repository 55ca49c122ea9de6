"""Every refusal of the API as the Status object that Kubernetes gives, with its wording.

The texts are apimachinery's (``pkg/api/errors``), because people search the web for them and programs match
on them. Each function makes one ``StatusError``; whoever handles the request turns it into the HTTP answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labs.kube.fields import FieldError
from labs.kube.kinds import Kind

BODY_LIMIT = 3 * 1024 * 1024  # bytes, as the real server's limit for resource requests


class StatusError(Exception):
    """A request was refused; ``status`` is the body of the answer."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = details

    @property
    def status(self) -> dict[str, Any]:
        """The Status object."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            body["details"] = self.details
        return {**body, "code": self.code}


def _details(kind: Kind, name: str) -> dict[str, Any]:
    parts = {"name": name, "group": kind.group, "kind": kind.plural}
    return {field: value for field, value in parts.items() if value}


def not_found(kind: Kind, name: str) -> StatusError:
    """There is no such object."""
    return StatusError(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def no_such_path() -> StatusError:
    """The path, kind or subresource is not served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> StatusError:
    """Created twice."""
    message = f'{kind.resource} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> StatusError:
    """The writer worked on an old state, or a precondition does not hold."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(kind, name))


def invalid(kind: Kind, name: str, errors: Sequence[FieldError]) -> StatusError:
    """Fields have values that the kind does not allow."""
    texts = [str(error) for error in errors]
    said = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {
        **_details(kind, name),
        "kind": kind.kind,
        "causes": [{"reason": error.reason, "message": error.body, "field": error.path} for error in errors],
    }
    return StatusError(422, "Invalid", f'{kind.kind} "{name}" is invalid: {said}', details)


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[dict[str, str]] = ()) -> StatusError:
    """Admission refuses."""
    details = _details(kind, name)
    if causes:
        details["causes"] = list(causes)
    return StatusError(403, "Forbidden", f'{kind.resource} "{name}" is forbidden: {why}', details)


def bad_request(message: str) -> StatusError:
    """The request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """No token, or one that is not known; never says which."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> StatusError:
    """The history asked for is no longer kept; list again."""
    return StatusError(410, "Expired", message)


def too_large() -> StatusError:
    """The body is over the limit."""
    message = f"Request entity too large: limit is {BODY_LIMIT}"
    return StatusError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """The body is in a format that is not understood."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return StatusError(415, "UnsupportedMediaType", message)


def method_not_allowed() -> StatusError:
    """The verb does not exist for this resource."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message)


def too_new(asked: int, current: int) -> StatusError:
    """A resourceVersion from the future, as after a restore of older state."""
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return StatusError(504, "Timeout", message, {**details, "retryAfterSeconds": 1})


def storage(error: Exception) -> StatusError:
    """The write did not reach the disk; nothing was changed."""
    message = (
        f"the object could not be stored: {error}; nothing was changed. "
        "Free some space in the file system of the lab's state folder and try again"
    )
    return StatusError(507, "InternalError", message)


def internal(error: Exception) -> StatusError:
    """A fault of ours; the log has the details."""
    return StatusError(500, "InternalError", f"Internal error occurred: {type(error).__name__}: {error}")
