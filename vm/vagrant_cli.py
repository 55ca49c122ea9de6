"""How Vagrant is spoken to: python-vagrant knows its words and answers, we start the processes.

At our own door an interruption ends in order (Vagrant finishes what it is at, then stops), and silence has a
limit: a machine that never gets an address would keep Vagrant waiting for hours.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import vagrant

from vm import command, vagrant_faults
from vm.errors import CommandFailed

SILENCE = 300  # seconds without a word: an emulated machine boots in 20 to 60
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ASKING = 120.0  # seconds for what Vagrant answers from its own notes
Report = Callable[[str], object]

STEPS = (
    (r"Downloading: (?!file:)(\S+)", "the box is downloaded: {0}"),
    (r"Successfully added box", "the box is unpacked"),
    (r"==> (\S+): (?:Starting domain|Booting VM|Starting VM)", "{0} starts"),
    (r"==> (\S+): Resuming", "{0} goes on"),
    (r"==> (\S+): Machine booted and ready", "{0} answers"),
    (r"==> (\S+): (?:Removing domain|Destroying VM)", "{0} is removed"),
    (r"==> (\S+): Restoring the snapshot", "{0} goes back"),
)
"""What is told of all that Vagrant says: a regular expression, and the step that it means."""


class Late(KeyboardInterrupt):
    """Vagrant was silent for too long: our door interrupts it as Ctrl-C would."""


def environment(folder: Path) -> dict[str, str]:
    """Vagrant's: whatever the user has set for machines of their own, these are in that folder."""
    ours = {
        "VAGRANT_CWD": str(folder),
        "VAGRANT_DOTFILE_PATH": str(folder / ".vagrant"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "LIBVIRT_DEFAULT_URI": "qemu:///system",
    }
    kept = {name: value for name, value in os.environ.items() if name != "VAGRANT_VAGRANTFILE"}
    return kept | ours


class Spoken(vagrant.Vagrant):  # type: ignore[misc]
    """python-vagrant, with steps told to ``report``; raises CommandFailed with what Vagrant said."""

    def __init__(self, folder: Path, report: Report) -> None:
        super().__init__(root=str(folder))
        self.env = environment(folder)
        self._report = report

    def save(self, machine: str, name: str) -> None:
        """Keep a snapshot of a machine, of all if none is named, instead of one of that name."""
        self._call_vagrant_command(["snapshot", "save", "--force", *([machine] if machine else []), name])

    def restore(self, name: str) -> None:
        """All machines go back to the snapshot of that name."""
        self._call_vagrant_command(["snapshot", "restore", name, "--no-provision"])

    def _call_vagrant_command(self, args: Sequence[str | None]) -> None:
        # Not --no-tty: Vagrant is then silent about a download, however long it takes.
        words = self._make_vagrant_command([*args, "--no-color"])
        heard = Heard(self._report)
        with limit(SILENCE) as clock:

            def write(text: str) -> None:
                heard.write(text)
                clock.again(heard.text)

            code = command.stream(words, write, env=self.env)
        heard.write("\n")
        if clock.late:
            raise vagrant_faults.silent(SILENCE, clock.heard)
        if clock.interrupted or vagrant_faults.INTERRUPTED.search(heard.text):
            raise KeyboardInterrupt
        if code:
            raise CommandFailed(tuple(words), code, heard.text)

    def _run_vagrant_command(self, args: Sequence[str | None]) -> str:
        """An answer for programs; so is what Vagrant says when it cannot."""
        words = self._make_vagrant_command(args)
        done = command.run(words, timeout=ASKING, env=self.env, check=False)
        if done.returncode:
            raise CommandFailed(tuple(words), done.returncode, f"{plain(done.stdout)}\n{done.stderr}")
        return done.stdout


class Heard:
    """Vagrant's output, line by line as it comes."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rest = ""
        self.text = ""

    def write(self, text: str) -> None:
        """The next piece; lines of a bar that grows end with a carriage return and are forgotten."""
        *lines, self._rest = re.split(r"[\r\n]", self._rest + text)
        for line in (re.sub(r"\x1b\[K", "", line) for line in lines):  # of a bar that is written over
            if line.strip() and "Progress:" not in line:
                self.text += line + "\n"
                self._tell(line)

    def _tell(self, line: str) -> None:
        for said, step in STEPS:
            if found := re.search(said, line):
                self._report(step.format(*found.groups()))


def plain(answer: str) -> str:
    """What Vagrant tells programs (its `--machine-readable`), as it tells people."""
    told = [line.split(",", 4)[-1] for line in answer.splitlines() if ",error-exit," in line] or [answer]
    return "\n".join(told).replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n")


class Clock:
    """An alarm that goes off when nothing was heard for some seconds; notes who else wants an end."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self.late = False
        self.interrupted = False
        self.heard = ""

    def again(self, heard: str) -> None:
        """Something was heard; what comes after the alarm is Vagrant's tidying up."""
        if not self.late:
            self.heard = heard
            signal.alarm(self._seconds)

    def ring(self, signum: int, frame: FrameType | None) -> None:
        """Nothing was."""
        self.late = True
        raise Late

    def end(self, signum: int, frame: FrameType | None) -> None:
        """A person, or who ends this process, wants it to stop: Vagrant hears of it as of a Ctrl-C."""
        self.interrupted = True
        raise KeyboardInterrupt


@contextmanager
def limit(seconds: int) -> Iterator[Clock]:
    """Raise Late after so many seconds in which the clock was not told ``again``."""
    clock = Clock(seconds)
    handlers = {signal.SIGALRM: clock.ring, **dict.fromkeys(ENDINGS, clock.end)}
    before = {signum: signal.signal(signum, handler) for signum, handler in handlers.items()}
    clock.again(clock.heard)
    try:
        yield clock
    finally:
        signal.alarm(0)
        for signum, handler in before.items():
            signal.signal(signum, handler)
