"""Every payload of the unit tests, loaded by the real tools into an empty network namespace and read back.

For nft the unit tests' own copies of what was read back are compared too; `--update-golden` writes them anew.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checker.rulesets.iptables_save import parse

pytestmark = [pytest.mark.live]

NFT = sorted((Path(__file__).parents[2] / "checker/rulesets/nft").glob("*.nft"))
PAYLOADS = sorted((Path(__file__).parents[2] / "checker/rulesets/payloads").glob("*.payload"))


def loaded_and_saved(in_namespace: tuple[str, ...], variant: str, payload: Path) -> str:
    tool = f"ip{'6' if payload.stem.endswith('ipv6') else ''}tables-{variant}"
    script = f"{tool}-restore --noflush && {tool}-save"
    done = subprocess.run(
        [*in_namespace, "sh", "-c", script],
        input=payload.read_text(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("payload", PAYLOADS, ids=[path.stem for path in PAYLOADS])
def test_what_the_kernel_has_equals_what_was_written(
    in_namespace: tuple[str, ...], payload: Path, variant: str
) -> None:
    assert (
        parse(loaded_and_saved(in_namespace, variant, payload)).normal()
        == parse(payload.read_text()).normal()
    )


def listed(in_namespace: tuple[str, ...], rules: Path) -> list[dict[str, Any]]:
    """What nft prints of a file of commands."""
    script = "nft -f - && nft -j list ruleset"
    done = subprocess.run(
        [*in_namespace, "sh", "-c", script],
        input=rules.read_text(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    objects: list[dict[str, Any]] = json.loads(done.stdout)["nftables"]
    return objects


def written(objects: list[dict[str, Any]]) -> str:
    """As the copies are kept: an object a line; sets have no order, so it is made one."""
    for each in objects:
        held = each.get("set") or each.get("map") or {}
        if "elem" in held:
            held["elem"].sort(key=json.dumps)
    return '{"nftables": [\n' + ",\n".join(map(json.dumps, objects)) + "\n]}\n"


@pytest.mark.parametrize("rules", NFT, ids=[path.stem for path in NFT])
def test_what_nft_has_is_what_the_unit_tests_walk(
    in_namespace: tuple[str, ...], rules: Path, request: pytest.FixtureRequest
) -> None:
    found = written(listed(in_namespace, rules))
    copy = rules.with_suffix(".json")
    if request.config.getoption("--update-golden"):
        copy.write_text(found)
    assert unnumbered(copy.read_text()) == unnumbered(found)


def unnumbered(text: str) -> list[dict[str, Any]]:
    """Without the kernel's handles, and without the version of nft."""
    objects = json.loads(text)["nftables"][1:]
    return [
        {kind: {name: value for name, value in held.items() if name != "handle"}}
        for each in objects
        for kind, held in each.items()
    ]
