"""A walk as text for people: each outcome with its share, and the rules on the way to it, in words.

Rules are numbered as `iptables -L CHAIN --line-numbers` numbers them, those of nft as they are listed, so
that each is found on the machine.
"""

from collections.abc import Iterator
from fractions import Fraction

from checker.rulesets.memory import near
from checker.rulesets.model import Place, Rule
from checker.rulesets.outcome import Outcome, Walk


def explain(walk: Walk) -> str:
    """The whole walk: the packet, then each outcome with its way."""
    return "\n".join(_lines(walk))


def _lines(walk: Walk) -> Iterator[str]:
    packet = walk.packet
    ports = (f":{packet.source_port}", f":{packet.destination_port}") if packet.destination_port else ("", "")
    where = (
        "made on this node" if walk.start == "output" else f"in by {packet.in_interface or 'some interface'}"
    )
    yield f"{packet.protocol} {packet.source}{ports[0]} → {packet.destination}{ports[1]}, {where}"
    for outcome in walk.outcomes:
        yield ""
        yield f"{_share(outcome)}: {outcome_in_words(outcome)}"
        yield from (f"  {step_in_words(step)}" for step in outcome.steps)


def _share(outcome: Outcome) -> str:
    """Where the share is not certain, why."""
    share = share_in_words(outcome.probability)
    return f"perhaps {share} ({outcome.assumed})" if outcome.assumed else share


def share_in_words(share: Fraction) -> str:
    """`always`, `1/3`, or per cent where it is no small fraction."""
    return "always" if near(share) == "1" else near(share)


def outcome_in_words(outcome: Outcome) -> str:
    """What becomes of the packet, in one sentence."""
    ends = {
        "DNAT": f"goes on to {outcome.to}",
        "ACCEPT": "goes on to where it was sent",
        "DROP": "is dropped without an answer",
        "REJECT": "is refused with an error",
        "RELAYED": f"is taken by the process at {outcome.via}, which connects to {outcome.to}",
        "UNDECIDED": f"cannot be decided: {outcome.why}",
    }
    end = ends.get(outcome.verdict, outcome.verdict)
    return end if outcome.verdict not in {"DNAT", "ACCEPT"} else f"{end}, {_source_in_words(outcome)}"


def _source_in_words(outcome: Outcome) -> str:
    if outcome.masquerade:
        because = outcome.because
        rule = f", because of {because.chain} rule {because.number}" if because else ""
        return f"masqueraded as {outcome.source or 'the address of the outgoing interface'}{rule}"
    return f"with source {outcome.source}"


def step_in_words(step: Place) -> str:
    """`PREROUTING nat KUBE-SERVICES 3: to 10.96.0.10 and tcp and port 80 → chain KUBE-SVC-…  "comment"`."""
    head = f"{step.hook} {step.table} {step.chain}".strip()
    if step.rule is None:
        return f"{head}: end of the chain, its policy decides"
    chosen = f"  [{step.chosen}]" if step.chosen else ""
    return f"{head} {step.number}: {rule_in_words(step.rule)}{chosen}"


def rule_in_words(rule: Rule) -> str:
    """A rule as a sentence: when → what."""
    when = " and ".join(match.words for match in rule.matches) or "every packet"
    what = rule.target.words if rule.target else "only counted"
    comment = f'  "{rule.comment}"' if rule.comment else ""
    return f"{when} → {what}{comment}"
