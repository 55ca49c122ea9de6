"""A lesson becomes a notebook, and what jsonschema would compile for it is left out."""

from __future__ import annotations

import json
import sys

import pytest

from labs import ipynb
from vm import command

LESSON = """\
---
kernelspec: {name: kube-proxy-lab, display_name: kube-proxy lab}
---

# A lesson

```{code-cell} ipython3
check()
```
"""


def test_prose_and_code_become_cells_without_outputs():
    prose, code = json.loads(ipynb.notebook(LESSON))["cells"]
    assert (prose["cell_type"], "".join(prose["source"])) == ("markdown", "# A lesson")
    assert (code["cell_type"], "".join(code["source"]), code["outputs"]) == ("code", "check()", [])


def test_the_grammar_of_iris_is_not_compiled_and_can_be_had_afterwards():
    script = (
        "import sys; from labs import ipynb; ipynb.notebook('# x'); print('lark' in sys.modules); "
        "import rfc3987_syntax; print('lark' in sys.modules)"
    )
    done = command.run([sys.executable, "-P", "-c", script])
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("there", [None, sys])
def test_a_package_that_is_imported_or_hidden_already_is_left_alone(monkeypatch, there):
    monkeypatch.setitem(sys.modules, ipynb.GRAMMAR, there)
    ipynb.notebook(LESSON)
    assert sys.modules[ipynb.GRAMMAR] is there
