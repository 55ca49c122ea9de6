"""A guest runs pytest and tells what came out, as it comes out."""

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

PATIENCE = 300.0
"""Seconds without any news from the guest; it boots in ten."""

Report = dict[str, Any]

SCRIPT = """
modprobe() {{ /run/modprobe "$@"; }}
modprobe --all ip_vs ip_vs_rr
export PATIENCE=4 GUEST_REPORTS={folder}/reports PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={plugin}
cd {project}
{python} -P -m pytest -p guest_kernel.inside -p no:cacheprovider @{folder}/items >{folder}/output 2>&1
"""


class Guest:
    """One boot, one run of pytest in it. Its folder, shared with the guest, is where the news comes in."""

    def __init__(self, project: Path, items: Sequence[str]) -> None:
        """Raises Unavailable where no guest can be made."""
        parts.install_tools()
        kernel = parts.kernel()
        self._folder = tempfile.TemporaryDirectory(prefix="guest-", dir=parts.folder())
        self.folder = Path(self._folder.name)
        (self.folder / "items").write_text("\n".join(items), encoding="utf-8")
        words = {"python": sys.executable, "plugin": Path(__file__).parent.parent}
        script = SCRIPT.format(folder=self.folder, project=project, **words)
        self._process = boot(kernel, self.folder, script)

    def reports(self) -> Iterator[Report]:
        """What the guest's pytest reports, as it comes; ends when the guest does, or falls silent."""
        read, deadline = 0, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            lines = self._lines()
            if lines[read:]:
                deadline = time.monotonic() + PATIENCE
            yield from map(json.loads, lines[read:])
            read = len(lines)
            if ended:
                return
            time.sleep(0.1)

    def _lines(self) -> list[str]:
        """The whole lines that are there."""
        file = self.folder / "reports"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return text.split("\n")[:-1]

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
