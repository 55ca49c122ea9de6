"""The program: its log, its servers, its watches, its end."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from labs.proxy import proxy as proxy_module
from labs.proxy import serve as serve_module
from labs.proxy.config import ConfigInvalid
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.log import set_up
from labs.proxy.mode import Setup
from labs.proxy.modes import mode
from labs.proxy.proxy import KubeProxy
from labs.proxy.serve import main
from labs.proxy.state import Family
from labs.proxy.web import CannotListen, serve
from vm.errors import CommandNotFound

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _same_logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers, root.level = before, level


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_unknown_mode_names_those_there_are() -> None:
    async def run(*_: Any, **__: Any) -> Any:
        pytest.fail("no command should be run")

    with pytest.raises(ConfigInvalid, match="mode: found 'ebpf', this kube-proxy has: iptables"):
        mode("ebpf", Setup(Family.IPV4, KubeProxyConfiguration(), run))


def test_a_wrong_file_is_an_error_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").write_text("mod: iptables\n")
    assert main([f"--config={tmp_path}/config"]) == 1
    said = capsys.readouterr()
    problem = f"configuration {tmp_path}/config: mod: unknown field; did you mean mode?"
    assert said.err == f"kube-proxy: {problem} (correct the field and start kube-proxy again)\n"
    assert said.out == ""


def test_write_config_to_writes_all_fields(tmp_path: Path) -> None:
    assert main(["--proxy-mode=iptables", f"--write-config-to={tmp_path}/out"]) == 0
    assert "mode: iptables\n" in (tmp_path / "out").read_text()
    assert "  syncPeriod: 30s\n" in (tmp_path / "out").read_text()


def test_the_log_has_klog_s_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(str(tmp_path / "log" / "kube-proxy.log"), 2)
    logging.getLogger("labs.proxy.x").warning("the %s", "message")
    written = (tmp_path / "log" / "kube-proxy.log").read_text()
    assert re.fullmatch(r"W\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ test_serve\.py:\d+\] the message\n", written)
    assert capsys.readouterr().out == written


def test_a_defaulted_mode_is_warned_about_and_an_unreachable_kubeconfig_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--kubeconfig={tmp_path}/none"]) == 1
    out = capsys.readouterr().out
    assert "a future version of Kubernetes will default to nftables" in out
    assert f"{tmp_path}/none" in out


class FakeClient:
    """An API that tells where ClusterIPs come from."""

    async def request(self, *_: str) -> Any:
        return {"resources": [{"name": "servicecidrs"}]}


class FakeInformer:
    """Lists what the test gives, then stays silent."""

    objects: dict[str, list[Any]]
    asked: list[tuple[str, str, str]]

    def __init__(
        self,
        client: object,
        kind: str,
        *,
        labels: str = "",
        fields: str = "",
        on_change: Any = None,
        keep: Any = None,
    ) -> None:
        self.asked.append((kind, labels, fields))
        self.synced = asyncio.Event()
        self._kind, self._on_change = kind, on_change

    async def run(self) -> None:
        for item in self.objects.get(self._kind, []):
            self._on_change(None, item)
        self.synced.set()
        await asyncio.Event().wait()


@asynccontextmanager
async def running(objects: dict[str, list[Any]], kernel: Any, **config: Any) -> AsyncIterator[KubeProxy]:
    FakeInformer.objects, FakeInformer.asked = objects, []
    made = KubeProxy(KubeProxyConfiguration(**config), "worker-1", (Family.IPV4,), kernel)
    task = asyncio.create_task(made.run(FakeClient()))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def ask(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


NODE = {"kind": "Node", "metadata": {"name": "worker-1"}, "spec": {}, "status": {}}


@pytest.fixture
def _fake_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "Informer", FakeInformer)


class Restores:
    """Commands that all succeed."""

    def __init__(self) -> None:
        self.payloads: list[str] = []

    async def __call__(self, argv: tuple[str, ...], *, input: str | None = None, **_: Any) -> Any:
        from vm.command import Completed

        if input:
            self.payloads.append(input)
        return Completed(argv, 0, "iptables v1.8.9 (nf_tables)" if "--version" in argv else "", "")


@pytest.mark.usefixtures("_fake_api")
async def test_lists_become_rules_and_answers(
    make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    health, metrics, check = free_port(), free_port(), free_port()
    service = make_service(
        type="LoadBalancer",
        ports=[{"name": "http", "port": 80}],
        externalTrafficPolicy="Local",
        healthCheckNodePort=check,
    )
    objects = {
        "Node": [NODE],
        "Service": [service],
        "EndpointSlice": [make_slice(make_endpoint("10.244.1.5", "worker-1"))],
    }
    kernel = Restores()
    addresses = {
        "healthz_bind_address": f"127.0.0.1:{health}",
        "metrics_bind_address": f"127.0.0.1:{metrics}",
    }
    async with running(objects, kernel, **addresses) as proxy:
        await until(lambda: bool(proxy.health.checks) and bool(proxy.service_health._open))
        assert "-j DNAT --to-destination 10.244.1.5:8080" in kernel.payloads[0]
        assert (await ask(f"http://127.0.0.1:{health}/healthz"))[0] == 200
        assert (await ask(f"http://127.0.0.1:{health}/livez"))[0] == 200
        assert await ask(f"http://127.0.0.1:{metrics}/proxyMode") == (200, "iptables")
        assert await ask(f"http://127.0.0.1:{metrics}/healthz") == (200, "ok")
        assert '"masqueradeBit": 14' in (await ask(f"http://127.0.0.1:{metrics}/configz"))[1]
        assert (
            'kubeproxy_proxy_healthz_total{code="200"} 1.0'
            in (await ask(f"http://127.0.0.1:{metrics}/metrics"))[1]
        )
        status, body = await ask(f"http://127.0.0.1:{check}/")
        assert (status, '"localEndpoints": 1' in body) == (200, True)
        proxy.service(service, None)
        await until(lambda: not proxy.service_health._open)
    assert ("Node", "", "metadata.name=worker-1") in FakeInformer.asked
    selector = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"
    assert {("Service", selector, ""), ("EndpointSlice", selector, "")} < set(FakeInformer.asked)


@pytest.mark.usefixtures("_fake_api")
async def test_without_a_node_it_goes_on_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proxy_module, "NODE_PATIENCE", 0.05)
    kernel = Restores()
    async with running({}, kernel, healthz_bind_address="", metrics_bind_address=""):
        await until(lambda: bool(kernel.payloads))
    assert "node worker-1 is not registered" in caplog.text


async def test_a_taken_port_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("labs.proxy.web.RETRY", 0.02)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = taken.getsockname()
        task = asyncio.create_task(serve({}, address))
        await until(lambda: "cannot listen on 127.0.0.1" in caplog.text)
    async with asyncio.timeout(5):
        while True:
            try:
                assert (await ask(f"http://127.0.0.1:{address[1]}/"))[0] == 404
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


async def test_a_taken_port_is_fatal_where_so_configured() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotListen, match="in use"):
            await serve({}, taken.getsockname(), hard_fail=True)


async def test_a_told_end_comes_at_once() -> None:
    import os
    import signal

    async def forever() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await serve_module._until_told(forever())


async def test_ipv6_is_served_where_the_kernel_can() -> None:
    assert await serve_module.families(Restores()) == (Family.IPV4, Family.IPV6)

    async def without(argv: tuple[str, ...], **_: Any) -> Any:
        raise CommandNotFound(argv[0])

    assert await serve_module.families(without) == (Family.IPV4,)


def test_without_kubeconfig_outside_a_pod_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["--proxy-mode=iptables"]) == 1
    assert "clientConnection.kubeconfig is empty" in capsys.readouterr().out


def test_a_mode_that_is_not_there_ends_it_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--proxy-mode=ebpf", "--kubeconfig=/none"]) == 1
    assert "mode: found 'ebpf', this kube-proxy has: iptables" in capsys.readouterr().out


def test_init_only_sets_what_needs_privileges_and_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sysctls: Path
) -> None:
    """The mode's own settings, those of connection tracking, no rule and no watch."""
    asked: list[str] = []

    class Quiet:
        async def initialize(self) -> None:
            asked.append("initialize")

    async def one_family(_: object) -> tuple[Family, ...]:
        return (Family.IPV4,)

    (sysctls / "nf_conntrack_tcp_timeout_close_wait").write_text("60\n")
    monkeypatch.setattr(serve_module, "families", one_family)
    monkeypatch.setattr(serve_module, "mode", lambda name, setup: Quiet())
    assert main(["--init-only", "--proxy-mode=iptables"]) == 0
    assert asked == ["initialize"]
    assert (sysctls / "nf_conntrack_tcp_timeout_close_wait").read_text() == "3600"
