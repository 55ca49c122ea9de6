"""kube-proxy's configuration as the text that an operator edits: a line changes, the rest stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labs.errors import LabError

MODE = re.compile(r"^mode:.*$", re.MULTILINE)
CLUSTER_CIDR = re.compile(r"^clusterCIDR:.*$", re.MULTILINE)
IPVS = re.compile(r"^ipvs:[ \t]*(?:\{\}|null)?[ \t]*\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
SCHEDULER = re.compile(r"^[ \t]+scheduler:.*\n", re.MULTILINE)


def mode_of(text: str) -> str:
    """The mode it asks for; empty if it does not say."""
    found = MODE.search(text)
    return found[0].removeprefix("mode:").split("#")[0].strip(" \"'") if found else ""


def with_mode(text: str, wanted: str, where: str) -> str:
    """The same with this mode; LabError unless exactly one line, in the ConfigMap `where`, says the mode."""
    changed, count = MODE.subn(f'mode: "{wanted}"', text)
    if count != 1:
        raise LabError(
            f"the ConfigMap {where} has {count} lines `mode: …`, not one",
            f"`lab kubectl -n kube-system edit cm {where}`",
        )
    return changed


def cluster_cidr_of(text: str) -> str:
    """Where the pods' addresses come from, as it says; empty if it does not."""
    found = CLUSTER_CIDR.search(text)
    return found[0].removeprefix("clusterCIDR:").split("#")[0].strip(" \"'") if found else ""


def with_cluster_cidr(text: str, cidrs: Iterable[str]) -> str:
    """The same with these ranges, one a family."""
    return CLUSTER_CIDR.sub(f"clusterCIDR: {','.join(cidrs)}", text)


def with_scheduler(text: str, wanted: str) -> str:
    """The same with this scheduler in its section `ipvs`, which is made if there is none."""
    text = text if text.endswith("\n") else text + "\n"
    found = IPVS.search(text)
    if found is None:
        return f"{text}ipvs:\n  scheduler: {wanted}\n"
    rest = SCHEDULER.sub("", found[1])
    indent = re.match(r"[ \t]*", rest)
    spaces = (indent[0] if indent else "") or "  "
    return f"{text[: found.start()]}ipvs:\n{spaces}scheduler: {wanted}\n{rest}{text[found.end() :]}"
