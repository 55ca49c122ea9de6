"""The grader: a pytest plugin that judges what a learner claims by what the kernel does.

A lab's ``checks.py`` imports from here and from nowhere else. How a check is run, and how its result
reaches the learner, is told in ``checker/README.md``.
"""

from checker import counts, forms, statistics
from checker.answers import Answers, shown
from checker.balancer import Balancer, Server
from checker.checks import check
from checker.cluster import Cluster, Endpoint, Service
from checker.errors import Broken
from checker.evidence import Object
from checker.expectations import wrong
from checker.ipvs import Ipvs
from checker.nodes import Node, Nodes
from checker.relays import Relays
from checker.rules import Route, Rules
from checker.rulesets.ipvs import RealServer, VirtualServer
from checker.traffic import Traffic
from checker.variant import Variant

__all__ = [
    "Answers",
    "Balancer",
    "Broken",
    "Cluster",
    "Endpoint",
    "Ipvs",
    "Node",
    "Nodes",
    "Object",
    "RealServer",
    "Relays",
    "Route",
    "Rules",
    "Server",
    "Service",
    "Traffic",
    "Variant",
    "VirtualServer",
    "check",
    "counts",
    "forms",
    "shown",
    "statistics",
    "wrong",
]
