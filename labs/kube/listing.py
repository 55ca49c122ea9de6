"""Lists: selected, in order, in pages.

The pages of one list are cut from one moment: the states found at the first request are held (they never
change) until newer lists need the room; a client that comes later gets 410 and starts again.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from labs.kube.kinds import Kind
from labs.kube.objects import Object, Stored
from labs.kube.selectors import Predicate, fields_matcher, labels_matcher
from labs.kube.status import StatusError, bad_request, expired, too_new
from labs.kube.store import Store

SNAPSHOTS = 64


def selection(kind: Kind, namespace: str, name: str, query: Mapping[str, str]) -> Predicate:
    """What a list, watch or deletecollection request selects."""
    by_label = labels_matcher(query.get("labelSelector", ""))
    by_field = fields_matcher(kind, query.get("fieldSelector", ""))

    def selects(obj: Object) -> bool:
        metadata = obj["metadata"]
        return (
            (not namespace or metadata.get("namespace") == namespace)
            and (not name or metadata["name"] == name)
            and by_label(obj)
            and by_field(obj)
        )

    return selects


class Lists:
    """Answers list requests; holds the rest of lists that are read in pages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rests: OrderedDict[str, tuple[int, Sequence[Stored]]] = OrderedDict()

    def page(self, kind: Kind, selects: Predicate, query: Mapping[str, str]) -> tuple[list[Stored], Object]:
        """The states of this page and the list's metadata."""
        limit = _limit(query.get("limit", ""))
        if query.get("continue"):
            version, rest = self._resume(query["continue"])
        else:
            self._check_version(query)
            version = self._store.version
            rest = [state for state in self._store.list(kind.kind) if selects(state.obj)]
        if not limit or len(rest) <= limit:
            return list(rest), {"resourceVersion": str(version)}
        metadata = {"resourceVersion": str(version), "continue": self._hold(version, rest[limit:])}
        return list(rest[:limit]), {**metadata, "remainingItemCount": len(rest) - limit}

    def _check_version(self, query: Mapping[str, str]) -> None:
        sent, current = query.get("resourceVersion", ""), self._store.version
        if sent in ("", "0"):
            return
        if not sent.isdigit():
            raise bad_request(f"resourceVersion: Invalid value: {sent!r}: it must be a whole number")
        if int(sent) > current:
            raise too_new(int(sent), current)
        if query.get("resourceVersionMatch") == "Exact" and int(sent) != current:
            raise expired(f"The provided resource version is too old: {sent} ({current})")

    def _hold(self, version: int, rest: Sequence[Stored]) -> str:
        name = secrets.token_hex(8)  # not a number: a restarted server must not take it for one of its own
        self._rests[name] = (version, rest)
        if len(self._rests) > SNAPSHOTS:
            self._rests.popitem(last=False)
        token = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "list": name})
        return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")

    def _resume(self, token: str) -> tuple[int, Sequence[Stored]]:
        try:
            name = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["list"]
        except (ValueError, KeyError, TypeError) as error:
            raise StatusError(400, "BadRequest", f"continue key is not valid: {error}") from error
        if name not in self._rests:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You must start a new list without the continue parameter."
            )
        return self._rests[name]


def _limit(text: str) -> int:
    if text and not text.isdigit():
        raise bad_request(f"limit: Invalid value: {text!r}: it must be a whole number, 0 or more")
    return int(text or 0)
