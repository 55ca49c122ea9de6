"""`lab box build`: the box that virtual machines start from, made here."""

from __future__ import annotations

import sys

from labs.commands.command import Command, Given, argument, one_of
from labs.show import Progress, say


def box(given: Given) -> int:
    """Make the box from Debian packages, showing the steps."""
    from vm.box import build, store

    report = Progress(sys.stdout)
    made = build.build(store.folder(), report, mirror=given.mirror)
    size = made.archive.stat().st_size / 2**20
    say(
        f"\n{made.archive} ({size:.0f} MiB, {made.architecture}, Linux {made.kernel}), "
        f"made in {report.seconds:.0f} s.\n`lab up --backend vagrant` uses it for new machines."
    )
    return 0


COMMAND = Command(
    "box",
    "make the box of the virtual machines from Debian packages (as root, or with uidmap)",
    "lab box build",
    box,
    (
        argument("action", metavar="build", type=one_of("action", ("build",)), help="the one thing to do"),
        argument(
            "--mirror", metavar="URL", default="", help="of Debian; http://deb.debian.org/debian if not given"
        ),
    ),
)
