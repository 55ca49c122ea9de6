"""In the guest: a pytest plugin that writes each report as a line of JSON to $GUEST_REPORTS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

REPORTS = "GUEST_REPORTS"


class Writer:
    """Writes as the reports come, so that the outside sees how far it is."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._path = config, path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(data) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Writer(config, Path(os.environ[REPORTS])))
