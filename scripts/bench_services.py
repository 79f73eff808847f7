"""Measures mvx beside a loop of real sops over files that are sealed to one key of AWS KMS, and
prints a Markdown table. Run it through scripts/bench-services.sh.

    --mvx PATH     the binary to measure
    --sops PATH    the sops to compare with
    --quick        20 files instead of 100
    --check        ends with 1 where the target is missed

Both open the same files, through the same counting proxy in front of the same moto, one after the
other. A second pair of runs has 50 ms between the proxy and moto: a server in the same region is that
far from a laptop. Times are wall clock, the best of three.
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"

FILES = 100
# How many times faster than the loop, at least.
FASTER = 10
RUNS = 3


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to moto and counts them by what they ask for."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behind):
        self.behind = behind.removeprefix("http://")
        self.delay = 0.0
        self.calls = {}
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def counted(self):
        with self.lock:
            calls, self.calls = self.calls, {}
        return calls


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # an answer in one piece: without this, it waits for the client's acknowledgement of the first
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.headers.get("x-amz-target", "another").rpartition(".")[2]
        with self.server.lock:
            self.server.calls[target] = self.server.calls.get(target, 0) + 1
        time.sleep(self.server.delay)
        upstream = http.client.HTTPConnection(self.server.behind)
        upstream.request("POST", self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
        upstream.close()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="files sealed to one key of AWS KMS")
    parser.add_argument("--mvx", required=True, type=os.path.abspath)
    parser.add_argument("--sops", default=str(PEERS / "bin" / "sops"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = 20 if options.quick else FILES
    moto = os.environ["MVX_TEST_AWS"]
    with tempfile.TemporaryDirectory(prefix="mvx-bench-services-") as folder:
        missed = Bench(pathlib.Path(folder), options, moto).table(files)
    sys.exit(1 if missed and options.check else 0)


class Bench:
    def __init__(self, folder, options, moto):
        self.folder, self.options = folder, options
        self.proxy = Proxy(moto)
        self.environment = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.server_port}",
            "SOPS_DISABLE_VERSION_CHECK": "1",
        }
        self.arn = create_key(moto)

    def table(self, files):
        names = self.seal(files)
        print(f"{files} files, one key of AWS KMS (moto), best of {RUNS}\n")
        print("| network | mvx decrypt, all at once | calls | loop of sops decrypt | calls | factor |")
        print("|---|---|---|---|---|---|")
        worst = float("inf")
        for label, delay in [("none", 0.0), ("50 ms", 0.05)]:
            self.proxy.delay = delay
            mine, my_calls = self.clock(lambda: self.run([self.options.mvx, "decrypt", *names]))
            theirs, their_calls = self.clock(
                lambda: [self.run([self.options.sops, "decrypt", name]) for name in names]
            )
            factor = theirs / mine
            worst = min(worst, factor)
            print(
                f"| {label} | {mine * 1000:.0f} ms | {told(my_calls)} "
                f"| {theirs * 1000:.0f} ms | {told(their_calls)} | {factor:.1f} |"
            )
        print(f"\ntarget: {FASTER} times as fast; {'met' if worst >= FASTER else 'MISSED'}")
        return worst < FASTER

    def seal(self, files):
        repository = self.folder / "repository"
        repository.mkdir()
        self.repository = repository
        (repository / ".sops-rules.toml").write_text(
            f'version = 1\n\n[recipients.kms]\naws_kms = "{self.arn}"\n\n'
            '[[files]]\npath = "**"\nrecipients = ["kms"]\n'
        )
        subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
        names = []
        for number in range(files):
            name = f"s{number:03}.yaml"
            keys = "".join(f"key_{at}: value {number} {at}\n" for at in range(10))
            (repository / name).write_text(keys)
            names.append(name)
        self.run([self.options.mvx, "encrypt", "-i", *names])
        return names

    def clock(self, work):
        times = []
        for _ in range(RUNS):
            self.proxy.counted()
            began = time.monotonic()
            work()
            times.append(time.monotonic() - began)
            calls = self.proxy.counted()
        return min(times), calls

    def run(self, command):
        done = subprocess.run(
            command, cwd=self.repository, env=self.environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command[:3])}: {done.stderr}")


def create_key(moto):
    request = urllib.request.Request(
        moto,
        b"{}",
        {
            "X-Amz-Target": "TrentService.CreateKey",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/kms/aws4_request, "
            "SignedHeaders=host, Signature=0",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["KeyMetadata"]["Arn"]


def told(calls):
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items())) or "none"


if __name__ == "__main__":
    main()
