"""The table of commands: what `lab` does, a row a command, in the order `lab --help` shows them.

A row's function reads what argparse gives it, asks `labs.lab` (what is no cluster's, the host and the box of
virtual machines, `vm` itself), and shows the answer. There is no other logic.
"""

from __future__ import annotations

from labs.commands import box, cluster, course, work
from labs.commands.command import Command

GROUPS: dict[str, tuple[Command, ...]] = {
    "the cluster": (*cluster.COMMANDS, box.COMMAND),
    "work in it": work.COMMANDS,
    "the labs": course.COMMANDS,
}
COMMANDS: dict[str, Command] = {row.name: row for group in GROUPS.values() for row in group}
