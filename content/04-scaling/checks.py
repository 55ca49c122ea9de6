"""Lab 4: shares derived on paper, a balancer built by hand, and the connections that both have carried."""

from fractions import Fraction

from checker import (
    Answers,
    Cluster,
    Route,
    Rules,
    Traffic,
    Variant,
    check,
    counts,
    forms,
    shown,
    statistics,
    wrong,
)

REQUESTS = 300
KEPT = 20  # requests on one connection
CARRIED = 60  # connections through a balancer, before anything is said of its shares
CLOSE = Fraction(1, 1000)  # a learner writes 0.333 for 1/3
BUILD = "write the chain anew: `iptables -t nat -F CHAIN`, then its rules"


def endpoints(cluster: Cluster, variant: Variant) -> dict[str, str]:
    """The pods behind the Service: `ip:port` → name."""
    found = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    return {each.at: each.pod for each in found}


@check(task="scale")
def deployment_is_scaled(cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """The Deployment has more pods than at first, and the rules of every node know each of them."""
    space, wanted = variant.text("namespace"), variant.number("pods")
    deployment = cluster.deployment(space, variant.text("deployment"))
    if deployment.replicas != wanted or deployment.ready != wanted:
        wrong(
            expected=f"{wanted} pods, all ready",
            found=f"{deployment.replicas} wanted, {deployment.ready} ready",
            next=f"`kubectl -n {space} scale deploy {deployment.name} --replicas={wanted}`",
        )
    rules.require_every_way(variant.number("node_port"), endpoints(cluster, variant))


def chances(rules: Rules, variant: Variant) -> list[Fraction]:
    """The chances in kube-proxy's chain for the Service, from top to bottom."""
    return rules.chances(rules.service_chain(variant.number("node_port")))


def judge_shares(task: str, meant: list[Fraction], asked: str, answers: Answers) -> None:
    """Hold the shares given against those meant, one by one."""
    given = answers.words(task)
    if len(given) != len(meant):
        wrong(
            expected="one share for each pod's rule",
            found=f"{len(given)} of them: {shown(given)}",
            next="write one for every rule, from the top of the chain down",
        )
    for number, (word, right) in enumerate(zip(given, meant, strict=True), 1):
        share = forms.share(word)
        if share is None or not share.means(right):
            wrong(
                expected=asked.format(number=number),
                found=f"{shown(word)} for rule {number}",
                next="multiply out what every rule before it has left",
            )


@check(task="reach", points=2, needs=["scale"])
def reach_is_derived(answers: Answers, rules: Rules, variant: Variant) -> None:
    """You derived which part of all connections comes as far as each rule."""
    left, meant = Fraction(1), []
    for chance in chances(rules, variant):
        meant.append(left.limit_denominator(1000))
        left *= 1 - chance
    judge_shares("reach", meant, "the part of all connections that comes as far as rule {number}", answers)


@check(task="parts", needs=["scale"])
def parts_are_counted(answers: Answers, rules: Rules, variant: Variant) -> None:
    """You named the whole number that the kernel keeps for the first rule's probability."""
    given = forms.whole(answers.word("parts"))
    if given != round(chances(rules, variant)[0] * 2**31):
        wrong(
            expected="the first rule's probability, in parts of 2³¹",
            found=shown(answers.word("parts")),
            next="take the number as `iptables -S` prints it, with all its digits, times 2³¹",
        )


@check(task="naive", points=2, needs=["scale"])
def naive_chain_is_seen_through(answers: Answers, rules: Rules, variant: Variant) -> None:
    """You derived what each rule takes where every rule, the last too, has the same chance."""
    count = len(chances(rules, variant))
    same = Fraction(1, count)
    meant = [same * (1 - same) ** before for before in range(count)]
    judge_shares("naive", meant, "the part of all connections that rule {number} takes", answers)


def built(port: str, rules: Rules, variant: Variant) -> list[Route]:
    """The ways that the learner's rules on worker-1 give to a packet from the client."""
    number = variant.number(port)
    found = rules.ways(number)
    if not found:
        wrong(
            expected=f"a way from port {number} of worker-1 to the pods",
            found="a client's packet to it meets no DNAT rule",
            next="does a rule in PREROUTING send TCP to that port into your chain?",
        )
    return found


def judge_ways(port: str, cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """Every pod is reached, and the answers come back through the node."""
    live, ways = set(endpoints(cluster, variant)), built(port, rules, variant)
    reached = {route.to for route in ways}
    if reached != live:
        wrong(
            expected="a way to every pod behind the Service, and to nothing else",
            found=f"{len(reached & live)} of {len(live)} pods are reached, "
            f"and {len(reached - live)} addresses that are no pod's",
            next="look the addresses up again; unlike kube-proxy, nobody keeps your rules up to date",
        )
    if not all(route.masquerade for route in ways):
        wrong(
            expected="the node's own address as the source, so that the answers come back through it",
            found="a way on which the client's address stays",
            next="jump to KUBE-MARK-MASQ before you choose a pod, as the chain for traffic from outside does",
        )


def judge_fairness(port: str, dice: str, rules: Rules, variant: Variant) -> None:
    """All ways are as wide, by rules of one mode of `statistic`."""
    ways = built(port, rules, variant)
    fair = Fraction(1, len(ways))
    uneven = [route for route in ways if abs(route.share - fair) > CLOSE]
    if uneven or sum(route.share for route in ways) < 1 - CLOSE:
        wrong(
            expected="the same part of all connections for every pod, and nothing left over",
            found=", ".join(f"{float(route.share):.1%}" for route in ways)
            + " for the pods, in the order of their chances",
            next="a rule takes one part of those that are left when a packet comes to it; the last takes all",
        )
    used = {each for route in ways for each in route.dice}
    if used != {dice}:
        wrong(
            expected=f"rules with `-m statistic --mode {dice}`",
            found=f"mode {' and '.join(sorted(used))}" if used else "no rule with `statistic`",
            next=BUILD,
        )


def carried(port: str, rules: Rules, variant: Variant) -> dict[str, int]:
    """What the learner's DNAT rules have counted; enough of it."""
    counted = {route.to: route.packets for route in built(port, rules, variant)}
    if sum(counted.values()) < CARRIED:
        wrong(
            expected=f"{CARRIED} connections or more through your rules",
            found=f"{sum(counted.values())}",
            next=f"from the client, send requests to http://192.168.56.11:{variant.number(port)}/",
        )
    return counted


@check(task="balancer", needs=["scale"])
def dice_lead_to_every_pod(cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """Your rules lead a client's packet to every pod, and its answer back."""
    judge_ways("random_port", cluster, rules, variant)


@check(task="balancer", points=2, needs=["dice_lead_to_every_pod"])
def dice_are_fair(rules: Rules, variant: Variant) -> None:
    """Every pod has the same chance in your rules."""
    judge_fairness("random_port", "random", rules, variant)


@check(task="balancer", needs=["dice_are_fair"])
def dice_were_thrown(rules: Rules, variant: Variant) -> None:
    """Real connections went through your rules, as evenly as chance makes them."""
    counted = carried("random_port", rules, variant)
    verdict = statistics.shares_fit(counted, dict.fromkeys(counted, Fraction(1, len(counted))))
    if not verdict.fits:
        wrong(expected="about as many connections for every pod", found=verdict.text, next=BUILD)


@check(task="turn", needs=["scale"])
def turn_leads_to_every_pod(cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """Your second set of rules leads a client's packet to every pod, and its answer back."""
    judge_ways("turn_port", cluster, rules, variant)


@check(task="turn", needs=["turn_leads_to_every_pod"])
def turn_is_fair(rules: Rules, variant: Variant) -> None:
    """Every pod gets the same part, by counting."""
    judge_fairness("turn_port", "nth", rules, variant)


@check(task="turn", needs=["turn_is_fair"])
def turn_was_kept(rules: Rules, variant: Variant) -> None:
    """Real connections went through them one after the other: no pod had more than one above another."""
    counted = carried("turn_port", rules, variant)
    if max(counted.values()) - min(counted.values()) > 1:
        wrong(
            expected="counts that differ by one at most",
            found=", ".join(map(str, sorted(counted.values()))),
            next=f"connections came before all rules stood; {BUILD}, and send requests again",
        )


@check(task="keepalive", at="answer")
def one_connection_stays_with_one_pod(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You sent 20 requests on one connection, and saw where they went."""
    given = answers.counts("keepalive")
    if sum(given.values()) != KEPT:
        wrong(
            expected="as many answers as the task asks for",
            found=f"{sum(given.values())} in all",
            next="send them once more with the one call of curl, and give all lines that were counted",
        )
    counts.require_pods(answers, "keepalive", endpoints(cluster, variant).values())
    if len(given) > 1:
        wrong(
            expected="requests that share one connection",
            found=f"answers of {len(given)} pods, so there were {len(given)} connections or more",
            next="give curl all addresses in one call; a loop around curl opens one connection each",
        )


@check(task="requests", at="answer")
def connections_were_counted(answers: Answers, cluster: Cluster, traffic: Traffic, variant: Variant) -> None:
    """You sent 300 requests, and the kernel has counted as many connections to each pod as you say."""
    given, counted = answers.counts("requests"), traffic.connections()
    seen = {name: counted.get(at, 0) for at, name in endpoints(cluster, variant).items()}
    counts.require_enough(answers, "requests", REQUESTS)
    counts.require_pods(answers, "requests", seen)
    if any(number > seen[name] for name, number in given.items()):
        wrong(
            expected="no more answers of a pod than the kernel sent connections to it",
            found="more than the counter of its DNAT rule",
            next="send the requests to the NodePort and answer before you scale again",
        )


@check(task="requests", at="answer")
def load_is_even(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """The load was shared out evenly over all pods, as far as chance allows."""
    live = endpoints(cluster, variant).values()
    if len(live) != variant.number("pods"):
        wrong(
            expected=f"requests sent while {variant.number('pods')} pods ran",
            found=f"{len(live)} pods behind the Service",
            next=f"scale with `--replicas={variant.number('pods')}`, send the requests, then answer",
        )
    counts.require_even(answers, "requests", live)
