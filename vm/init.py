"""The first process of a machine: a zygote that starts the services and then does as asked."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from vm.conversation import listen
from vm.spawn import JSON, Spawn
from vm.zygote import SOCKET, Zygote


def main(services: Sequence[JSON]) -> None:
    """Run the machine until SIGTERM; ``services`` are Spawn requests as JSON values."""
    zygote = Zygote()
    listen(zygote, SOCKET)
    gc.freeze()  # so that no garbage collection writes to the pages that children share
    for service in services:
        zygote.spawn(Spawn.from_json(service))
    zygote.serve()
