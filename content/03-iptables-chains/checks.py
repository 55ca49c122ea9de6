"""Lab 3: the learner's account of a packet's way, held against the rules in the kernel."""

from checker import Answers, Cluster, Nodes, Rules, Traffic, Variant, check, counts, forms, shown, wrong

PODS_AT_FIRST = 2
REQUESTS = 300


@check(task="mode")
def mode_is_named(answers: Answers, nodes: Nodes) -> None:
    """You named the mode in which kube-proxy runs."""
    given = [word for word in answers.words("mode") if word.lower().strip(":") != "mode"]
    if [word.lower() for word in given] != sorted(set(nodes.modes.values())):
        wrong(
            expected="the mode that every node's kube-proxy reports",
            found=shown(given),
            next="read `mode` in the ConfigMap that the DaemonSet kube-proxy mounts",
        )


@check(task="service")
def service_address_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the address that the Service has inside the cluster."""
    service = cluster.service(variant.text("namespace"), variant.text("service"))
    given = answers.word("service")
    if forms.address(given) != service.cluster_ip:
        wrong(
            expected="the Service's ClusterIP",
            found=shown(given),
            next=f"`kubectl -n {service.namespace} get svc {service.name}`, column CLUSTER-IP",
        )


@check(task="endpoints")
def endpoints_are_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the endpoints that the Service has with its first two pods."""
    live = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    given = answers.words("endpoints")
    known = {each.at for each in live} | {each.address for each in live}
    strange = [word for word in given if (forms.endpoint(word) or forms.address(word)) not in known]
    if strange:
        wrong(
            expected="addresses of endpoints of this Service",
            found=f"{shown(strange[0])}, which is none",
            next="compare with `kubectl get endpoints`, in the Service's namespace",
        )
    hosts = {(forms.endpoint(word) or f"{forms.address(word)}:").rpartition(":")[0] for word in given}
    if len(hosts) not in (PODS_AT_FIRST, len(live)) or len(given) != len(hosts):
        wrong(
            expected="each of the endpoints once",
            found=f"{len(given)} addresses of {len(hosts)} endpoints",
            next="one address for each of the Service's first two pods",
        )


@check(task="listeners")
def listeners_are_counted(answers: Answers, nodes: Nodes, variant: Variant) -> None:
    """You said how many sockets on worker-1 listen on the NodePort."""
    given = answers.word("listeners")
    if forms.whole(given) != len(nodes.workers[0].listeners(variant.number("node_port"))):
        wrong(
            expected="the number of sockets that listen on the NodePort",
            found=shown(given),
            next="on worker-1, `ss -lnt` prints a line for each listening socket: look for the port",
        )


# What each hop is, and how to come to it.
HOPS = (
    ("the chain that PREROUTING jumps to", "`iptables -t nat -S PREROUTING` on worker-1"),
    ("the chain for packets to one of the node's own addresses", "read the last rule of the first hop"),
    ("this Service's chain for traffic from outside", "in the second hop, find the rule with the NodePort"),
    ("the chain that chooses a pod", "in the third hop, find the jump that is no side trip"),
    ("the chain of one of the pods", "in the fourth hop, take any of the jumps the dice may choose"),
)


@check(task="hops")
def first_hop(answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hop 1: you named the chain that PREROUTING hands the packet to."""
    judge_hop(1, answers, rules, variant)


@check(task="hops")
def second_hop(answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hop 2: you named the chain in which the packet's NodePort is looked up."""
    judge_hop(2, answers, rules, variant)


@check(task="hops")
def third_hop(answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hop 3: you named the Service's chain for traffic from outside the cluster."""
    judge_hop(3, answers, rules, variant)


@check(task="hops")
def fourth_hop(answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hop 4: you named the chain that chooses the pod."""
    judge_hop(4, answers, rules, variant)


@check(task="hops")
def fifth_hop(answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hop 5: you named the chain of a pod, and there the way ends."""
    judge_hop(5, answers, rules, variant)
    given = way(answers)
    if len(given) > len(HOPS):
        wrong(
            expected="the way to end where DNAT is done",
            found=f"{shown(given[5])} after the fifth hop",
            next="count again: a chain that comes back (a side trip) is no hop",
        )


def judge_hop(number: int, answers: Answers, rules: Rules, variant: Variant) -> None:
    given = way(answers)
    routes = rules.routes(variant.number("node_port"))
    kind, how = HOPS[number - 1]
    if len(given) < number:
        wrong(expected=kind, found=f"no hop {number}: your way has {len(given)}", next=how)
    right = {route.chains[number - 1] for route in routes if len(route.chains) >= number}
    every = rules.chains()
    if any(forms.names_chain(given[number - 1], chain, every) for chain in right):
        return
    met = any(
        forms.names_chain(given[number - 1], chain, every) for route in routes for chain in route.chains
    )
    where = "which the packet meets elsewhere on its way" if met else "which is no hop of this packet"
    wrong(expected=kind, found=f"hop {number} is {shown(given[number - 1])}, {where}", next=how)


def way(answers: Answers) -> list[str]:
    """The hops given: PREROUTING before them, the side trip and the target after them are no hops."""
    given = answers.words("hops")
    first = given[1:] if given[:1] and given[0].upper() == "PREROUTING" else given
    last = first[:-1] if first[-1:] and first[-1].upper() == "DNAT" else first
    detour = len(last) > 3 and last[3].upper() in ("KUBE-MARK-MASQ", "MARK-MASQ")
    return last[:3] + last[4:] if detour else last


def pods_with_targets(answers: Answers, live: int) -> dict[str, str]:
    found = forms.pairs(answers.value("targets"), lambda word: bool(forms.endpoint(word)))
    if found is None or len(found) not in (PODS_AT_FIRST, live) or len(set(found.values())) != len(found):
        wrong(
            expected="a pod and its address with the port, for each of the first two pods",
            found=shown(answers.value("targets")),
            next="write it as POD=ADDRESS:PORT POD=ADDRESS:PORT",
        )
    return {name.lower(): forms.endpoint(at) for name, at in found.items()}


@check(task="targets")
def targets_are_dnat(answers: Answers, rules: Rules, variant: Variant) -> None:
    """The addresses you named are those that the Service's packets are sent to by DNAT."""
    live = {route.to for route in rules.routes(variant.number("node_port"))}
    strange = sorted(set(pods_with_targets(answers, len(live)).values()) - live)
    if strange:
        wrong(
            expected="the destination of a DNAT rule of this Service",
            found=f"{shown(strange[0])}, which is none",
            next="read what stands after `--to-destination` in the chains of hop 5",
        )


@check(task="targets")
def targets_are_the_pods(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """Each of those addresses belongs to the pod you named with it."""
    pods = {pod.name: pod.address for pod in cluster.pods(variant.text("namespace")) if not pod.leaving}
    live = len(cluster.endpoints(variant.text("namespace"), variant.text("service")))
    for name, at in pods_with_targets(answers, live).items():
        if name not in pods:
            wrong(
                expected="the name of a pod that runs",
                found=f"{shown(name)}, which is none",
                next="`kubectl get pod -o wide`, in the Service's namespace",
            )
        if pods[name] != at.rpartition(":")[0].strip("[]"):
            wrong(
                expected="each pod with its own address",
                found=f"{shown(at)} beside {shown(name)}, which has another address",
                next="compare with the column IP of `kubectl get pod -o wide`",
            )


@check(task="mark")
def mark_is_named(answers: Answers, rules: Rules) -> None:
    """You named the mark that KUBE-MARK-MASQ puts on a packet."""
    given = answers.word("mark").partition("/")[0]
    if forms.whole(given) not in rules.marks("KUBE-MARK-MASQ"):
        wrong(
            expected="the bit that the chain sets, as the rule writes it",
            found=shown(given),
            next="`iptables -t nat -S KUBE-MARK-MASQ` on worker-1",
        )


@check(task="masquerade")
def masquerading_chain_is_named(answers: Answers, rules: Rules) -> None:
    """You named the chain in which the source address is changed."""
    given = answers.word("masquerade")
    if not any(forms.names_chain(given, chain) for chain in rules.masquerading()):
        wrong(
            expected="the chain with the rule that masquerades",
            found=f"{shown(given)}, in which no rule does",
            next="look for the target MASQUERADE; the mark is only a note for that rule",
        )


@check(task="scale")
def deployment_is_scaled(cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """The Deployment has more pods than at first, and the rules of every node know each of them."""
    space, wanted = variant.text("namespace"), variant.number("scaled")
    deployment = cluster.deployment(space, variant.text("deployment"))
    if deployment.replicas < wanted or deployment.ready < wanted:
        wrong(
            expected=f"at least {wanted} pods, all ready",
            found=f"{deployment.replicas} wanted, {deployment.ready} ready",
            next=f"`kubectl -n {space} scale deploy {deployment.name} --replicas={wanted}`",
        )
    live = {each.at for each in cluster.endpoints(space, variant.text("service"))}
    rules.require_every_way(variant.number("node_port"), live)


def judge_chances(task: str, count: int, answers: Answers, rules: Rules, variant: Variant) -> None:
    """Hold the chances given against the rules of a chain that has `count` of them."""
    chances = rules.chances(rules.service_chain(variant.number("node_port")))
    given = answers.words(task)
    if len(chances) != count:
        wrong(
            expected=f"the chain of {count} pods",
            found=f"a chain that chooses among {len(chances)}",
            next=f"scale the Deployment with `--replicas={count}`, then look at the chain",
        )
    if len(given) != count:
        wrong(
            expected="one entry for each rule that leads to a pod",
            found=f"{len(given)} entries: {shown(given)}",
            next="write `none` for a rule without a probability",
        )
    for number, (word, chance) in enumerate(zip(given, chances, strict=True), 1):
        share = forms.share(word)
        if share is None or not share.means(chance):
            wrong(
                expected=f"the chance with which rule {number} takes a packet that comes to it",
                found=f"{shown(word)} for rule {number}",
                next="ask how many pods are left to choose from when a packet comes to that rule",
            )


@check(task="probabilities", points=2, needs=["scale"], at="answer")
def probabilities_are_read(answers: Answers, rules: Rules, variant: Variant) -> None:
    """You read, rule by rule, the chance that the chain gives to each pod."""
    judge_chances("probabilities", variant.number("scaled"), answers, rules, variant)


@check(task="predict", points=2, needs=["probabilities"])
def prediction_holds(answers: Answers, rules: Rules, variant: Variant) -> None:
    """The kernel's chain for more pods is written as you predicted."""
    judge_chances("predict", variant.number("grown"), answers, rules, variant)


@check(task="shares", at="answer")
def requests_were_counted(answers: Answers, cluster: Cluster, traffic: Traffic, variant: Variant) -> None:
    """You sent 300 requests, and the kernel has counted as many connections to each pod as you say."""
    given = answers.counts("shares")
    counted = traffic.connections()
    live = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    seen = {each.pod: counted.get(each.at, 0) for each in live}
    counts.require_enough(answers, "shares", REQUESTS)
    counts.require_pods(answers, "shares", seen)
    for name, number in given.items():
        if number > seen[name]:
            wrong(
                expected="no more answers of a pod than the kernel sent connections to it",
                found=f"{number} for {shown(name)}; the counter of its DNAT rule is lower",
                next="send the requests to the NodePort and answer before you scale again",
            )


@check(task="shares", at="answer")
def load_is_even(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """The load was shared out evenly over all pods, as far as chance allows."""
    live = [each.pod for each in cluster.endpoints(variant.text("namespace"), variant.text("service"))]
    if len(live) != variant.number("grown"):
        wrong(
            expected=f"requests sent while {variant.number('grown')} pods ran",
            found=f"{len(live)} pods behind the Service",
            next=f"scale with `--replicas={variant.number('grown')}`, send the requests, then answer",
        )
    counts.require_even(answers, "shares", live)
