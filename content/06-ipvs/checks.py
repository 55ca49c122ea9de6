"""Lab 6: what IPVS serves, and whom its schedulers choose."""

from fractions import Fraction

from checker import (
    Answers,
    Cluster,
    Ipvs,
    Node,
    Nodes,
    RealServer,
    Service,
    Variant,
    VirtualServer,
    check,
    forms,
    shown,
    wrong,
)

CARRIED = 10  # connections through a balancer of one's own
LOOP = 12  # new connections of the lesson's loop, whole turns of two pods
HERE = "192.168.56.11"


def service(cluster: Cluster, variant: Variant) -> Service:
    """The Service of the lab."""
    return cluster.service(variant.text("namespace"), variant.text("service"))


def require_mode_ipvs(nodes: Nodes) -> Node:
    """The node that was looked at, which must have been in mode ipvs then."""
    node = nodes.workers[0]
    if node.mode != "ipvs":
        wrong(
            expected="an answer given while worker-1 ran mode ipvs",
            found=f"mode {node.mode}",
            next="`lab mode ipvs`, look, and answer again",
        )
    return node


@check(task="real", at="answer")
def real_servers_are_named(
    answers: Answers, cluster: Cluster, nodes: Nodes, ipvs: Ipvs, variant: Variant
) -> None:
    """You named the real servers behind the Service's ClusterIP."""
    require_mode_ipvs(nodes)
    own = service(cluster, variant)
    server = ipvs.server(own.cluster_ip, own.port.number)
    known = {each.text for each in server.real} if server else set()
    given = [forms.endpoint(word) for word in answers.words("real")]
    if len(given) != len(known) or set(given) != known:
        wrong(
            expected="address and port of each real server, and no other",
            found=f"{shown(answers.value('real'))}: {len(set(given) & known)} of {len(known)} are among them",
            next=f"on worker-1, `ipvsadm -Ln -t ADDRESS:{own.port.number}` with the Service's ClusterIP",
        )


@check(task="interface", at="answer")
def link_is_named(answers: Answers, cluster: Cluster, nodes: Nodes, ipvs: Ipvs, variant: Variant) -> None:
    """You named the link that has the ClusterIP."""
    require_mode_ipvs(nodes)
    holds = ipvs.links(service(cluster, variant).cluster_ip)
    if {answers.word("interface").rstrip(":").lower()} != holds:
        wrong(
            expected="the link of worker-1 that has the Service's address",
            found=shown(answers.word("interface")),
            next="`ip -br -4 addr` shows every link with its addresses",
        )


@check(task="set", at="answer")
def set_is_named(answers: Answers, cluster: Cluster, nodes: Nodes, ipvs: Ipvs, variant: Variant) -> None:
    """You named the ipset that has the Service's address and port."""
    require_mode_ipvs(nodes)
    own = service(cluster, variant)
    holds = ipvs.sets(f"{own.cluster_ip},tcp:{own.port.number}")
    if answers.word("set").upper() not in holds:
        wrong(
            expected="a set of worker-1 that has the Service's address and port",
            found=shown(answers.word("set")),
            next="`ipset save` prints every set with its members",
        )


@check(task="rules", at="answer")
def no_rule_names_it(answers: Answers, nodes: Nodes, variant: Variant) -> None:
    """You counted the rules that name the Service."""
    name = variant.text("service")
    count = sum(name in line for line in require_mode_ipvs(nodes).text("rules").splitlines())
    if forms.whole(answers.word("rules")) != count:
        wrong(
            expected="the number of lines of `iptables-save` in which the Service is named",
            found=shown(answers.word("rules")),
            next=f"on worker-1, count the lines with `{name}`",
        )


def own_server(ipvs: Ipvs, variant: Variant) -> VirtualServer:
    """The learner's virtual server on worker-1."""
    port = variant.number("own_port")
    found = ipvs.server(HERE, port)
    if found is None:
        wrong(
            expected=f"a virtual server at {HERE}:{port} of worker-1",
            found="none",
            next="`ipvsadm -A`; where kube-proxy runs in mode ipvs it takes it away again: `lab hint 6 own`",
        )
    return found


@check(task="own")
def own_server_reaches_every_pod(cluster: Cluster, ipvs: Ipvs, variant: Variant) -> None:
    """Your virtual server has every pod as a real server, by masquerading."""
    real = own_server(ipvs, variant).real
    live = {each.at for each in cluster.endpoints(variant.text("namespace"), variant.text("service"))}
    reached = {each.text for each in real if each.weight}
    if reached != live:
        wrong(
            expected="every pod of the Service as a real server, and nothing else",
            found=f"{len(reached & live)} of {len(live)} pods, and {len(reached - live)} others",
            next="`ipvsadm -a` adds one, `ipvsadm -d` takes one away",
        )
    if {each.method for each in real} != {"Masq"}:
        wrong(
            expected="real servers that are reached by masquerading",
            found=", ".join(sorted({each.method for each in real})),
            next="`ipvsadm -e` with `-m`: the pods have no interface with the node's address",
        )


@check(task="own", points=2, needs=["own_server_reaches_every_pod"])
def own_server_was_used(ipvs: Ipvs, variant: Variant) -> None:
    """Connections went through it, and were answered."""
    port = variant.number("own_port")
    came, went = ipvs.served(HERE, port)
    if came < CARRIED or not went:
        wrong(
            expected=f"{CARRIED} connections or more, with answers",
            found=f"{came} connections and {went} packets of answers",
            next=f"from the client, `curl http://{HERE}:{port}/`; without an answer: are the packets marked?",
        )


def overhead(scheduler: str, real: RealServer) -> tuple[int, Fraction]:
    """What a scheduler compares; the least is next (net/netfilter/ipvs/ip_vs_{lc,sed,nq}.c)."""
    active, inactive = real.active or 0, real.inactive or 0
    if scheduler == "lc":
        return 1, Fraction(256 * active + inactive)
    return int(scheduler != "nq" or active > 0), Fraction(active + 1, real.weight)


def loaded(scheduler: str, ipvs: Ipvs, variant: Variant) -> list[RealServer]:
    """The real servers of the answer's moment, which must have the lesson's load and that scheduler."""
    server = own_server(ipvs, variant)
    usable = [each for each in server.real if each.weight]
    if server.scheduler != scheduler or len(usable) < 2:
        wrong(
            expected=f"an answer given while your virtual server had the scheduler {scheduler}",
            found=f"{server.scheduler} and {len(usable)} real servers",
            next=f"`ipvsadm -E -t {server.text} -s {scheduler}`, look at the table, answer before you ask",
        )
    if len({each.weight for each in usable}) < 2 or not any(each.active for each in usable):
        wrong(
            expected="real servers of different weight, and a connection that is held open",
            found=", ".join(f"weight {each.weight}: {each.active} active" for each in usable),
            next="`ipvsadm -e … -w` sets a weight; the lesson's cell on the client holds a connection",
        )
    return usable


def judge_number(scheduler: str, right: int, answers: Answers, of: str) -> None:
    """A number that a scheduler's rule tells."""
    if forms.whole(answers.word(scheduler)) != right:
        wrong(
            expected=of,
            found=shown(answers.word(scheduler)),
            next=f"read what {scheduler} looks at, think again, then run the loop and count",
        )


@check(task="rr", at="answer", needs=["own_server_reaches_every_pod"])
def rr_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted how many connections round robin gives to the heavy one."""
    usable = loaded("rr", ipvs, variant)
    judge_number("rr", LOOP // len(usable), answers, f"how many of {LOOP} new connections rr gives it")


@check(task="sh", at="answer", needs=["own_server_reaches_every_pod"])
def sh_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted how many real servers one client meets under source hashing."""
    loaded("sh", ipvs, variant)
    judge_number("sh", 1, answers, "how many real servers answer a loop that has a single source")


@check(task="dh", at="answer", needs=["own_server_reaches_every_pod"])
def dh_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted how many real servers two clients meet under destination hashing."""
    loaded("dh", ipvs, variant)
    judge_number("dh", 1, answers, "how many real servers answer two loops with a single destination")


def judge_next(scheduler: str, answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """The real server that a scheduler would choose by the table of the answer's moment."""
    usable = loaded(scheduler, ipvs, variant)
    least = min(overhead(scheduler, each) for each in usable)
    chosen = [each.text for each in usable if overhead(scheduler, each) == least]
    if len(chosen) > 1:
        wrong(
            expected="a table in which one real server is next for sure",
            found=f"{len(chosen)} are equal for {scheduler}",
            next="hold another connection open, look again and answer again",
        )
    if forms.endpoint(answers.word(scheduler)) != chosen[0]:
        wrong(
            expected=f"the real server that {scheduler} chooses for the next connection",
            found=shown(answers.word(scheduler)),
            next=f"compute it for each line of `ipvsadm -Ln -t {HERE}:{variant.number('own_port')}`",
        )


@check(task="lc", at="answer", needs=["own_server_reaches_every_pod"])
def lc_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted whom least connections chooses."""
    judge_next("lc", answers, ipvs, variant)


@check(task="sed", at="answer", points=2, needs=["own_server_reaches_every_pod"])
def sed_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted whom shortest expected delay chooses."""
    judge_next("sed", answers, ipvs, variant)


@check(task="nq", at="answer", needs=["own_server_reaches_every_pod"])
def nq_is_predicted(answers: Answers, ipvs: Ipvs, variant: Variant) -> None:
    """You predicted whom never queue chooses."""
    judge_next("nq", answers, ipvs, variant)
