#!/usr/bin/env python3
"""Runs a command beside the key services that its tests talk to.

    scripts/services.py COMMAND [ARGUMENT…]

Each service listens on a free port of this machine and is told to the command by a variable. They
end with the command, whose status is this program's. The programs are those that scripts/peers.sh
installs beside this Python, or on PATH.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BESIDE = pathlib.Path(sys.executable).parent


HERE = pathlib.Path(__file__).resolve().parent


def program(name):
    if name.endswith(".py"):
        return str(HERE / name)
    beside = BESIDE / name
    return str(beside) if beside.exists() else shutil.which(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    """Whether something speaks HTTP there, whatever it says."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Service:
    """A server: the program, its arguments for a port and a directory, and the variables that tell
    the tests of it."""

    def __init__(self, name, arguments, variables, ready="/"):
        self.name = name
        self.arguments = arguments
        self.variables = variables
        self.ready = ready

    def start(self, directory):
        path = program(self.name)
        if path is None:
            print(f"services: {self.name} is not installed; scripts/peers.sh installs it", file=sys.stderr)
            return None, {}
        port = free_port()
        log = open(directory / f"{self.name}.log", "wb")
        interpreter = [sys.executable] if path.endswith(".py") else []
        process = subprocess.Popen(
            [*interpreter, path, *self.arguments(port, directory)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, start_new_session=True,
        )
        return process, self.variables(port, directory) | {"ready": f"http://127.0.0.1:{port}{self.ready}"}


SERVICES = [
    # AWS: KMS and STS
    Service(
        "moto_server",
        lambda port, _: ["-H", "127.0.0.1", "-p", str(port)],
        # and the Python beside it, which has botocore
        lambda port, _: {"MVX_TEST_AWS": f"http://127.0.0.1:{port}", "MVX_TEST_BOTOCORE": sys.executable},
        "/moto-api/",
    ),
    # Google Cloud: KMS
    Service(
        "drongo",
        lambda port, _: ["server", "--host", "127.0.0.1", "-p", str(port)],
        lambda port, _: {"MVX_TEST_GCP": f"http://127.0.0.1:{port}"},
        "/drongo/health",
    ),
    # Vault: OpenBao, in memory; the tests make engines, policies and tokens of their own with this one
    Service(
        "bao",
        lambda port, _: [
            "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token",
            f"-dev-listen-address=127.0.0.1:{port}",
        ],
        lambda port, _: {"MVX_TEST_VAULT": f"http://127.0.0.1:{port}"},
        "/v1/sys/health",
    ),
    # Azure: Key Vault and a login, our own
    Service(
        "azure.py",
        lambda port, _: [str(port)],
        lambda port, _: {"MVX_TEST_AZURE": f"http://127.0.0.1:{port}"},
    ),
    # TLS before those two, with names that are not theirs
    Service(
        "tls_proxy.py",
        lambda port, directory: [str(port), str(directory)],
        lambda port, directory: {
            "MVX_TEST_PROXY": f"http://127.0.0.1:{port}",
            "MVX_TEST_CA": str(directory / "ca.pem"),
        },
    ),
]


def main():
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mvx-services-"))
    environment = dict(os.environ)
    running = []
    try:
        waiting = []
        for service in SERVICES:
            process, variables = service.start(directory)
            if process is None:
                continue
            running.append(process)
            waiting.append((service, process, variables.pop("ready")))
            environment |= variables
        deadline = time.monotonic() + 60
        for service, process, url in waiting:
            while not answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    print((directory / f"{service.name}.log").read_text(errors="replace")[-2000:], file=sys.stderr)
                    sys.exit(f"services: {service.name} did not start")
                time.sleep(0.05)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.call(command, env=environment)
    finally:
        for process in running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
