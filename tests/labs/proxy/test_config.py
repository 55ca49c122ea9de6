"""The configuration file: read whole, nothing guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.config import ConfigInvalid, as_data, load, read
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.durations import duration, seconds
from labs.proxy.validation import host_and_port


def test_the_empty_file_has_the_documented_defaults() -> None:
    config = read({}, "f").config
    assert config == KubeProxyConfiguration()
    assert config.iptables.sync_period == 30
    assert config.iptables.min_sync_period == 1
    assert config.iptables.masquerade_bit == 14
    assert config.healthz_bind_address == "0.0.0.0:10256"
    assert config.metrics_bind_address == "127.0.0.1:10249"
    assert config.conntrack.max_per_core == 32768
    assert config.oom_score_adj == -999


def test_mode_nftables_has_node_ports_on_the_primary_address_unless_told_otherwise() -> None:
    assert read({"mode": "nftables"}, "f").config.node_port_addresses == ("primary",)
    told = {"mode": "nftables", "nodePortAddresses": ["0.0.0.0/0"]}
    assert read(told, "f").config.node_port_addresses == ("0.0.0.0/0",)
    assert read({"mode": "iptables"}, "f").config.node_port_addresses == ()


def test_the_mode_decides_whose_periods_count() -> None:
    raw = {"iptables": {"syncPeriod": "40s"}, "nftables": {"syncPeriod": "50s"}}
    found = {mode: read({"mode": mode} | raw, "f").config.periods.sync_period for mode in ("", "nftables")}
    assert found == {"": 40, "nftables": 50}


def test_a_file_as_the_lab_mounts_it_is_read_without_warning(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\n"
        "clusterCIDR: 10.244.0.0/16\nclientConnection: {kubeconfig: /k}\n"
        "iptables: {masqueradeAll: true, syncPeriod: 1m30s, minSyncPeriod: 500ms}\nnodePortAddresses: null\n"
        "conntrack: {maxPerCore: 0}\n"
    )
    loaded = load(file)
    assert loaded.warnings == ()
    assert loaded.config.iptables.sync_period == 90
    assert loaded.config.iptables.min_sync_period == 0.5
    assert loaded.config.iptables.masquerade_all
    assert loaded.config.client_connection.kubeconfig == "/k"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (
            {"iptables": {"masqradeAll": True}},
            "iptables.masqradeAll: unknown field; did you mean masqueradeAll?",
        ),
        ({"Mode": "iptables"}, "Mode: unknown field; did you mean mode?"),
        (
            {"detectLocal": {"x": 1}},
            "detectLocal.x: unknown field; there are bridgeInterface, interfaceNamePrefix",
        ),
        ({"mode": 4}, "mode: found 4, expected a text"),
        (
            {"iptables": {"masqueradeAll": "yes"}},
            "iptables.masqueradeAll: found 'yes', expected true or false",
        ),
        (
            {"iptables": {"masqueradeBit": True}},
            "iptables.masqueradeBit: found True, expected a whole number",
        ),
        ({"iptables": {"masqueradeBit": 32}}, "iptables.masqueradeBit: found 32, must be 0 to 31"),
        ({"nftables": {"masqueradeBit": 32}}, "nftables.masqueradeBit: found 32, must be 0 to 31"),
        ({"nftables": {"syncPeriod": "0s"}}, "nftables.syncPeriod: found 0 s, must be more than 0"),
        ({"iptables": {"syncPeriod": "soon"}}, "iptables.syncPeriod: found 'soon', expected a duration"),
        ({"iptables": {"syncPeriod": "0s"}}, "iptables.syncPeriod: found 0 s, must be more than 0"),
        (
            {"iptables": {"minSyncPeriod": "1m"}},
            "iptables.minSyncPeriod: found 60 s, must not exceed syncPeriod",
        ),
        ({"iptables": []}, "iptables: found [], expected a mapping"),
        ({"nodePortAddresses": "all"}, "nodePortAddresses: found 'all', expected a list"),
        (
            {"nodePortAddresses": ["10.0.0.300/8"]},
            "nodePortAddresses: found '10.0.0.300/8', which is no CIDR",
        ),
        ({"clusterCIDR": "10.244.0.0/33"}, "clusterCIDR: found '10.244.0.0/33', which is no CIDR"),
        ({"detectLocalMode": "Magic"}, "detectLocalMode: found 'Magic', allowed: ClusterCIDR, NodeCIDR"),
        (
            {"detectLocalMode": "BridgeInterface"},
            "detectLocal.bridgeInterface: is empty, but detectLocalMode is",
        ),
        ({"kind": "Pod"}, "kind: found 'Pod', allowed: KubeProxyConfiguration"),
        ({"metricsBindAddress": "localhost"}, "metricsBindAddress: found 'localhost', which is no IP:PORT"),
        ([], "the whole: found [], expected a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_path(raw: Any, says: str) -> None:
    with pytest.raises(ConfigInvalid) as error:
        read(raw, "/etc/kp")
    assert str(error.value).startswith(f"configuration /etc/kp: {says}")
    assert error.value.cure


def test_a_file_that_is_not_there_or_no_yaml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="No such file"):
        load(tmp_path / "none")
    (tmp_path / "bad").write_text("a: [")
    with pytest.raises(ConfigInvalid, match="not YAML"):
        load(tmp_path / "bad")


def test_what_has_no_effect_is_warned_about() -> None:
    warnings = read(
        {"conntrack": {"maxPerCore": 1}, "oomScoreAdj": -999, "ipvs": {"scheduler": "rr"}}, "f"
    ).warnings
    assert [warning.split(" has no effect: ")[0] for warning in warnings] == [
        "f: conntrack.maxPerCore",
        "f: oomScoreAdj",
        "f: ipvs.scheduler",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("0", 0),
        ("0s", 0),
        ("1h", 3600),
        ("1.5h", 5400),
        ("10us", 1e-5),
    ],
)
def test_durations_are_go_s(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@given(st.integers(0, 10**6))
def test_durations_are_written_as_they_are_read(number: int) -> None:
    assert seconds(duration(number)) == number


@given(st.text())
def test_no_other_text_is_a_duration(text: str) -> None:
    try:
        found = seconds(text)
    except ValueError:
        return
    assert found >= 0


def test_a_configuration_written_out_reads_back_the_same() -> None:
    config = read(
        {"mode": "iptables", "nodePortAddresses": ["primary"], "featureGates": {"A": True}}, "f"
    ).config
    assert read(yaml.safe_load(yaml.safe_dump(as_data(config))), "f").config == config


def test_bind_addresses_are_split() -> None:
    assert host_and_port("0.0.0.0:10256") == ("0.0.0.0", 10256)
    assert host_and_port("[::]:10249") == ("::", 10249)
    assert host_and_port("") is None
