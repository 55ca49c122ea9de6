"""Where a record goes: JSON and JUnit files as asked for, text for whoever looks on."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from checker import report
from checker.options import Options
from checker.report import Record


def publish(record: Record, options: Options) -> None:
    """Write the record everywhere it was asked for; text unless JSON takes standard output."""
    document = json.dumps(record.to_json(), indent=2, ensure_ascii=False) + "\n"
    if options.junit:
        whole(options.junit, report.junit(record))
    if options.json and options.json != "-":
        whole(Path(options.json), document)
    print_out(document if options.json == "-" else report.text(record))


def print_out(text: str) -> None:
    """Print, with signs that the terminal's encoding lacks replaced instead of an error."""
    coding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(coding, "replace").decode(coding))
    sys.stdout.flush()


def whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)
