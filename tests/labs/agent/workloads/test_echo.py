"""The program itself, in a process of its own, over the loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

NAME = "web-1"


@dataclass
class Running:
    process: subprocess.Popen[str]
    http: int
    tcp: int
    udp: int

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def connect(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=5)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def echo() -> Iterator[Running]:
    yield from running()


@pytest.fixture
def lingering() -> Iterator[Running]:
    yield from running("--linger=1")


def running(*more: str) -> Iterator[Running]:
    ports = [free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)]
    code = "import sys; from labs.agent.workloads.echo import main; sys.exit(main(sys.argv[1:]))"
    flags = [f"--{name}={port}" for name, port in zip(("http", "tcp", "udp"), ports, strict=True)]
    environment = {**os.environ, "POD_NAME": NAME, "NODE_NAME": "worker-1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *flags, *more], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert "listens" in process.stdout.readline()
    with process:
        yield Running(process, *ports)
        process.kill()


def test_an_answer_is_one_line_with_pod_and_client(echo: Running) -> None:
    assert echo.ask("/") == (200, f"{NAME} client=127.0.0.1\n")


def test_json_says_all(echo: Running) -> None:
    found = json.loads(echo.ask("/json?x=1")[1])
    assert (found["pod"], found["node"], found["target"]) == (NAME, "worker-1", "/json?x=1")
    assert found["server"] == f"127.0.0.1:{echo.http}"


def test_a_connection_is_kept_and_may_be_closed(echo: Running) -> None:
    with echo.connect(echo.http) as connection:
        for _ in range(3):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"keep-alive" in connection.recv(4096)
        connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        data = b""
        while block := connection.recv(4096):
            data += block
        assert data.endswith(f"{NAME} client=127.0.0.1\n".encode())


def test_requests_sent_in_one_go_are_all_answered(echo: Running) -> None:
    with echo.connect(echo.http) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 50 + b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while block := connection.recv(65536):
            data += block
        assert data.count(b"HTTP/1.1 200 OK") == 51


def test_nonsense_gets_400_and_a_closed_connection(echo: Running) -> None:
    with echo.connect(echo.http) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        data = b""
        while block := connection.recv(4096):
            data += block
        assert data.startswith(b"HTTP/1.1 400 Bad Request")


def test_tcp_greets_and_echoes(echo: Running) -> None:
    with echo.connect(echo.tcp) as connection:
        greeting = connection.recv(100)
        assert greeting == f"{NAME} client=127.0.0.1\n".encode()
        payload = b"x" * 1_000_000
        connection.sendall(payload[:300_000])
        received = b""
        while len(received) < 300_000:
            received += connection.recv(65536)
        assert received == payload[:300_000]


def test_udp_answers_with_what_came(echo: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"hello", ("127.0.0.1", echo.udp))
        assert client.recv(100) == f"{NAME} client=127.0.0.1\nhello".encode()


def test_probes_hear_what_they_are_told_to(echo: Running) -> None:
    assert echo.ask("/ready")[0] == 200
    assert echo.ask("/control/ready?value=false", "POST") == (200, "ready=false live=true hang=false\n")
    assert echo.ask("/ready") == (503, "not ready\n")
    assert echo.ask("/live")[0] == 200
    assert echo.ask("/control/ready?value=true")[0] == 405
    assert echo.ask("/control/ready?value=maybe", "POST")[0] == 400


def test_a_hanging_pod_answers_nothing_but_control(echo: Running) -> None:
    echo.ask("/control/hang?value=true", "POST")
    with echo.connect(echo.http) as connection:
        connection.settimeout(0.2)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(100)
    echo.ask("/control/hang?value=false", "POST")
    assert echo.ask("/")[0] == 200


def test_a_refusing_pod_listens_again_later(echo: Running) -> None:
    assert echo.ask("/control/refuse?seconds=0.3", "POST") == (200, "refuses connections for 0.3 s\n")
    with pytest.raises(ConnectionRefusedError):
        echo.connect(echo.http)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert echo.ask("/")[0] == 200
            return
        except urllib.error.URLError:
            time.sleep(0.02)
    pytest.fail("it does not listen again")


def test_sigterm_ends_it(echo: Running) -> None:
    echo.process.send_signal(signal.SIGTERM)
    assert echo.process.wait(5) == 0


def test_a_port_in_use_is_named(echo: Running) -> None:
    code = f"from labs.agent.workloads.echo import main; raise SystemExit(main(['--http={echo.http}']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def test_it_may_serve_on_for_a_while_after_sigterm(lingering: Running) -> None:
    lingering.process.send_signal(signal.SIGTERM)
    assert lingering.ask("/")[0] == 200
    assert lingering.process.wait(5) == 0
