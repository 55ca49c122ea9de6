"""`lab init`: the first process of a lab, from the fork in `lab up` to the loop that it stays in.

Two forks, as a PID namespace begins with the next child: the outer process leaves the caller's session and
namespaces, notes its child's pid in the lock file and ends; the inner one is process 1 of the lab. It holds
the lock: when it ends, the lab is no longer alive, and the kernel ends everything in its namespaces.

Then the network (25 ms), the packages, and the processes that share them: the API server first, since all
wait for it. Forking it before the other packages are there would save 0.1 s and cost 20 MB, for what is
imported after a fork is shared with nobody.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from setproctitle import setproctitle

from vm import command, host, network, rootfs, syscalls
from vm.child import ENVIRONMENT, Ending, close_all_but
from vm.conversation import listen
from vm.errors import HostCannot, MachineError
from vm.lock import Lock, Process
from vm.nsenter import MACHINES
from vm.probe import become_root
from vm.spawn import JSON, Root, Spawn
from vm.zygote import SOCKET, Zygote

if TYPE_CHECKING:
    from vm.namespaces import ClusterSpec, MachineSpec

RESOLV_CONF = "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n"  # nobody there: names fail at once
LOG = "init.log"


class Story:
    """What `lab init` tells the caller of `start` meanwhile: a JSON object a line, through a pipe."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def step(self, text: str) -> None:
        """This is done."""
        self._tell({"step": text})

    def end(self) -> None:
        """All machines stand."""
        self._tell({"ready": True})
        self._close()

    def fail(self, error: str, cure: str = "") -> None:
        """It will not start, and why."""
        self._tell({"error": error, "cure": cure})
        self._close()

    def _tell(self, words: JSON) -> None:
        if self.pipe >= 0:
            os.write(self.pipe, json.dumps(words).encode() + b"\n")

    def _close(self) -> None:
        if self.pipe >= 0:
            os.close(self.pipe)
        self.pipe = -1


def begin(spec: ClusterSpec, lock: Lock, pipe: int) -> int:
    """Fork a lab off this process; returns the pid of the outer child, which ends very soon."""
    pid = os.fork()
    if pid == 0:
        with Ending() as ending:
            ending.code = _outer(spec, lock, Story(pipe))
    return pid


def _outer(spec: ClusterSpec, lock: Lock, story: Story) -> int:
    try:
        _detach(spec.home / "log")
        close_all_but({lock.descriptor, story.pipe, *(door.fileno() for door in spec.sockets.values())})
        kinds = _leave_namespaces()
        inner = os.fork()
        if inner == 0:
            _told(story, lambda: _inner(spec, story, kinds))
        else:
            _name(inner, lock)
    except (MachineError, OSError) as error:
        story.fail(str(error), getattr(error, "cure", ""))
        return 1
    return 0


def _name(inner: int, lock: Lock) -> None:
    """Note who holds the lock; without its name nobody could end the lab, so then it ends now."""
    try:
        if process := Process.of(inner):
            lock.name(process)
    except OSError:
        os.kill(inner, signal.SIGKILL)
        raise


def _told(story: Story, run: Callable[[], None]) -> None:
    try:
        run()
    except (MachineError, OSError, ImportError) as error:
        story.fail(str(error), getattr(error, "cure", ""))
        raise


def _detach(logs: Path) -> None:
    """No terminal, no folder in use, no environment of the caller's; output goes to the log."""
    setproctitle("lab init")  # first, for the title's place is found by the environment's
    logs.mkdir(mode=0o700, exist_ok=True)
    output = os.open(logs / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for number, descriptor in enumerate((nothing, output, output)):
        os.dup2(descriptor, number)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leave_namespaces() -> str:
    """All but the mount namespace: the outer process still needs the host's /proc. Says which, with it."""
    kinds = "process and mount" if os.geteuid() == 0 else "user, process and mount"
    try:
        become_root()
        syscalls.unshare(syscalls.CLONE_NEWNET | syscalls.CLONE_NEWPID)
        syscalls.set_dumpable()
    except OSError as error:
        raise _refused(error) from error
    return kinds


def _refused(error: OSError) -> HostCannot:
    return HostCannot(
        f"this host does not let us make namespaces: {error.strerror}", host.user_namespaces_cure()
    )


def _inner(spec: ClusterSpec, story: Story, kinds: str) -> None:
    _see_the_lab(spec)
    story.step(f"{kinds} namespaces")
    _lay_the_network(spec)
    story.step(f"the fabric and {len(spec.machines)} cables")
    zygote = _Lab(spec, story)
    listen(zygote, SOCKET)
    _load([daemon.entry.partition(":")[0] for daemon in spec.daemons if daemon.entry])
    _load(spec.preload)
    story.step("the daemons' packages")
    for process in (*spec.daemons, *(_process(spec, machine) for machine in spec.machines)):
        zygote.spawn(process)
    zygote.serve()


def _load(modules: Sequence[str]) -> None:
    """Import for all children to come; frozen, so that no collection of garbage writes to shared pages."""
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()


def _see_the_lab(spec: ClusterSpec) -> None:
    """Our own processes in /proc, our own /run with the state folder and our own code still in sight."""
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        rootfs.make_private()
        rootfs.mount_proc()
    except OSError as error:  # Ubuntu's AppArmor gives the user namespace, but no rights in it
        raise _refused(error) from error
    rootfs.hide({"/run": "0755"}, [spec.home, *rootfs.needed(), *map(Path, spec.programs.values())])
    for folder in (network.FOLDER, MACHINES):
        os.makedirs(folder)


def _lay_the_network(spec: ClusterSpec) -> None:
    fabric, machines = network.batches(spec.plan)
    for key, value in network.FABRIC.items():
        rootfs.set_sysctl(key, value)
    command.run(["ip", "-batch", "-"], input=fabric)
    cables = [command.start(["ip", "-n", name, "-batch", "-"], input=text) for name, text in machines.items()]
    for cable in cables:
        cable.finish()


def _process(spec: ClusterSpec, machine: MachineSpec) -> Spawn:
    """A machine as the lab starts it: the first process of the machine's own namespaces."""
    name = machine.node.name
    files = {
        "/etc/hosts": spec.plan.hosts_file(),
        "/etc/hostname": f"{name}\n",
        "/etc/resolv.conf": RESOLV_CONF,
    }
    return Spawn(
        name=name,
        title=f"lab init {name}",
        entry="vm.init:main",
        arguments={"services": [service.to_json() for service in machine.services]},
        netns=network.namespace(machine.node),
        hostname=name,
        root=Root({**files, **machine.files}, spec.programs, network.sysctls(machine.node)),
        plain_log=str(spec.home / "log" / f"{name}.log"),
        restart=True,
    )


class _Lab(Zygote):
    """The zygote that is process 1 of the lab: it notes where its machines are."""

    def __init__(self, spec: ClusterSpec, story: Story) -> None:
        super().__init__({name: socket.fileno() for name, socket in spec.sockets.items()}, self._stands)
        self._story = story
        self._awaited = {machine.node.name for machine in spec.machines}

    def _stands(self, spawn: Spawn, pid: int, error: str) -> None:
        if error:
            sys.stderr.write(f"{error}\n")
            self._story.fail(error)
        elif spawn.root:
            self._note(spawn.name, pid)

    def _note(self, machine: str, pid: int) -> None:
        fresh = Path(MACHINES, f".{machine}")
        fresh.write_text(f"{pid}\n", encoding="ascii")
        fresh.rename(Path(MACHINES, machine))
        self._awaited.discard(machine)
        if not self._awaited:
            self._story.end()
