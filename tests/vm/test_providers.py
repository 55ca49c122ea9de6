from __future__ import annotations

from pathlib import Path

import pytest

from vm import providers


def test_a_provider_answers_untranslated_and_without_it_there_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are read: in German `Bridge:` would be `Brücke:`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    program = tmp_path / "virsh"
    program.write_text('#!/bin/sh\necho "$LC_ALL $*"\n')
    program.chmod(0o755)
    assert providers.virsh("list") == "C --connect qemu:///system list\n"
    program.write_text("#!/bin/sh\necho half\nexit 1\n")
    assert providers.virsh("list") == ""
    assert providers.asked("no-such-program") == ""
