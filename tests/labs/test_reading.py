"""The lesson for a terminal: nothing of Jupyter's is left in it, and nothing else is lost."""

from __future__ import annotations

import re

import pytest

from labs import course, reading
from labs.errors import UnknownName

LESSON = '''\
---
kernelspec: {name: kube-proxy-lab}
---

# A lesson

```{code-cell} ipython3
%load_ext labs.notebook
```

## 1. The mode

```{code-cell} ipython3
%%on worker-1
curl -s http://127.0.0.1:10249/proxyMode
for i in 1 2; do
  true
done
```

**Task `mode`.** Which?

```{code-cell} ipython3
answer("mode", "")
check("mode")
```

## 2. The rest

```{code-cell} ipython3
%%on host
kubectl get node
```

```{code-cell} ipython3
answer("shares", """""")
answer("pod", "a b")
plot("shares", "mode")
hint()
```
'''
FIRST = """\
## 1. The mode

On worker-1 (`lab shell worker-1`):

    curl -s http://127.0.0.1:10249/proxyMode
    for i in 1 2; do
      true
    done

**Task `mode`.** Which?

    lab answer 7 mode …
    lab check 7 mode
"""
SECOND = """\
## 2. The rest

In your own shell:

    kubectl get node

    lab answer 7 shares '…'
    lab answer 7 pod 'a b'
    lab plot 7 shares mode
    lab hint 7
"""


def test_cells_become_the_commands_of_a_terminal():
    assert reading.terminal(LESSON, 7) == f"{reading.HEAD}\n# A lesson\n\n{FIRST}\n{SECOND}"


@pytest.mark.parametrize(("section", "text"), [(1, FIRST), (2, SECOND)])
def test_a_section_can_be_read_alone(section, text):
    assert reading.terminal(LESSON, 7, section) == text


def test_a_section_that_is_none_is_answered_with_those_there_are():
    with pytest.raises(UnknownName, match="there is no section in lab 7 `3`; there are: 1, 2"):
        reading.terminal(LESSON, 7, 3)


@pytest.mark.parametrize("lab", course.labs(), ids=lambda lab: lab.slug)
def test_every_lesson_can_be_read_so(lab):
    lesson = lab.lesson(lab.variant(4711))
    text = reading.terminal(lesson, lab.number)
    assert not re.search(r"code-cell|^%|^\s*(answer|check|hint|plot)\(|jupytext:", text, re.M)
    for task in lab.tasks:
        assert f"Task `{task.name}`" in text
        assert task.answer == "nothing" or f"    lab answer {lab.number} {task.name} " in text
    commands = re.findall(r"```\{code-cell\} ipython3\n%%on \S+\n(.*?)```", lesson, re.S)
    for line in "".join(commands).splitlines():
        assert f"    {line}" in text


def test_a_space_behind_a_machines_name_changes_nothing():
    lesson = "# A\n\n## 1. B\n\n```{code-cell} ipython3\n%%on worker-1 \nls\n```\n"
    assert "On worker-1 (`lab shell worker-1`):\n\n    ls\n" in reading.terminal(lesson, 7)
