"""A guest runs one script and tells what came out, as it comes out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from guest_kernel import parts
from guest_kernel.boot import boot

PATIENCE = 900.0
"""Seconds without any news from the guest; it boots in ten, but its cluster may take minutes."""

Report = dict[str, Any]

SCRIPT = """
modprobe() {{ /run/modprobe "$@"; }}
modprobe --all ip_vs ip_vs_rr
export PATIENCE=6 LAB_SLOW=10 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={plugin}
cd {project}
{command} >{folder}/output 2>&1
echo $? >{folder}/code
"""
PYTEST = (
    "GUEST_REPORTS={folder}/reports {python} -P -m pytest -p guest_kernel.inside -p no:cacheprovider"
    " @{folder}/items"
)


class Guest:
    """One boot, one command in it. Its folder, shared with the guest, is where the news comes in."""

    def __init__(self, project: Path, command: str, **files: str) -> None:
        """``command`` is shell, and may name ``{folder}``, where the ``files`` are, and ``{python}``.

        Raises Unavailable where no guest can be made.
        """
        parts.require_tools()
        kernel = parts.kernel()
        self.version = kernel.version
        self._folder = tempfile.TemporaryDirectory(prefix="guest-", dir=parts.folder())
        self.folder = Path(self._folder.name)
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        words = {"folder": self.folder, "python": sys.executable, "plugin": Path(__file__).parent.parent}
        script = SCRIPT.format(project=project, command=command.format(**words), **words)
        self._process = boot(kernel, self.folder, script)

    @classmethod
    def testing(cls, project: Path, items: Sequence[str]) -> Guest:
        """A guest that runs these tests."""
        return cls(project, PYTEST, items="\n".join(items))

    def reports(self) -> Iterator[Report]:
        """What the guest's pytest reports, as it comes."""
        yield from map(json.loads, self.lines("reports"))

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a file in its folder, as they come; ends when the guest does, or falls silent."""
        read, deadline = 0, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            lines = self._lines(self.folder / name)
            if lines[read:]:
                deadline = time.monotonic() + PATIENCE
            yield from lines[read:]
            read = len(lines)
            if ended:
                return
            time.sleep(0.1)

    @staticmethod
    def _lines(file: Path) -> list[str]:
        """The whole lines that are there."""
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        return text.split("\n")[:-1]

    @property
    def code(self) -> int:
        """The exit code of the command; 255 if the guest has not lived to tell it."""
        file = self.folder / "code"
        return int(file.read_text(encoding="ascii")) if file.exists() else 255

    def last_words(self) -> str:
        """What pytest said at the end, or else the console."""
        for name in ("output", "console"):
            file = self.folder / name
            if file.exists() and (text := file.read_text(encoding="utf-8", errors="replace").strip()):
                return f"the guest's {name} ends with:\n" + "\n".join(text.splitlines()[-40:])
        return "the guest said nothing"

    def stop(self) -> None:
        """Switch it off and forget it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        self._folder.cleanup()
