#!/usr/bin/env python3
"""Times what reads a whole ledger: `mvx rotation due`, `verify`, `record` and `ls`.

    scripts/bench_ledger.py [MVX] [EVENTS FILES]

Makes repositories of 250 to 2,000 secret files with 20 events each in a temporary directory, or one of the size
that is given, commits each, and runs every command several times: the least and the middle time, and the most
memory. Twice the size should take twice the time. Ciphertexts are random: nothing here opens them.
"""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
KEYS = 10
RULES = """version = 1
[recipients.ana]
age = "age1rj29hg53klg82pve46rc8cwjfhyukcxpqdl2gg67slm4kgwldv6smrqrjq"
[[files]]
path = "secrets/**"
environment = "prod"
recipients = ["ana"]
[[secrets]]
match = "*"
rotate_every = "90d"
owner = "Payments Team"
"""
BLOCK = """sops:
    age:
        - recipient: age1rj29hg53klg82pve46rc8cwjfhyukcxpqdl2gg67slm4kgwldv6smrqrjq
          enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBWMnpsbmRvbmx5YXRlc3Q=
            -----END AGE ENCRYPTED FILE-----
    lastmodified: "2026-11-22T09:30:00Z"
    mac: ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]
    version: 3.13.3
"""


def envelope():
    data, iv, tag = (base64.b64encode(os.urandom(n)).decode() for n in (32, 32, 16))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"


def spelled(digest):
    number = int.from_bytes(digest[:16], "big")
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(26)))


def event(root, at, action, file, key, before, value):
    fingerprint = hashlib.sha256(value.encode()).hexdigest()[:32]
    lines = [
        "version = 1",
        f"at = {at:%Y-%m-%dT%H:%M:%SZ}",
        'actor = "Ana Example <ana@example.com>"',
        f'action = "{action}"',
        f'file = "{file}"',
        'environment = "prod"',
        f'key = "{key}"',
    ]
    if before:
        lines.append(f'rotated_from = "{before}"')
    lines += [f'fingerprint = "{fingerprint}"', 'reason = "scheduled"', 'owner = "Payments Team"']
    text = "\n".join(lines) + "\n"
    name = spelled(hashlib.sha256(text.encode()).digest())
    text = text.replace("version = 1\n", f'version = 1\nid = "{name}"\n', 1)
    path = root / ".mvx/ledger" / f"{at:%Y/%m/%dT%H%M%SZ}-{action}-{key}-{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def make(root, events, files):
    (root / ".sops-rules.toml").write_text(RULES)
    at = datetime.now(timezone.utc) - timedelta(days=700)
    step = timedelta(days=699) / events
    heads = {}
    for number in range(events):
        file = f"secrets/team-{number % files // 50}/app-{number % files}.enc.yaml"
        key = f"SECRET_KEY_{number // files % KEYS}"
        value = envelope()
        before = heads.get((file, key))
        action = "rotate" if before else "create"
        heads[file, key] = (event(root, at, action, file, key, before and before[0], value), value)
        at += step
    texts = {}
    for (file, key), (_, value) in heads.items():
        texts.setdefault(file, []).append(f"{key}: {value}\n")
    for file, lines in texts.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines) + BLOCK)


def measure(program, words, root):
    """The least and the middle time in milliseconds, and the most memory in MiB."""
    times, memory = [], 0
    for _ in range(9):
        start = time.perf_counter()
        with subprocess.Popen(
            [program, *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as run:
            said = run.stdout.read()
            _, status, usage = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        times.append((time.perf_counter() - start) * 1000)
        memory = max(memory, usage.ru_maxrss / 1024)
        # 1: something is overdue; 200: there is nothing to enter.
        allowed = {"due": (0, 1), "record": (200,)}.get(words[-2], (0,))
        if run.returncode not in allowed:
            sys.exit(f"{words}: {run.returncode}\n" + said.decode()[:2000])
    times.sort()
    return times[0], times[len(times) // 2], memory


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/mvx"
    program = str(pathlib.Path(program).resolve())
    sizes = [(5_000, 250), (10_000, 500), (20_000, 1_000), (40_000, 2_000)]
    if len(sys.argv) > 3:
        sizes = [(int(sys.argv[2]), int(sys.argv[3]))]
    for events, files in sizes:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            make(root, events, files)
            git = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
            for words in (["init", "-q", "."], ["add", "-A"], ["commit", "-qm", "ledger"]):
                subprocess.run([*git, *words], cwd=root, check=True)
            # What was written just now goes to the disk meanwhile, and slows the first runs.
            os.sync()
            print(f"{events} events, {files} files")
            for words in (
                ["rotation", "due", "-q"],
                ["rotation", "verify", "-q"],
                ["rotation", "record", "-q"],
                ["ls", "-q"],
            ):
                least, middle, memory = measure(program, words, root)
                name = " ".join(words[:-1])
                print(f"  {name:16} {least:5.0f} ms, {middle:5.0f} in the middle, {memory:4.0f} MiB")


main()
