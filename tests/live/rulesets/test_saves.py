"""Every payload of the unit tests, loaded by the real tools into an empty network namespace and read back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checker.rulesets.iptables_save import parse

pytestmark = [pytest.mark.live]

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
