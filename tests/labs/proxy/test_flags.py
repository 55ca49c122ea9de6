"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.proxy.config import ConfigInvalid, as_data
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.flags import FLAGS, parse


def test_flags_write_fields() -> None:
    config = parse(
        ["--proxy-mode=iptables", "--cluster-cidr", "10.0.0.0/8", "--masquerade-all",
         "--iptables-sync-period=1m",
         "--iptables-localhost-nodeports=false", "--nodeport-addresses=10.0.0.0/8, primary", "-v", "4"]
    ).loaded.config  # fmt: skip
    assert config.mode == "iptables"
    assert config.cluster_cidr == "10.0.0.0/8"
    assert config.iptables.masquerade_all
    assert not config.iptables.localhost_node_ports
    assert config.iptables.sync_period == 60
    assert config.node_port_addresses == ("10.0.0.0/8", "primary")
    assert config.logging.verbosity == 4


def test_masquerade_all_is_the_mode_s() -> None:
    config = parse(["--proxy-mode=nftables", "--masquerade-all"]).loaded.config
    assert config.nftables.masquerade_all
    assert not config.iptables.masquerade_all


def test_every_flag_names_a_field_that_exists() -> None:
    data = as_data(KubeProxyConfiguration())
    for flag in FLAGS:
        found: object = data
        for name in flag.field.split("."):
            assert isinstance(found, dict)
            found = found[name]


def test_with_a_file_flags_for_fields_are_ignored_and_named(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("clusterCIDR: 10.244.0.0/16\nhostnameOverride: from-file\n")
    line = parse([f"--config={file}", "--hostname-override=worker-1", "--cluster-cidr=1.0.0.0/8", "--v=3"])
    assert line.loaded.config.cluster_cidr == "10.244.0.0/16"
    assert line.loaded.config.hostname_override == "worker-1"
    assert line.loaded.config.logging.verbosity == 3
    assert line.loaded.warnings == (
        "--cluster-cidr has no effect: with --config the field clusterCIDR of the file decides",
    )


def test_flags_without_effect_are_named() -> None:
    warnings = parse(
        ["--healthz-port=10256", "--ipvs-scheduler=rr", "--feature-gates=A=true,B=false"]
    ).loaded.warnings
    assert any(
        warning.startswith("--healthz-port has no effect: use --healthz-bind-address") for warning in warnings
    )
    assert any("ipvs.scheduler has no effect" in warning for warning in warnings)
    assert any("featureGates.A has no effect" in warning for warning in warnings)


def test_a_wrong_value_names_its_field() -> None:
    with pytest.raises(ConfigInvalid, match=r"command line: iptables\.syncPeriod: found 'soon'"):
        parse(["--iptables-sync-period=soon"])


def test_what_is_no_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--proxy-mod=iptables"])
    assert "--proxy-mod" in capsys.readouterr().err


def test_commands_are_flags_too() -> None:
    line = parse(["--cleanup", "--init-only=false", "--write-config-to=/f", "--log-file=/l"])
    assert (line.cleanup, line.init_only) == (True, False)
    assert (line.write_config_to, line.log_file) == ("/f", "/l")
