"""Ways into a running cluster: an environment for the shell, kubectl, shells on machines and in pods."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from labs import config
from labs.errors import UnknownName, UsageError
from labs.running import here, up
from vm import command
from vm import kubectl as program


def environment(shell: str) -> str:
    """Commands for `eval`: the lab's programs on the PATH, kubectl pointed at the lab."""
    folder = shlex.quote(str(Path(sys.executable).parent))
    kubeconfig = shlex.quote(str(config.home().kubeconfig))
    if shell == "fish":
        return f"fish_add_path --path {folder}\nset -gx KUBECONFIG {kubeconfig}"
    return f'export PATH={folder}:"$PATH"\nexport KUBECONFIG={kubeconfig}'


def kubectl(argv: Sequence[str]) -> int:
    """Become the lab's kubectl."""
    up()  # the API needs no root, whoever started the lab
    program_words, environ = _kubectl()
    command.replace([*program_words, *argv], environ)


def shell(target: str, argv: Sequence[str]) -> int:
    """A root shell, or one command, on a machine; or in a pod, which goes through kubectl exec."""
    running = here()
    if target in running.machines:
        return running.machine(target).shell(argv)
    namespace, name = _pod(target, list(running.machines))
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    words = ["exec", "--stdin", *terminal, "--namespace", namespace, name, "--", *(argv or ("bash", "-i"))]
    return kubectl(words)


def _kubectl() -> tuple[list[str], dict[str, str]]:
    environ = {**os.environ, "KUBECONFIG": str(config.home().kubeconfig)}
    return [str(program.find())], environ


def _pod(target: str, machines: list[str]) -> tuple[str, str]:
    """Namespace and name of a pod named `POD` or `NAMESPACE/POD`."""
    wanted, _, name = target.rpartition("/")
    argv, environ = _kubectl()
    listed = command.run([*argv, "get", "pods", "--all-namespaces", "-o", "json"], env=environ).stdout
    places = [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in json.loads(listed)["items"]]
    found = [place for place in places if place[1] == name and wanted in ("", place[0])]
    if not found:
        names = ["/".join(place) if wanted else place[1] for place in places]
        raise UnknownName("machine or pod", target, [*machines, *names])
    if len(found) > 1:
        raise UsageError(
            f"a pod `{name}` is in {len(found)} namespaces: {', '.join(place for place, _ in found)}",
            f"name one of them: `lab shell {found[0][0]}/{name}`",
        )
    return found[0]
