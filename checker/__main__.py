"""``python -P -m checker``: judge one learner's lab; ends with 0 passed, 1 not, 2 could not judge, 64 usage.

pytest runs in this process with a configuration of ours and with nothing else: no ini file, no conftest, no
plugin but ours, no option from the environment. So neither a file in the learner's folder nor a variable in
their shell can change a mark. `-P` keeps the current folder out of the module path for the same reason.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from checker.options import OPTIONS, REQUIRED, Options

USAGE = 64
# pytest's own plugins that a grader has no use for: they would print, write a cache, or cost time.
QUIET = (
    *("terminal", "cacheprovider", "doctest", "unittest", "junitxml", "logging", "pastebin", "setuponly"),
    *("setupplan", "stepwise", "faulthandler", "warnings", "debugging", "legacypath", "threadexception"),
    *("unraisableexception", "recwarn", "tmpdir", "monkeypatch"),
)


class Parser(argparse.ArgumentParser):
    """argparse, ending with 64 as all our commands do."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Wrong usage."""
        self.exit(USAGE, f"{self.format_usage()}{self.prog}: {message}\n")


def parser() -> Parser:
    """The command line."""
    found = Parser("python -P -m checker", description="Judge one learner's lab against a running cluster.")
    for name, attributes in OPTIONS.items():
        found.add_argument(name, required=name in REQUIRED, **attributes)
    return found


def arguments(options: Options) -> list[str]:
    """pytest's command line."""
    lab = options.lab.absolute()
    fixed = [
        "-c",
        os.devnull,
        f"--rootdir={lab}",
        "--noconftest",
        "--import-mode=importlib",
        "--assert=plain",
    ]
    plugins = [word for name in QUIET for word in ("-p", f"no:{name}")]
    return [*fixed, "-p", "checker.plugin", *plugins, *options.argv(), str(lab / "checks.py")]


def main(argv: Sequence[str] | None = None) -> int:
    """Judge; returns the exit code."""
    options = Options(**vars(parser().parse_args(argv)))
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True  # a lab's folder is read, never written; a cache could also be out of date
    import pytest

    code = int(pytest.main(arguments(options)))
    return {int(pytest.ExitCode.USAGE_ERROR): USAGE, int(pytest.ExitCode.INTERNAL_ERROR): 2}.get(code, code)


if __name__ == "__main__":
    sys.exit(main())
