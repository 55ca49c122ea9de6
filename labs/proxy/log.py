"""The log as kube-proxy's readers know it: klog's one-line head, then the message.

I1123 09:24:51.273901    4287 sync.py:98] Synced IPv4 rules: …
severity, month and day, time, process, file:line
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

SEVERITY = {
    logging.DEBUG: "I",
    logging.INFO: "I",
    logging.WARNING: "W",
    logging.ERROR: "E",
    logging.CRITICAL: "F",
}

LONGEST = 10 << 20
"""Bytes of the log file; then it is FILE.1 and begins anew. Mode userspace writes a line a connection."""


class KlogFormatter(logging.Formatter):
    """Formats a record as klog does."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, more only if the message has more."""
        when = datetime.fromtimestamp(record.created).strftime("%m%d %H:%M:%S.%f")
        severity = SEVERITY.get(record.levelno, "I")
        head = f"{severity}{when} {record.process:>7} {record.filename}:{record.lineno}] "
        text = head + record.getMessage()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _handlers(log_file: str) -> Iterator[logging.Handler]:
    yield logging.StreamHandler(sys.stdout)
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        yield RotatingFileHandler(log_file, maxBytes=LONGEST, backupCount=1, encoding="utf-8")


def set_up(log_file: str, verbosity: int) -> None:
    """Log to stdout, and to a file if one is named; raises OSError if that cannot be written."""
    root = logging.getLogger()
    root.handlers.clear()  # a daemon forked from the lab's init has inherited some
    for handler in _handlers(log_file):
        handler.setFormatter(KlogFormatter())
        root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbosity >= 5 else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.INFO)
