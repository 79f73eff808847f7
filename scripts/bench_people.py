"""Measures mvx beside a loop of real sops over many files with many recipients, and prints a
Markdown table. Run it through scripts/bench-people.sh.

    --mvx PATH    the binary to measure
    --sops PATH   the sops to compare with
    --quick       50 files instead of 1,000
    --check       ends with 1 where a target is missed

Both tools get the same files, each its own copy, on the same disk, one after the other, and both
follow the same .sops.yaml. Times are of one run each, wall clock, all files written. Peak memory is
the largest resident set of GNU time.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"

FILES = 1_000
RECIPIENTS = 10
KEYS = 20
# How many times faster than sops, at least.
FASTER = 20
# Ten times the files may take this much more memory: what is held of each is its plan.
MORE_MEMORY = 1.5


def main():
    parser = argparse.ArgumentParser(description="many files, many people")
    parser.add_argument("--mvx", required=True, type=os.path.abspath)
    parser.add_argument("--sops", default=str(PEERS / "bin" / "sops"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = 50 if options.quick else FILES
    with tempfile.TemporaryDirectory(prefix="mvx-bench-people-") as folder:
        bench = Bench(pathlib.Path(folder), options)
        rows = [bench.added(files), bench.removed(files), bench.rekeyed(files)]
        few, many = bench.memory(files // 10), bench.memory(files)
    sys.exit(1 if tell(files, rows, few, many) and options.check else 0)


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        keys = folder / "keys"
        keys.mkdir()
        self.recipients = []
        for number in range(RECIPIENTS):
            path = keys / f"{number}.txt"
            self.run([options.mvx, "keys", "generate", "-o", str(path)])
            self.recipients.append(re.search(r"age1[0-9a-z]+", path.read_text()).group())
        self.environment = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "MVX_AGE_KEY_FILE": str(keys / "0.txt"),
            "SOPS_AGE_KEY_FILE": str(keys / "0.txt"),
            "SOPS_DISABLE_VERSION_CHECK": "1",
        }

    def added(self, files):
        """The tenth person comes: the data key stays."""
        mine, theirs = self.both(files, RECIPIENTS - 1)
        return (
            "one more recipient",
            self.clock(mine, RECIPIENTS, ["recipients", "sync", "--yes", "--quiet"]),
            self.loop(theirs, RECIPIENTS, lambda name: ["updatekeys", "-y", name]),
        )

    def removed(self, files):
        """The tenth person goes: mvx makes new data keys; sops takes two steps for the same."""
        mine, theirs = self.both(files, RECIPIENTS)
        return (
            "one recipient less, new data keys",
            self.clock(mine, RECIPIENTS - 1, ["recipients", "sync", "--yes", "--quiet"]),
            self.loop(
                theirs,
                RECIPIENTS - 1,
                lambda name: ["updatekeys", "-y", name],
                lambda name: ["rotate", "-i", name],
            ),
        )

    def rekeyed(self, files):
        mine, theirs = self.both(files, RECIPIENTS)
        return (
            "new data keys",
            self.clock(mine, RECIPIENTS, ["rekey", "--yes", "--quiet"]),
            self.loop(theirs, RECIPIENTS, lambda name: ["rotate", "-i", name]),
        )

    def memory(self, files):
        """Peak of a rekey in KiB."""
        tree = self.tree("memory", files, RECIPIENTS)
        self.rules(tree, RECIPIENTS)
        report = self.folder / "peak"
        command = ["/usr/bin/time", "-f", "%M", "-o", str(report), self.options.mvx]
        self.run([*command, "rekey", "--yes", "--quiet"], cwd=tree)
        shutil.rmtree(tree)
        return int(report.read_text().split()[-1])

    # Trees of files

    def both(self, files, recipients):
        return self.tree("mvx", files, recipients), self.tree("sops", files, recipients)

    def tree(self, name, files, recipients):
        tree = self.folder / name
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "secrets").mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
        self.rules(tree, recipients)
        lines = [f"key_{number:02}: value-{number}-invented" for number in range(KEYS)]
        first = tree / "secrets" / "0000.yaml"
        first.write_text("\n".join(["# a note", *lines]) + "\n")
        self.run([self.options.sops, "encrypt", "-i", str(first)], cwd=tree)
        for number in range(1, files):
            shutil.copy(first, tree / "secrets" / f"{number:04}.yaml")
        os.sync()
        return tree

    def rules(self, tree, recipients):
        names = ",".join(self.recipients[:recipients])
        text = f"creation_rules:\n  - path_regex: ^secrets/\n    age: {names}\n"
        (tree / ".sops.yaml").write_text(text)

    # Measuring

    def clock(self, tree, recipients, arguments):
        self.rules(tree, recipients)
        print(f"bench: mvx {' '.join(arguments)}", file=sys.stderr, flush=True)
        started = time.perf_counter()
        self.run([self.options.mvx, *arguments], cwd=tree)
        return time.perf_counter() - started

    def loop(self, tree, recipients, *steps):
        self.rules(tree, recipients)
        names = sorted(str(path) for path in (tree / "secrets").iterdir())
        words = " and ".join(step("FILE")[0] for step in steps)
        print(f"bench: sops {words}, {len(names)} times", file=sys.stderr, flush=True)
        started = time.perf_counter()
        for name in names:
            for step in steps:
                self.run([self.options.sops, *step(name)], cwd=tree)
        return time.perf_counter() - started

    def run(self, command, cwd=None):
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=getattr(self, "environment", {"HOME": str(self.folder)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            words = " ".join(command)
            sys.exit(f"bench: error: {words}: exit {done.returncode}: {done.stderr}")


def tell(files, rows, few, many):
    missed = False
    print(f"| {files:,} files, {RECIPIENTS} recipients | mvx | sops, a loop | faster | at least | |")
    print("|---|---:|---:|---:|---:|---|")
    for name, mine, theirs in rows:
        good = theirs / mine >= FASTER
        missed |= not good
        print(
            f"| {name} | {mine:.2f} s | {theirs:.1f} s | {theirs / mine:.0f} × | {FASTER} × "
            f"| {'met' if good else 'missed'} |"
        )
    good = many / few <= MORE_MEMORY
    missed |= not good
    print(
        f"\nPeak memory of `mvx rekey`: {few / 1024:.1f} MiB for {files // 10:,} files, "
        f"{many / 1024:.1f} MiB for {files:,}: {'bounded' if good else 'not bounded'}."
    )
    return missed


main()
