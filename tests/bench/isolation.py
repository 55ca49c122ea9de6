"""Scripts of this folder, run in namespaces of their own: what they do to rules and links ends with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
RESULT = "RESULT "
NAMES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
OTHERS = ("/usr/sbin", "/sbin")
"""Folders of root's programs, which an ordinary user's PATH lacks."""


def isolated(script: str, *argv: str, env: Mapping[str, str] | None = None) -> Any:
    """What a script hands to ``report``, from network and mount namespaces that end with it."""
    mine = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words = ["unshare", *mine, "--net", "--mount", "--kill-child", "--fork"]
    words += [sys.executable, str(HERE / script), *argv]
    path = os.pathsep.join((os.environ["PATH"], *OTHERS))
    done = subprocess.run(
        words, env={**os.environ, "PATH": path, **(env or {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    results = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if done.returncode or not results:
        sys.exit(f"{script} {' '.join(argv)} ended with {done.returncode}: {done.stdout[-2000:]}")
    return json.loads(results[-1].removeprefix(RESULT))


def report(result: object) -> None:
    """The last thing that an isolated script does."""
    print(RESULT + json.dumps(result), flush=True)


def new_network() -> None:
    """This process, not its other threads, goes on in an empty network namespace."""
    from vm import syscalls

    syscalls.unshare(syscalls.CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def program(variant: str) -> str:
    """Where this variant of iptables is; empty if it is not installed."""
    places = (f"{folder}/xtables-{variant}-multi" for folder in OTHERS)
    return next((place for place in places if Path(place).exists()), "")


@contextmanager
def iptables(variant: str) -> Iterator[dict[str, str]]:
    """The environment in which ``iptables`` is this variant, legacy or nft, whatever the host has chosen.

    The lock is a file of our own: the host's iptables must not wait for a benchmark, nor the other way round.
    """
    with TemporaryDirectory(prefix="lab-bench-") as folder:
        for name in NAMES:
            Path(folder, name).symlink_to(program(variant))
        path = os.pathsep.join((folder, os.environ["PATH"], *OTHERS))
        yield {"PATH": path, "XTABLES_LOCKFILE": f"{folder}/lock"}


def timed(action: Callable[[], object]) -> float:
    """Seconds that ``action`` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def until(condition: Callable[[], object], seconds: float = 60, what: str = "a condition") -> None:
    """Wait for it, looking as often as the machine allows."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what} of the benchmark did not come true within {seconds:g} s")
        time.sleep(0.005)
