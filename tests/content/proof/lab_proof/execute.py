"""A notebook run from top to bottom: read on standard input, what its cells print on standard output.

A program, because Jupyter is told by the environment where its kernels are.
"""

from __future__ import annotations

import json
import sys

import nbformat
from nbclient import NotebookClient

SECONDS = 300  # a cell; a busy machine is no fault of the lesson's


def executed(text: str, folder: str) -> list[str]:
    """What the code cells print, a text a cell; raises CellExecutionError for one that fails."""
    notebook = nbformat.reads(text, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(part.get("text", "") for part in cell.outputs) for cell in code]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(executed(sys.stdin.read(), sys.argv[1])))
