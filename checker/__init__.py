"""The grader: a pytest plugin that judges what a learner claims by what the kernel does.

A lab's ``checks.py`` imports from here and from nowhere else. How a check is run, and how its result
reaches the learner, is told in ``checker/README.md``.
"""

from checker.answers import Answers
from checker.balancer import Balancer
from checker.checks import check
from checker.cluster import Cluster
from checker.errors import Broken
from checker.expectations import wrong
from checker.ipvs import Ipvs
from checker.nodes import Nodes
from checker.relays import Relays
from checker.rules import Rules
from checker.traffic import Traffic
from checker.variant import Variant

__all__ = [
    "Answers",
    "Balancer",
    "Broken",
    "Cluster",
    "Ipvs",
    "Nodes",
    "Relays",
    "Rules",
    "Traffic",
    "Variant",
    "check",
    "wrong",
]
