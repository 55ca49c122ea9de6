"""Commands to work in the cluster: the environment, kubectl, shells, notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from labs import lab
from labs.commands.command import Command, Given, argument, one_of, work_in
from labs.errors import UsageError
from labs.show import say

SHELLS = ("sh", "bash", "zsh", "fish")


def env(given: Given) -> int:
    """Print what a shell must know, for `eval`."""
    say(lab.environment(given.shell))
    return 0


def kubectl(given: Given) -> int:
    """Run kubectl on the lab's cluster with the arguments as they are."""
    return lab.kubectl(given.argv)


def shell(given: Given) -> int:
    """Open a shell on a machine or in a pod, or run one command there."""
    target, argv = split(given.argv)
    return lab.shell(target, argv)


def notebook(given: Given) -> int:
    """Serve JupyterLab on the workspace; `--workspace` in front is ours, what follows goes on unchanged."""
    first, *rest = given.argv or [""]
    option, equals, folder = first.partition("=")
    if option != "--workspace":
        return lab.notebook(given.argv)
    if not equals:
        folder, *rest = rest or [""]
    if not folder:
        raise UsageError("`--workspace` names no folder", "for example: `lab notebook --workspace ~/k8s`")
    work_in(folder)
    return lab.notebook(rest)


def split(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The target and the command. Only the first `--` is ours: what follows goes on unchanged."""
    if not argv or argv[0].startswith("-"):
        found = f"`{argv[0]}` stands in its place" if argv else "nothing follows `shell`"
        raise UsageError(f"a machine or pod must be named: {found}", "for example: `lab shell worker-1`")
    target, rest = argv[0], list(argv[1:])
    if rest and rest[0] == "--":
        return target, rest[1:]
    if rest and rest[0].startswith("-"):
        raise UsageError(
            f"`lab shell` has no option `{rest[0]}`",
            f"a command goes after two dashes: `lab shell {target} -- {' '.join(rest)}`",
        )
    return target, rest


COMMANDS = (
    Command(
        "env",
        "shell commands that put lab and kubectl on the PATH",
        'eval "$(lab env)"',
        env,
        (
            argument(
                "--shell", metavar="S", default="sh", type=one_of("shell", SHELLS), help=", ".join(SHELLS)
            ),
        ),
    ),
    Command(
        "kubectl",
        "kubectl on the lab's cluster",
        "lab kubectl get pods -A -o wide",
        kubectl,
        verbatim=True,
        usage="lab kubectl [ARG…]      (kubectl's own help: lab kubectl help)",
    ),
    Command(
        "shell",
        "a root shell on a machine or in a pod, or one command there",
        "lab shell client -- curl http://192.168.56.11:31103/",
        shell,
        verbatim=True,
        usage="lab shell MACHINE|POD [-- CMD…]",
    ),
    Command(
        "notebook",
        "JupyterLab on your workspace",
        "lab notebook --no-browser",
        notebook,
        verbatim=True,
        usage="lab notebook [--workspace DIR] [JUPYTERLAB-OPTION…]      (its own: lab notebook --help-all)",
    ),
)
