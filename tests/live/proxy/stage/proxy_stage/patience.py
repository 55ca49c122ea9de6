"""How much longer than on a machine everything may take: PATIENCE=10 for an emulated one."""

from __future__ import annotations

import os

PATIENCE = float(os.environ.get("PATIENCE", "1"))
