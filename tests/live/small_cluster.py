"""A cluster with no Kubernetes in it; a program, so that another user can work it.

small_cluster.py HOME start | stop | run MACHINE WORD… | shell MACHINE [WORD…] | pod MACHINE PID WORD…
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vm import inventory, namespaces
from vm.errors import MachineError
from vm.namespaces import ClusterSpec, MachineSpec
from vm.nsenter import Contained
from vm.plan import plan
from vm.spawn import Spawn


def specification(home: Path) -> ClusterSpec:
    """Two workers; a service on each machine, a daemon beside them."""
    made = plan(2)
    service = Spawn("sleeper", "sleeper", argv=("sleep", "1234"), restart=True)
    machines = tuple(MachineSpec(node, (service,), {"/etc/new/name": "mine\n"}) for node in made.nodes)
    beside = Spawn("beside", "beside", argv=("sleep", "4321"), netns="/run/netns/control-1", restart=True)
    return ClusterSpec(home, made, machines, (beside,), preload=("asyncio",))


def start(home: Path) -> int:
    began = time.perf_counter()
    steps: list[str] = []
    namespaces.start(specification(home), steps.append)
    json.dump({"seconds": time.perf_counter() - began, "steps": steps}, sys.stdout)
    return 0


def stop(home: Path) -> int:
    began = time.perf_counter()
    json.dump({"ran": namespaces.stop(home), "seconds": time.perf_counter() - began}, sys.stdout)
    return 0


def machine(home: Path, name: str) -> Contained:
    found = inventory.load(home / "inventory.json").machine(name)
    if not isinstance(found, Contained):
        raise TypeError(f"{name} is a {type(found).__name__}")
    return found


def run(home: Path, name: str, *argv: str) -> int:
    done = machine(home, name).run(argv, check=False)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def shell(home: Path, name: str, *argv: str) -> int:
    return machine(home, name).shell(argv)


def pod(home: Path, name: str, pid: str, *argv: str) -> int:
    return machine(home, name).inside(int(pid)).shell(argv)


VERBS: dict[str, Callable[..., int]] = {"start": start, "stop": stop, "run": run, "shell": shell, "pod": pod}

if __name__ == "__main__":
    try:
        sys.exit(VERBS[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:]))
    except MachineError as error:
        sys.exit(f"{type(error).__name__}: {error}\n{error.cure}")
