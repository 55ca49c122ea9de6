"""``image: toolbox``: a pod to look around from; ``args`` are a command, else it waits to be entered.

kubectl run tools --image=toolbox
kubectl exec -it tools -- bash
"""

from __future__ import annotations

import os
import sys

from labs.agent.workloads import pause
from vm.command import replace
from vm.errors import CommandNotFound


def main(argv: list[str]) -> int:
    """Become the command, or wait."""
    if not argv:
        return pause.main(argv)
    try:
        replace(argv, os.environ)
    except CommandNotFound as error:
        sys.stderr.write(f"toolbox: {error}\n")
        return 127
