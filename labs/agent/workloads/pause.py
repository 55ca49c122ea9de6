"""``image: pause``: does nothing until it is told to end."""

from __future__ import annotations

import signal


def main(argv: list[str]) -> int:
    """Wait for SIGTERM or SIGINT."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    signal.sigwait(ends)
    return 0
