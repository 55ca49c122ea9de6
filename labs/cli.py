"""The `lab` command: find the row of the table, read the arguments, run it, and let no traceback out.

Whatever a user or the host can cause ends as `lab: what is wrong`, `→ what to do`, and an exit code: 64 for
wrong usage, 130 for ^C, 141 for a reader that went away, else the error's own. Imports are late on purpose:
`lab --help` must answer in 0.3 s, and the Kubernetes client alone takes longer.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, cast

from labs.commands import COMMANDS, GROUPS
from labs.commands.command import Command
from labs.config import LENT
from labs.errors import HostFailed, LabError, UnknownName, UsageError
from labs.show import look, say, table

HELP = ("-h", "--help", "help")
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE, as shells count


class Parser(argparse.ArgumentParser):
    """argparse, but errors are ours."""

    def __init__(self, row: Command) -> None:
        super().__init__(
            prog=f"lab {row.name}",
            usage=row.usage or None,
            description=f"{row.summary[0].upper()}{row.summary[1:]}.",
            epilog=f"example:\n  {row.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.example = row.example
        self.names: list[str] = ["--help"]
        for each in row.arguments:
            self.names += [flag for flag in each.flags if flag.startswith("-")]
            self.add_argument(*each.flags, **each.options)

    def error(self, message: str) -> NoReturn:
        """Say it as the rest of the lab does."""
        raise UsageError(
            f"{self.prog}: {message}", f"for example: `{self.example}`; all: `{self.prog} --help`"
        )

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments; UsageError names one that is unknown, with the nearest known one."""
        given, unknown = self.parse_known_args(argv)
        options = [word.split("=")[0] for word in unknown if word.startswith("-")]
        if options:
            raise UnknownName(
                f"option of `{self.prog}`", options[0], self.names, f"all: `{self.prog} --help`"
            )
        if unknown:
            self.error(f"`{unknown[0]}` is one argument too many")
        return given


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail
    try:
        return dispatch(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        return complain("interrupted", "", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return BROKEN_PIPE
    except OSError as error:
        refused = HostFailed(error)
        return complain(str(refused), refused.cure, refused.exit_code)
    except expected() as error:
        cure = cast(str, getattr(error, "cure", ""))
        return complain(str(error), cure, cast(int, getattr(error, "exit_code", 1)))


def dispatch(argv: list[str]) -> int:
    """Find the command and run it with what follows its name."""
    if not argv or (argv[0] in HELP and len(argv) == 1):
        say(overview())
        return 0
    if argv[0] == "--version":
        say(f"lab {version()}")
        return 0
    if argv[0] in HELP:
        argv = [argv[1], "--help"]
    return run(find(argv[0]), argv[1:])


def run(row: Command, argv: list[str]) -> int:
    """Read the arguments and run."""
    if argv and argv[0] in HELP[:2]:
        say(Parser(row).format_help())
        return 0
    if sys.platform == "win32":
        raise LabError(
            "`lab` does not run on Windows itself, since Ansible, which sets virtual machines up, does not",
            "install WSL 2 (`wsl --install -d Debian`) and the lab in there: vm/README.md, «What to install»",
        )
    given = argparse.Namespace(argv=argv) if row.verbatim else Parser(row).read(argv)
    try:
        return row.run(given)
    finally:
        if LENT in os.environ:
            from labs import config, sudo

            sudo.give_back(config.home().path, config.workspace())


def find(name: str) -> Command:
    """The row of a command; UnknownName with the nearest."""
    if name not in COMMANDS:
        raise UnknownName("command", name, COMMANDS, "`lab --help` says what each does")
    return COMMANDS[name]


def expected() -> tuple[type[Exception], ...]:
    """Errors that are shown without a traceback. Asked for only once something was raised."""
    from checker.errors import CheckerError
    from vm.errors import MachineError

    return LabError, MachineError, CheckerError


def complain(message: str, cure: str, code: int) -> int:
    """Say on standard error what is wrong and what to do; gives the exit code back."""
    how = look(sys.stderr)
    lines = [f"{how.paint('lab:', '✗')} {message}"]
    lines += [f"  {how.mark('→')} {cure}"] if cure else []
    sys.stderr.write("\n".join(lines) + "\n")
    return code


def overview() -> str:
    """The whole table for `lab --help`."""
    lines = ["lab: what happens between a Kubernetes Service and its Pods, on a real kernel", ""]
    width = max(map(len, COMMANDS))
    for title, group in GROUPS.items():
        rows = [(f"  {row.name.ljust(width)}", row.summary) for row in group]
        lines += [f"{title}:", table(rows), ""]
    lines += [
        "begin with:",
        "  lab up",
        "  lab start 0",
        "",
        "`lab COMMAND --help` shows its options and an example",
    ]
    return "\n".join(lines)


def version() -> str:
    """Of the installed distribution."""
    from importlib.metadata import version as of

    return of("kube-proxy-lab")


if __name__ == "__main__":
    sys.exit(main())
