"""Every target in one place: `target` (verdicts, jumps, notes), `nat` (translations), `marks`."""

from checker.rulesets.marks import NoTrack, SetConnectionMark, SetMark
from checker.rulesets.nat import Dnat, Masquerade, Range, Redirect, Snat
from checker.rulesets.target import Jump, Note, Reject, Target, UnknownTarget, Verdict

__all__ = [
    "Dnat",
    "Jump",
    "Masquerade",
    "NoTrack",
    "Note",
    "Range",
    "Redirect",
    "Reject",
    "SetConnectionMark",
    "SetMark",
    "Snat",
    "Target",
    "UnknownTarget",
    "Verdict",
]
