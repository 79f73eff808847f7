"""Measures mvx beside real sops and prints a Markdown table. Run it through scripts/bench.sh.

    --mvx PATH    the binary to measure
    --mvx-is-sops PATH is a sops: tries this script out where there is no mvx
    --quick       fewer runs and smaller files
    --check       ends with 1 where a target is missed

Times are hyperfine's medians of whole processes, without a shell, output thrown away. What takes
over ten seconds is run once. Peak memory is the largest resident set of GNU time.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"
SOPS = PEERS / "bin" / "sops"
SEED = 20261122

# How many times faster than sops, at least.
TARGETS = {
    "decrypt, 10 keys, YAML": 8,
    "decrypt, 10,000 keys, YAML": 10,
    "encrypt, 10,000 keys, YAML": 10,
    "decrypt, 80,000 leaves, JSON": 40,
    "encrypt, 80,000 leaves, JSON": 100,
    "set one of 10,000 values": 10,
}
# Ten times the keys may take this many times as long and still count as linear.
LINEAR = 15

RULES = """version = 1

[recipients.bench]
age = "{recipient}"

[[files]]
path = "**"
recipients = ["bench"]
"""


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="mvx-bench-") as folder:
        bench = Bench(pathlib.Path(folder), options)
        rows = bench.compare()
        scale = bench.scale()
        start = bench.process_start()
    if options.quick:
        print("A quick look: a tenth of the keys, a hundredth of the JSON leaves, few runs.\n")
    missed = tell(rows, scale, start)
    sys.exit(1 if options.check and missed else 0)


def arguments():
    parser = argparse.ArgumentParser(description="mvx beside real sops")
    parser.add_argument("--mvx", required=True)
    parser.add_argument("--mvx-is-sops", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


# Files of realistic shape, always the same

WORDS = "api auth backup billing broker cache cluster db edge feed gateway index job ledger".split()
WORDS += "mail metrics node order payment pool proxy queue region report search session".split()
WORDS += "shard site smtp storage store stream sync task tenant token user vault web worker".split()


def value(chance):
    """A value of mixed type, as Python knows it."""
    pick = chance.random()
    if pick < 0.45:
        letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        return "".join(chance.choice(letters) for _ in range(chance.choice((12, 24, 40, 64))))
    if pick < 0.65:
        host = f"{chance.choice(WORDS)}-{chance.randint(1, 40)}.internal.example"
        return f"postgres://{chance.choice(WORDS)}@{host}:5432/{chance.choice(WORDS)}"
    if pick < 0.75:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randint(4, 12)))
    if pick < 0.88:
        return chance.randint(1, 65535)
    if pick < 0.92:
        return chance.randint(1, 9999) / 100
    return chance.random() < 0.5


def tree(leaves):
    """Nested maps: region, service, section, setting; ten settings a section."""
    chance = random.Random(SEED + leaves)
    root, made = {}, 0
    while made < leaves:
        region = root.setdefault(f"region-{made // 2000 + 1:03}", {})
        service = region.setdefault(f"{chance.choice(WORDS)}-{made // 100:04}", {})
        section = service.setdefault(f"{chance.choice(WORDS)}_{made // 10:05}", {})
        for _ in range(min(10, leaves - made)):
            section[f"{chance.choice(WORDS)}_{chance.choice(WORDS)}_{made:06}"] = value(chance)
            made += 1
    return root


def records(leaves):
    """A data set as people export it: one long list of records with ten fields each."""
    chance = random.Random(SEED + leaves)
    names = chance.sample(WORDS, 10)
    return {"records": [{name: value(chance) for name in names} for _ in range(leaves // 10)]}


def as_yaml(node, chance, depth=0):
    lines = []
    for key, child in node.items():
        pad = "  " * depth
        if isinstance(child, dict):
            if depth < 2:
                lines.append("")
                lines.append(f"{pad}# {key}: owned by team {chance.choice(WORDS)}")
            lines.append(f"{pad}{key}:")
            lines += as_yaml(child, chance, depth + 1)
            continue
        if isinstance(child, str):
            written = chance.choice((json.dumps(child), f"'{child}'", child))
        else:
            written = json.dumps(child)
        remark = "  # see the runbook" if chance.random() < 0.03 else ""
        lines.append(f"{pad}{key}: {written}{remark}")
    return lines


def first_leaf(node):
    """The path of the leaf in the middle of the first section of the middle region."""
    path = []
    while isinstance(node, dict):
        keys = list(node)
        path.append(keys[len(keys) // 2])
        node = node[path[-1]]
    return path


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.size = 10 if options.quick else 1
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        (folder / "home").mkdir()
        key = folder / "home" / "key.txt"
        keygen = [str(PEERS / "bin" / "age-keygen"), "-o", str(key)]
        subprocess.run(keygen, check=True, capture_output=True)
        self.recipient = re.search(r"age1[0-9a-z]+", key.read_text()).group()
        (folder / ".sops-rules.toml").write_text(RULES.format(recipient=self.recipient))
        self.environment = {
            "HOME": str(folder / "home"),
            "PATH": os.environ["PATH"],
            "MVX_AGE_KEY_FILE": str(key),
            "SOPS_AGE_KEY_FILE": str(key),
        }

    # The commands of both tools

    def is_sops(self, tool):
        return tool == "sops" or self.options.mvx_is_sops

    def binary(self, tool):
        return str(SOPS) if tool == "sops" else os.path.abspath(self.options.mvx)

    def encrypt(self, tool, plain):
        sealed = self.sealed(tool, plain)
        if self.is_sops(tool):
            with_key = ["encrypt", "--age", self.recipient, "--output", str(sealed), str(plain)]
            return [self.binary(tool), *with_key]
        return [self.binary(tool), "encrypt", "--overwrite", "--keep", "-o", str(sealed), str(plain)]

    def decrypt(self, tool, plain):
        return [self.binary(tool), "decrypt", str(self.sealed(tool, plain))]

    def set(self, tool, plain, path):
        target = self.folder / f"changing-{tool}{plain.suffix}"
        if self.is_sops(tool):
            index = "".join(f'["{key}"]' for key in path)
            return target, [self.binary(tool), "set", str(target), index, '"a new value"']
        key = ".".join(path)
        return target, [self.binary(tool), "set", str(target), key, "--value", "a new value"]

    def sealed(self, tool, plain):
        return plain.with_name(f"{plain.stem}.{tool}.enc{plain.suffix}")

    # Inputs

    def yaml(self, leaves):
        path = self.folder / f"keys-{leaves}.yaml"
        if not path.exists():
            chance = random.Random(SEED)
            path.write_text("\n".join(as_yaml(tree(leaves), chance)).lstrip("\n") + "\n")
        return path

    def json(self, leaves):
        path = self.folder / f"leaves-{leaves}.json"
        path.write_text(json.dumps(records(leaves), indent=2) + "\n")
        return path

    # Measuring

    def compare(self):
        ten, large = self.yaml(10), self.yaml(10_000 // self.size)
        leaves = self.json(80_000 // self.size**2)
        rows = []
        for plain, what in ((ten, None), (large, "10,000 keys, YAML"), (leaves, "80,000 leaves, JSON")):
            both = {tool: self.measure(self.encrypt(tool, plain)) for tool in ("mvx", "sops")}
            if what is not None:
                rows.append((f"encrypt, {what}", both))
            both = {tool: self.measure(self.decrypt(tool, plain)) for tool in ("mvx", "sops")}
            rows.append((f"decrypt, {what or '10 keys, YAML'}", both))
        both = {}
        path = first_leaf(tree(10_000 // self.size))
        for tool in ("mvx", "sops"):
            target, command = self.set(tool, large, path)
            fresh = ["cp", str(self.sealed(tool, large)), str(target)]
            both[tool] = self.measure(command, before=fresh)
        rows.append(("set one of 10,000 values", both))
        return sorted(rows, key=lambda row: list(TARGETS).index(row[0]))

    def scale(self):
        sizes = [size // self.size for size in (1_000, 10_000, 100_000)]
        found = []
        for size in sizes:
            plain = self.yaml(size)
            for tool in ("mvx", "sops"):
                encrypted = self.measure(self.encrypt(tool, plain))
                decrypted = self.measure(self.decrypt(tool, plain))
                found.append((size, tool, encrypted, decrypted))
        return found

    def process_start(self):
        return self.measure(["/bin/true"])

    def measure(self, command, before=None):
        """(median in seconds, number of runs, peak memory in KiB)"""
        print(f"bench: {shorter(command)}", file=sys.stderr, flush=True)
        memory, once = self.memory(command, before)
        if once > 10:
            return once, 1, memory
        budget = 1 if self.options.quick else 4
        runs = max(3, min(400, int(budget / once)))
        export = self.folder / "hyperfine.json"
        measured = ["hyperfine", "--shell=none", f"--runs={runs}", "--warmup=2", "--style=none"]
        measured += ["--export-json", str(export)]
        if before is not None:
            measured += ["--prepare", shlex.join(before)]
        self.run([*measured, shlex.join(command)])
        return json.loads(export.read_text())["results"][0]["median"], runs, memory

    def memory(self, command, before):
        """(median peak in KiB, seconds of the last run); three runs, or one if it is a long one"""
        peaks, once = [], 0
        for _ in range(3):
            self.prepare(before)
            report = self.folder / "peak"
            started = time.perf_counter()
            self.run(["/usr/bin/time", "-f", "%M", "-o", str(report), *command])
            once = time.perf_counter() - started
            peaks.append(int(report.read_text().split()[-1]))
            if once > 5:
                break
        return statistics.median(peaks), once

    def prepare(self, before):
        if before is not None:
            self.run(before)

    def run(self, command):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            sys.exit(f"bench: error: {shorter(command)}: exit {done.returncode}: {done.stderr}")


def shorter(command):
    return " ".join(os.path.basename(word) if word.startswith("/") else word for word in command)


# Telling


def tell(rows, scale, start):
    missed = []
    print("| measure | mvx | sops | faster | at least | mvx peak | sops peak | |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for name, both in rows:
        (mine, runs, peak), (theirs, their_runs, their_peak) = both["mvx"], both["sops"]
        ratio, target = theirs / mine, TARGETS[name]
        good = ratio >= target and peak < their_peak
        missed += [] if good else [name]
        once = " (1 run)" if their_runs == 1 else ""
        print(
            f"| {name} | {clock(mine)} | {clock(theirs)}{once} | {ratio:.1f} × | {target} × "
            f"| {mib(peak)} | {mib(their_peak)} | {'met' if good else 'missed'} |"
        )
    print(f"\nA process that does nothing (`/bin/true`) takes {clock(start[0])} here.\n")

    print("| keys, YAML | tool | encrypt | decrypt | peak of encrypt | peak of decrypt |")
    print("|---:|---|---:|---:|---:|---:|")
    for size, tool, encrypted, decrypted in scale:
        print(
            f"| {size:,} | {tool} | {clock(encrypted[0])} | {clock(decrypted[0])} "
            f"| {mib(encrypted[2])} | {mib(decrypted[2])} |"
        )
    for column, what in ((2, "encrypt"), (3, "decrypt")):
        mine = [row[column] for row in scale if row[1] == "mvx"]
        theirs = [row[column] for row in scale if row[1] == "sops"]
        growth = mine[2][0] / mine[1][0]
        linear = growth <= LINEAR
        lean = mine[2][2] < theirs[2][2]
        missed += [] if linear and lean else [f"{what}, scaling"]
        print(
            f"\n{what}: ten times the keys take mvx {growth:.1f} × as long "
            f"({'linear' if linear else 'not linear'}), sops {theirs[2][0] / theirs[1][0]:.1f} ×; "
            f"peak memory is {'below' if lean else 'not below'} sops's."
        )
    print(f"\n{'Every target is met.' if not missed else 'Missed: ' + '; '.join(missed) + '.'}")
    return missed


def clock(seconds):
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s"


def mib(kib):
    return f"{kib / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
