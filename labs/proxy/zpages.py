"""/statusz and /flagz: what runs here since when, and with which flags.

Plain text for people. Programs ask for a version of the structured form, ``Accept:
application/json;v=v1beta1;g=config.k8s.io;as=Statusz``, and get no other JSON than one they named: 406.
https://kubernetes.io/docs/reference/instrumentation/zpages/
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from labs.kube.version import VERSION

NAME = "kube-proxy"
GROUP, VERSIONS = "config.k8s.io", ("v1alpha1", "v1beta1")
WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees"
    " and is for debugging purposes only."
)
NOT_ACCEPTABLE = 406

Answer = tuple[int, str, str]
"""Status code, content type, text."""


@dataclass(frozen=True)
class ZPages:
    """What there is to tell of one kube-proxy."""

    flags: Mapping[str, str]
    paths: Iterable[str] = ()
    clock: Callable[[], float] = time.time
    started: float = field(default_factory=time.time)

    def statusz(self, accept: str) -> Answer:
        """What runs here, and since when."""
        up = int(self.clock() - self.started)
        facts = {
            "startTime": _moment(self.started).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "uptimeSeconds": up,
            "goVersion": f"python{platform.python_version()}",
            "binaryVersion": f"{VERSION.removeprefix('v')}+lab",
            "emulationVersion": VERSION.removeprefix("v").rpartition(".")[0],
            "paths": sorted(self.paths),
        }
        lines = (
            f"Started: {_moment(self.started).strftime('%a %b %e %H:%M:%S UTC %Y')}",
            f"Up: {up // 3600} hr {up // 60 % 60:02d} min {up % 60:02d} sec",
            f"Go version: {facts['goVersion']}",
            f"Binary version: {facts['binaryVersion']}",
            f"Emulation version: {facts['emulationVersion']}",
            f"Paths: {' '.join(sorted(self.paths))}",
        )
        return _answer(accept, "Statusz", facts, (f"{NAME} statusz", lines))

    def flagz(self, accept: str) -> Answer:
        """The flags with their values, given or by default."""
        flags = dict(sorted(self.flags.items()))
        lines = (f"{name}={value}" for name, value in flags.items())
        return _answer(accept, "Flagz", {"flags": flags}, (f"{NAME} flags", lines))


def _answer(accept: str, kind: str, facts: Mapping[str, Any], page: tuple[str, Iterable[str]]) -> Answer:
    """In the first form of those accepted that there is."""
    for wanted in accept.split(",") if accept else ["text/plain"]:
        media, *rest = (part.strip() for part in wanted.split(";"))
        given = dict(part.partition("=")[::2] for part in rest)
        version = given.get("v", "")
        if media in ("text/plain", "text/*", "*/*"):
            return 200, "text/plain", "\n".join((page[0], WARNING, "", *page[1], ""))
        known = version in VERSIONS and (given.get("g"), given.get("as")) == (GROUP, kind)
        if media in ("application/json", "application/*") and known:
            head = {"kind": kind, "apiVersion": f"{GROUP}/{version}", "metadata": {"name": NAME}}
            return 200, "application/json", json.dumps({**head, **facts})
    example = f"application/json;v={VERSIONS[-1]};g={GROUP};as={kind}"
    return NOT_ACCEPTABLE, "text/plain", f"only text/plain and {example} are served here, not {accept}\n"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
