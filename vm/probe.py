"""Namespaces made as the lab makes them, to try things in, and gone right after.

`python -m vm.probe` is a process of its own for two reasons: nobody can step back out of a user namespace,
and Ubuntu's AppArmor allows them by program, so what is tried must be this Python, not unshare(1). It reads
shell text and runs it as root in there; it prints a line a step it takes before: name, errno, message.
`attempt` is the caller's side.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from vm import syscalls
from vm.command import run
from vm.syscalls import MountFlag

Outcome = tuple[int, str]  # 0 or an error number or exit code; the last line of what was said
TRY = """( {probe}
) >/run/out 2>&1; printf '%s\\t%s\\t%s\\n' '{name}' $? "$(tail -n 1 /run/out)"
"""


def attempt(probes: Mapping[str, str]) -> dict[str, Outcome]:
    """Try the steps and then each probe (a name, shell text); what was not reached is not in the answer."""
    script = "".join(TRY.format(name=name, probe=text) for name, text in probes.items())
    environ = {**os.environ, "PATH": search_path(), "LC_ALL": "C"}
    words = [sys.executable, "-P", "-m", "vm.probe"]
    done = run(words, input=script, timeout=20, check=False, env=environ)
    rows = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 2]
    return {name: (int(code), said) for name, code, said in rows}


def search_path() -> str:
    """Where to look for programs: an ordinary user's PATH on Debian lacks /usr/sbin, a machine's has it."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def become_root() -> None:
    """A user namespace in which this user is root; nothing to do for root."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        return
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    syscalls.set_dumpable()
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def leave_the_rest() -> None:
    """Network, mounts, host name and (for the next child) process numbers of our own."""
    syscalls.unshare(
        syscalls.CLONE_NEWNET | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWPID
    )


def hide_run() -> None:
    """An empty /run that the host does not see."""
    syscalls.mount("none", "/", flags=MountFlag.REC | MountFlag.PRIVATE)
    syscalls.mount("tmpfs", "/run", "tmpfs")


def see_read_only() -> None:
    """The host's files, bound elsewhere and made read-only with all that is mounted in them."""
    Path("/run/root").mkdir()
    syscalls.bind("/", "/run/root")
    syscalls.set_readonly("/run/root")
    syscalls.umount("/run/root")


STEPS: dict[str, Callable[[], None]] = {
    "user namespaces": become_root,
    "network, mount, PID namespaces": leave_the_rest,
    "a /run of its own": hide_run,
    "the host's files, read-only": see_read_only,
}


def main() -> None:
    """Take the steps, then run the shell text from standard input."""
    script = sys.stdin.read()
    for name, step in STEPS.items():
        try:
            step()
        except OSError as error:
            sys.stdout.write(f"{name}\t{error.errno or 1}\t{error.strerror}\n")
            return
        sys.stdout.write(f"{name}\t0\t\n")
    sys.stdout.write(run(["sh"], input=script, timeout=15, check=False).stdout)


if __name__ == "__main__":
    main()
