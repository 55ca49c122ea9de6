"""From virtual machines that answer by ssh to machines of the lab: ansible-runner, and what it reports.

The roles are in vm/ansible. Each host's variables come from who knows the cluster (labs/guests.py); here they
become an inventory, Ansible's events become steps for whoever waits, and its failures one sentence. mitogen
is Ansible's strategy, because under emulation a Python a task costs 4 to 14 s, and one a machine 12 s in all.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vm.errors import HostCannot, MachineError
from vm.vagrant_cli import ENDINGS

PLAYBOOK = Path(__file__).parent / "ansible" / "site.yml"
FAILURES = ("runner_on_failed", "runner_on_unreachable", "runner_item_on_failed")
RUNS_KEPT = 3
SILENCE = 600  # seconds without a word, after which a machine is taken to have died under Ansible's hands
GO_ON = "`lab up` goes on from there; all that Ansible said: {folder}/artifacts"
CURES = {  # task → the next step, where it is another
    "Install the programs that the box lacks": "`lab down --purge`, `lab box build`, which makes a box that "
    "has them, and `lab up --backend vagrant`; or give the machines a way to Debian's packages",
}

Event = Mapping[str, Any]
Variables = Mapping[str, Any]


class ProvisionFailed(MachineError):
    """A task failed on a machine, or a machine could not be reached."""


@dataclass
class Story:
    """Ansible's events, told a role at a time."""

    report: Callable[[str], None]
    role: str = ""
    tasks: set[str] = field(default_factory=set)
    changed: dict[str, int] = field(default_factory=dict)  # machine → tasks that changed something
    told: int = 0  # changes of the roles before
    failure: str = ""
    failed: str = ""  # the task

    def hear(self, event: Event) -> bool:
        """One event; False, for ansible-runner is not to keep it in a file (it may hold a token)."""
        kind, data = str(event.get("event")), event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self._begin(str(data.get("role", "")))
        elif kind in FAILURES and not data.get("ignore_errors"):
            reached = kind != "runner_on_unreachable"
            self.failed = self.failed or (str(data.get("task")) if reached else "")
            self.failure = self.failure or _failure(kind, data)
        elif kind == "runner_on_ok":
            self.tasks.add(str(data.get("task")))
            host = str(data.get("host"))
            self.changed[host] = self.changed.get(host, 0) + bool(data.get("res", {}).get("changed"))
        elif kind == "playbook_on_stats":
            self._begin("")
            self._end(data.get("changed", {}))
        return False

    def _begin(self, role: str) -> None:
        if role != self.role and self.tasks:
            changes = sum(self.changed.values()) - self.told
            counts = _count(len(self.tasks), "task"), _count(changes, "change")
            self.report(f"{self.role.replace('_', ' ')}: {', '.join(counts)}")
            self.tasks, self.told = set(), self.told + changes
        self.role = role

    def _end(self, changed: Mapping[str, int]) -> None:
        """Ansible's totals: of a task with secrets (`no_log`) ansible-runner does not tell the change."""
        untold = sum(changed.values()) - sum(self.changed.values())
        if untold > 0:
            self.report(f"secrets: {_count(untold, 'change')}")
        self.changed.update(changed)


def provision(
    folder: Path, ssh_config: Path, machines: Mapping[str, Variables], report: Callable[[str], None]
) -> Mapping[str, int]:
    """Bring the machines to what the roles say; returns how many tasks changed something, by machine.

    ``machines`` are variables by name, the control plane's first; ``folder`` is for Ansible's own files. What
    a run that did not end well had still to restart, the next one restarts: its file ``unfinished`` is there.
    Raises ProvisionFailed, and HostCannot where Ansible is not installed.
    """
    import ansible_runner

    story = Story(report)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / "unfinished"
    hosts = inventory(machines, ssh_config, unfinished=unfinished.exists())
    unfinished.touch()
    with _interrupted() as cancel:
        result = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=str(PLAYBOOK),
            inventory=hosts,
            envvars=environment(),
            event_handler=story.hear,
            cancel_callback=cancel.is_set,
            quiet=True,
            suppress_env_files=True,
            rotate_artifacts=RUNS_KEPT,
            settings={"idle_timeout": SILENCE},
        )
    if cancel.is_set():
        raise KeyboardInterrupt
    if result.status != "successful":
        raise ProvisionFailed(
            story.failure or f"Ansible ended as `{result.status}`, code {result.rc}: {_last_words(folder)}",
            CURES.get(story.failed, GO_ON).format(folder=folder),
        )
    unfinished.unlink()
    return story.changed


def inventory(
    machines: Mapping[str, Variables], ssh_config: Path, *, unfinished: bool = False
) -> dict[str, Any]:
    """As Ansible reads it: every machine a node, the first also the control plane."""
    first, *_ = machines
    common = {
        "ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "lab_unfinished": unfinished,
    }
    return {
        "all": {
            "vars": common,
            "children": {
                "nodes": {"hosts": {name: dict(variables) for name, variables in machines.items()}},
                "control": {"hosts": {first: {}}},
            },
        }
    }


def environment() -> dict[str, str]:
    """What Ansible is told by its environment: our settings instead of the user's, and where mitogen is."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(PLAYBOOK.parent / "ansible.cfg"),
        "ANSIBLE_STRATEGY_PLUGINS": str(_mitogen() / "plugins" / "strategy"),
        "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",  # Ansible insists on UTF-8
    }


def _mitogen() -> Path:
    spec = find_spec("ansible_mitogen")
    if spec is None or spec.origin is None:
        raise HostCannot("the package `mitogen` is not installed", "`make up` installs the locked packages")
    return Path(spec.origin).parent


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _failure(kind: str, data: Event) -> str:
    result = data.get("res", {})
    said = next((str(result[key]) for key in ("msg", "stderr", "module_stderr") if result.get(key)), "")
    what = "is not reached" if kind == "runner_on_unreachable" else f"cannot: {data.get('task')}"
    return f"{data.get('host')} {what}: {said.strip() or 'it did not say why'}"


def _last_words(folder: Path) -> str:
    outputs = sorted(folder.glob("artifacts/*/stdout"), key=lambda path: path.stat().st_mtime)
    lines = outputs[-1].read_text(errors="replace").strip().splitlines() if outputs else []
    return lines[-1] if lines else "it said nothing"


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Whether it is to end. ansible-runner ends its Ansible when told so, but not on an exception."""
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {signum: signal.signal(signum, lambda *_: came.set()) for signum in ENDINGS}
    try:
        yield came
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
