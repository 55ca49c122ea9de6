"""The mode as text in the configuration, as objects in the API, and as a name on the command line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labs import addons, proxyconfig, proxysets
from labs.control.affinity import may_go
from labs.errors import LabError
from labs.proxy import names
from labs.proxy.modes import MODES
from labs.proxysets import Division

NODES = ("control-1", "worker-1", "worker-2")
COMMON = next(each for each in addons.manifests("kube-proxy") if each["kind"] == "DaemonSet")


def test_the_command_line_knows_the_modes_that_kube_proxy_has() -> None:
    assert sorted(names.MODES) == sorted(MODES)


@pytest.mark.parametrize("line", ['mode: "iptables"', "mode: iptables # mine", "mode: ''", "mode:"])
def test_only_the_line_of_the_mode_changes(line: str) -> None:
    text = proxyconfig.with_mode(f"# a comment\n{line}\nclusterCIDR: 10.244.0.0/16\n", "nftables", "c")
    assert text == '# a comment\nmode: "nftables"\nclusterCIDR: 10.244.0.0/16\n'
    assert proxyconfig.mode_of(text) == "nftables"


@pytest.mark.parametrize("text", ["", "mode: a\nmode: b\n", "  mode: iptables\n"])
def test_a_configuration_without_one_mode_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(LabError, match="ConfigMap kube-proxy-config has"):
        proxyconfig.with_mode(text, "nftables", "kube-proxy-config")


@pytest.mark.parametrize(
    "section",
    ["", "ipvs: {}\n", "ipvs:\n  strictARP: true\n", "ipvs:\n    scheduler: lc\n    strictARP: true\n"],
)
def test_a_scheduler_is_set_whatever_the_section_was(section: str) -> None:
    text = proxyconfig.with_scheduler(f"mode: ipvs\n{section}iptables:\n  masqueradeBit: 14\n", "sh")
    read = yaml.safe_load(text)
    assert read.pop("ipvs") == {"scheduler": "sh", **({"strictARP": True} if "strictARP" in section else {})}
    assert read == {"mode": "ipvs", "iptables": {"masqueradeBit": 14}}


GIVEN = st.lists(
    st.tuples(st.sets(st.sampled_from(NODES), min_size=1), st.sampled_from(("iptables", "b", "c")))
)


@given(GIVEN)
def test_each_node_has_the_mode_that_it_was_given_last_and_one_daemonset(
    given_modes: list[tuple[set[str], str]],
) -> None:
    division, last = Division(), dict.fromkeys(NODES, "iptables")
    for nodes, mode in given_modes:
        division = division.give(nodes, mode, "iptables")
        last |= dict.fromkeys(nodes, mode)
    own = [proxysets.own_daemonset(COMMON, mode, nodes, "now") for mode, nodes in division.own.items()]
    assert Division.read([COMMON, *own]) == division
    spec = {**COMMON["spec"]["template"]["spec"], "affinity": proxysets.affinity("NotIn", division.nodes)}
    there = {"iptables": {"spec": spec}} | {
        proxysets.own_mode(each): each["spec"]["template"] for each in own
    }
    for node in NODES:
        fits = [mode for mode, pod in there.items() if may_go(pod, {"metadata": {"name": node}})]
        assert fits == [last[node]]


def test_a_mode_s_own_daemonset_reads_a_configuration_of_its_own() -> None:
    own = proxysets.own_daemonset(COMMON, "nftables", ["worker-1"], "now")
    maps = {
        each["configMap"]["name"]
        for each in own["spec"]["template"]["spec"]["volumes"]
        if "configMap" in each
    }
    assert maps == {"kube-proxy-nftables", "kube-proxy"}
    config = proxysets.own_config("nftables", "mode: iptables\n")
    assert (config["metadata"]["name"], config["data"]["config"]) == (
        "kube-proxy-nftables",
        'mode: "nftables"\n',
    )
