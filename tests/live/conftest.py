"""A real lab for the live tests: the `lab` command, run as a user runs it, on a state folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from guest_kernel.outside import (  # noqa: F401  # hooks: what needs IPVS runs in a guest
    pytest_collection_modifyitems,
    pytest_runtest_protocol,
    pytest_sessionfinish,
)
from proxy_stage.patience import PATIENCE

from vm import inventory

ROOT = Path(__file__).parents[2]
NAMESPACE = "eks-dev-1-appname-ns"
NODES = ("control-1", "worker-1", "worker-2")
Done = subprocess.CompletedProcess[str]
# Counters that the kernel or other programs of the host move all the time.
RESTLESS = re.compile(
    r"^(fs\.|kernel\.(random|ns_last_pid|pty|sched)|net\.netfilter\.nf_conntrack_count|vm\.)"
)


@dataclass
class Lab:
    """One state folder and the command that works on it."""

    home: Path
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "labs.cli")
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *argv: str, text: str | None = None, timeout: float = 90) -> Done:
        """Any outcome is given back."""
        return subprocess.run(
            [*self.command, *argv],
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout * PATIENCE,
            check=False,
            env=self._variables(),
            cwd="/",
        )

    def begin(self, *argv: str) -> subprocess.Popen[str]:
        """The command, running: `communicate` ends its input and gives what it printed."""
        pipe = subprocess.PIPE
        words, variables = [*self.command, *argv], self._variables()
        return subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=variables, cwd="/"
        )

    def _variables(self) -> dict[str, str]:
        variables = {**os.environ, "LAB_HOME": str(self.home), **self.environment}
        variables.pop("LAB_WORKSPACE", None)
        return variables

    def __call__(self, *argv: str, text: str | None = None, timeout: float = 90) -> str:
        """What it prints; a failing command fails the test with all it said."""
        done = self.run(*argv, text=text, timeout=timeout)
        if done.returncode:
            pytest.fail(f"lab {' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def on(self, machine: str, *argv: str) -> str:
        """What a command prints on a machine."""
        return self("shell", machine, "--", *argv)

    def kubectl(self, *argv: str, text: str | None = None) -> str:
        """What kubectl prints."""
        return self("kubectl", *argv, text=text)

    def objects(self, *argv: str) -> list[dict[str, object]]:
        """The items of `kubectl get … -o json`."""
        items: list[dict[str, object]] = json.loads(self.kubectl("get", *argv, "-o", "json"))["items"]
        return items

    def reads(self, machine: str, script: str) -> str:
        """What a shell script prints on a machine, asked without the `lab` command: fast, to look often."""
        return inventory.load(self.home / "inventory.json").machine(machine).run(["sh", "-c", script]).stdout

    @property
    def init(self) -> int:
        """The pid of the lab's first process."""
        return int(json.loads((self.home / "inventory.json").read_text())["init"]["pid"])

    def processes(self) -> dict[int, str]:
        """Lab init and all that descends from it: pid → title."""
        parents = dict(_parents())
        return {pid: _title(pid) for pid in parents if self.init in _line(pid, parents)}

    def pid(self, title: str, on: str = "") -> int:
        """The host's pid of one of them; `on` is the machine, told apart by its network namespace."""
        wanted = _netns(self.init, on) if on else None
        found = [
            pid
            for pid, name in self.processes().items()
            if name.split()[:1] == [title] and (wanted is None or _own_netns(pid) == wanted)
        ]
        assert found, f"no process {title} on {on or 'the lab'}: {self.processes()}"
        return found[0]

    @staticmethod
    def until(true: Callable[[], object], seconds: float = 20, why: str = "") -> float:
        """Poll until `true()` holds; the seconds it took. Fails the test after the deadline."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > seconds * PATIENCE:
                pytest.fail(f"not within {seconds:g} s: {why or true}")
            time.sleep(0.02)
        return time.monotonic() - began


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(folder.name), int(fields[1])


def _line(pid: int, parents: Mapping[int, int]) -> list[int]:
    line = [pid]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    return line


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def _own_netns(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


def _netns(init: int, machine: str) -> int:
    return os.stat(f"/proc/{init}/root/run/netns/{machine}").st_ino


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab that the tests of a session share; a test that breaks it must mend it."""
    shared = Lab(tmp_path_factory.mktemp("lab") / "home")
    shared("up", timeout=120)
    yield shared
    shared("down", "--purge")


@pytest.fixture
def on_each_worker(lab: Lab) -> Iterator[dict[str, str]]:
    """A pod `on-NODE` a worker, listening at 3001, and their labels; the example's may both be on one."""
    labels, space = {"app": "near"}, ("-n", "eks-dev-1-appname-ns")
    for node in NODES[1:]:
        container = {"name": "echo", "image": "echo", "args": ["--http", "3001"]}
        spec = {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [container]}
        made = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"on-{node}", "labels": labels},
            "spec": spec,
        }
        lab.kubectl("apply", *space, "-f", "-", text=json.dumps(made))
    lab.kubectl("wait", "pod", "-l", "app=near", *space, "--for=condition=Ready", "--timeout=60s")
    yield labels
    lab.kubectl("delete", "pod", "-l", "app=near", *space, "--grace-period=1")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Lab]:
    """A state folder of one test's own, with nothing running in it yet."""
    own = Lab(tmp_path / "home")
    yield own
    own.run("down", "--purge")
    shutil.rmtree(own.home, ignore_errors=True)


@pytest.fixture(scope="session")
def lab_of() -> type[Lab]:
    """A lab of another state folder, by another command."""
    return Lab


@pytest.fixture(scope="session")
def host() -> Callable[[Path], dict[str, list[str]]]:
    """All of the host that the lab of a state folder could leave a mark on, as it is now."""
    return _host


def _host(home: Path) -> dict[str, list[str]]:
    def told(*argv: str) -> list[str]:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()

    lives = re.compile(r"valid_lft \S+ preferred_lft \S+")
    return {
        "links": [re.sub(r" qlen.*", "", line) for line in told("ip", "-o", "link")],
        "addresses": [lives.sub("", line) for line in told("ip", "-o", "addr")],
        "routes": told("ip", "route", "show", "table", "all"),
        "named namespaces": told("ip", "netns"),
        "rules": told("nft", "list", "ruleset") + told("ip", "rule"),
        "mounts": [line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()],
        "sysctls": [line for line in told("sysctl", "-a") if not RESTLESS.match(line)],
        "processes": sorted(each.name for each in Path("/proc").glob("[0-9]*") if _belongs(each, home)),
    }


def _belongs(process: Path, home: Path) -> bool:
    """Whether it names the state folder, works in it, or holds its lock."""
    try:
        told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        working = (process / "cwd").resolve()
        opened = [os.readlink(each) for each in (process / "fd").iterdir()]
    except OSError:
        return False
    return str(home).encode() in told or home in (working, *working.parents) or str(home / "lock") in opened
