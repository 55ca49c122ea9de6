"""Commands that make the cluster, look at it and take it away."""

from __future__ import annotations

import json
import sys

from labs import lab
from labs.commands.command import Command, Given, argument, number, one_of
from labs.config import home
from labs.errors import UsageError
from labs.order import Order
from labs.proxy.names import DEFAULT, MODES, SCHEDULERS
from labs.show import Progress, Section, look, say, sections

BACKENDS = ("namespaces", "vagrant")
SMALLEST, LARGEST = 2, 50  # control-1 takes no workloads, so the least is one worker beside it


def doctor(given: Given) -> int:
    """Try what the host can run; 0 if the default mode can."""
    from vm.doctor import examine

    report = examine(home().path)
    if given.json:
        say(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        how = look(sys.stdout)
        say(sections([Section(*part) for part in report.tables(how.mark)], how))
    return 0 if report.ready else 1


def up(given: Given) -> int:
    """Make the cluster run, showing the steps."""
    report = Progress(sys.stdout)
    order = Order(given.nodes, given.mode or "", given.root, given.dual_stack)
    summary = lab.up(order, given.backend or "", report=report)
    steps = "\n".join(f"  {step}" for step in summary.next_steps())
    say(f"\n{sections(summary.sections(), report.look)}\n\nUp in {report.seconds:.1f} s. Try next:\n{steps}")
    return 0


def down(given: Given) -> int:
    """Take the cluster away."""
    say(lab.down(given.purge))
    return 0


def status(given: Given) -> int:
    """Show what runs; 0 if the cluster does."""
    seen = lab.status()
    how = look(sys.stdout)
    say(
        json.dumps(seen.as_json(), indent=2, ensure_ascii=False)
        if given.json
        else sections(seen.sections(), how)
    )
    return 0 if seen.running else 1


def mode(given: Given) -> int:
    """Change how the proxy makes Services work, or show it."""
    if given.mode is None:
        return _modes(given)
    if given.scheduler and given.mode != "ipvs":
        raise UsageError(
            f"`--scheduler {given.scheduler}` goes with mode ipvs, not {given.mode}",
            "leave it out: no other mode has schedulers",
        )
    report = Progress(sys.stdout)
    say(lab.mode(given.mode, nodes=given.nodes, scheduler=given.scheduler or "", report=report))
    return 0


def _modes(given: Given) -> int:
    for option, value in (("--node", given.nodes), ("--scheduler", given.scheduler)):
        if value:
            raise UsageError(f"`{option}` goes with a mode, and none is named", "`lab mode --help`")
    say(lab.modes_list().text(look(sys.stdout)))
    return 0


JSON = argument("--json", action="store_true", help="for programs")

COMMANDS = (
    Command(
        "doctor", "what this host can run, with a cure for what is missing", "lab doctor", doctor, (JSON,)
    ),
    Command(
        "up",
        "make the cluster run (again: changes nothing)",
        "lab up --nodes 4",
        up,
        (
            argument(
                "--nodes",
                metavar="N",
                type=number("--nodes", SMALLEST, LARGEST, "`lab up` alone makes control-1 and two workers"),
                help=f"cluster nodes, control-1 among them: {SMALLEST} to {LARGEST}, 3 if not given",
            ),
            argument(
                "--mode",
                metavar="M",
                type=one_of("mode", MODES),
                help=f"proxy mode, also of a cluster that runs: {', '.join(MODES)}; at first {DEFAULT}",
            ),
            argument(
                "--backend",
                metavar="B",
                type=one_of("backend", BACKENDS),
                help="where machines come from: namespaces of this host, or virtual machines by vagrant; "
                "the one that is there, at first namespaces",
            ),
            argument(
                "--root", action="store_true", help="as root, through sudo, instead of a user namespace"
            ),
            argument(
                "--dual-stack",
                action="store_true",
                help="IPv6 addresses, too, for nodes, pods and Services; kept until `lab down --purge`",
            ),
        ),
    ),
    Command(
        "down",
        "take the cluster away; its objects are there again after the next `lab up`",
        "lab down",
        down,
        (argument("--purge", action="store_true", help="forget the objects too"),),
    ),
    Command("status", "what runs", "lab status", status, (JSON,)),
    Command(
        "mode",
        "change the proxy mode as an operator would; without M show it",
        "lab mode nftables --node worker-1",
        mode,
        (
            argument("mode", metavar="M", nargs="?", type=one_of("mode", MODES), help=", ".join(MODES)),
            argument(
                "--node",
                dest="nodes",
                metavar="NODE",
                action="append",
                default=[],
                help="only there (again for each node); without it every node",
            ),
            argument(
                "--scheduler",
                metavar="S",
                type=one_of("scheduler", SCHEDULERS),
                help=f"of mode ipvs: {', '.join(SCHEDULERS)}",
            ),
        ),
    ),
)
