"""The userspace relay against HAProxy in TCP mode: one stream's bytes, and new connections, a second.

All in this one run, on loopback, with the same sender, receiver and backend, each way in turn and again;
what counts is the ratio. HAProxy is taken as Debian ships it, once as it is and once with splice-auto.

    relay.py [--seconds S] [--repeat N]      in a network namespace of its own, see isolation.py
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from figures import Limit, Row, row
from isolation import isolated, report

HOST = "127.0.0.1"
BLOCK = 1 << 20
WAYS = ("haproxy", "haproxy splice-auto", "relay")
SHOWN = {
    "stream": ("one stream", "MB/s", 1e6, Limit(0.8, 1.0, least=True)),
    "connections": ("new connections", "a second", 1, Limit(0.3, 0.5, least=True)),
}
"""Figure → what it is called, its unit, how many of it one of those is."""

HAPROXY = """
global
    maxconn 4000
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    {options}
{listeners}
"""
ANSWERS = "listen answers\n    mode http\n    bind {host}:{front}\n    http-request return status 200\n"
PASSES = "listen pass{front}\n    mode tcp\n    bind {host}:{front}\n    server s {host}:{back}\n"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(argv: list[str], port: int) -> Iterator[int]:
    """A program, from the moment that it listens on the port; gives its process's number."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is None and can_connect(port))
        yield process.pid
    finally:
        process.kill()
        process.wait()


def can_connect(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    """Wait for it; ends the run after ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            sys.exit("a program of the benchmark did not start")
        time.sleep(0.01)


@contextmanager
def haproxy(folder: Path, listeners: str, port: int, options: str = "") -> Iterator[int]:
    """HAProxy with these listeners."""
    file = folder / f"{port}.cfg"
    file.write_text(HAPROXY.format(listeners=listeners, options=options))
    with running(["haproxy", "-db", "-q", "-f", str(file)], port) as pid:
        yield pid


@contextmanager
def source() -> Iterator[int]:
    """A server that sends as fast as it can to whoever connects; gives its port."""
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=_send_to_all, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _send_to_all(listener: socket.socket) -> None:
    block = bytes(BLOCK)
    while True:
        try:
            made, _ = listener.accept()
        except OSError:
            return
        with made:
            try:
                while True:
                    made.sendall(block)
            except OSError:
                continue


def stream(port: int, seconds: float) -> float:
    """Bytes a second that one connection brings."""
    buffer, total = bytearray(BLOCK), 0
    with socket.create_connection((HOST, port)) as made:
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            total += made.recv_into(buffer)
        return total / (time.perf_counter() - began)


def connections(port: int, seconds: float) -> float:
    """Requests a second, each by a connection of its own."""
    argv = ["wrk", "-t1", "-c32", f"-d{seconds:.0f}s", "-H", "Connection: close", f"http://{HOST}:{port}/"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if not found or "Socket errors" in done.stdout:
        sys.exit(f"wrk: {done.stdout}")
    return float(found[1])


def serve(ports: list[int], log_file: str) -> None:
    """Be the relay: one Service port for each pair of ports, front and back, logging as kube-proxy does."""
    from labs.proxy.log import set_up
    from labs.proxy.state import ServicePortName
    from labs.proxy.userspace.balancer import Address, LoadBalancerRR
    from labs.proxy.userspace.engine import Engine
    from labs.proxy.userspace.tcp import TcpProxy, listen

    async def forever() -> None:
        engine = Engine.start(LoadBalancerRR())
        for front, back in zip(ports[::2], ports[1::2], strict=True):
            name = ServicePortName("bench", f"port-{front}")
            engine.balancer.set_service(name)
            engine.balancer.set_endpoints(name, [Address(HOST, back)])
            TcpProxy(name, listen(HOST, front), engine)
        await asyncio.Event().wait()

    set_up(log_file, 2)
    logging.info("serving")
    asyncio.run(forever())


@contextmanager
def ways(folder: Path, back: tuple[int, int]) -> Iterator[dict[str, tuple[int, int]]]:
    """Each way's ports, for streams and for connections, while all of them run."""
    with ExitStack() as stack:
        ports = {way: (free_port(), free_port()) for way in WAYS}
        for way in WAYS[:2]:
            listeners = "".join(
                PASSES.format(host=HOST, front=front, back=to)
                for front, to in zip(ports[way], back, strict=True)
            )
            option = "option splice-auto" if "splice" in way else ""
            stack.enter_context(haproxy(folder, listeners, ports[way][1], option))
        pairs = [str(port) for pair in zip(ports["relay"], back, strict=True) for port in pair]
        argv = [sys.executable, __file__, "--serve", *pairs, "--log", str(folder / "kube-proxy.log")]
        stack.enter_context(running(argv, ports["relay"][1]))
        yield ports


def measure(seconds: float, repeat: int) -> dict[str, dict[str, float]]:
    """Medians by figure and way; the ways take turns, so that a slow moment hits all of them."""
    found: dict[str, dict[str, list[float]]] = {name: {way: [] for way in WAYS} for name in SHOWN}
    with tempfile.TemporaryDirectory() as name, source() as origin:
        answers = free_port()
        front = ANSWERS.format(host=HOST, front=answers)
        with haproxy(Path(name), front, answers), ways(Path(name), (origin, answers)) as ports:
            for _ in range(repeat):
                for way in WAYS:
                    found["stream"][way].append(stream(ports[way][0], seconds))
                    found["connections"][way].append(connections(ports[way][1], seconds))
    return {
        name: {way: statistics.median(values) for way, values in ways.items()} for name, ways in found.items()
    }


def ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """The relay against HAProxy as it comes, and against the faster of the two for streams."""
    best = {name: max(ways[way] for way in WAYS[:2]) for name, ways in found.items()}
    return {name: ways["relay"] / best[name] for name, ways in found.items()}


def rows(seconds: float = 2, repeat: int = 3) -> Iterator[Row]:
    """Both figures against the faster HAProxy."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 64_000), hard))
    found = isolated("relay.py", f"--seconds={seconds}", f"--repeat={repeat}")
    for name, (what, unit, scale, limit) in SHOWN.items():
        values = " · ".join(f"{found[name][way] / scale:.0f}" for way in WAYS)
        ratio = ratios(found)[name]
        yield row(f"{what} ({' · '.join(WAYS)})", ratio, f"{values} {unit}: {ratio:.2f} ×", limit)


def main() -> None:
    """Measure and report, or be the relay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--serve", type=int, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.log)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    report(measure(given.seconds, given.repeat))


if __name__ == "__main__":
    main()
