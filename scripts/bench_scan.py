"""Measures `mvx scan` beside other scanners and prints Markdown tables. Run it through
scripts/bench-scan.sh.

    --mvx PATH     the binary to measure
    --quick        smaller trees and histories, fewer runs
    --only NAMES   only these parts, separated by commas:
                   staged, tree, history, range, pathological, rules
    --keep DIR     makes the repositories there, and finds them there the next time
    --check        ends with 1 where a target is missed

Times are medians, wall clock, of the whole process; peak memory is the largest resident set of GNU
time. Every tool gets its own quiet options, writes its report to a file, and tries no secret. Trees
are sources of crates that cargo has downloaded, without .git; where there are none, generated text.
Histories are generated: thousands of text files that change by lines, packed by git itself.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCANNERS = ROOT / ".peers" / "scanners"
TIME = shutil.which("time") or "/usr/bin/time"

# What issue and documentation promise.
STAGED_MS = {2_000: 10, 5_000: 20}
STAGED_MB = 40
FASTER_LARGE, FASTER_SMALL, FASTER_HISTORY = 1.6, 3, 4
HISTORY_MB = 400
RANGE_MS = 30
MORE_RULES = 1.2
# Four times the input may take this much more.
LINEAR = 6
# How else than with 1 a tool says that it found something.
FOUND = {"kingfisher": (200, 205)}


def main():
    parser = argparse.ArgumentParser(description="the leak scan beside others")
    parser.add_argument("--mvx", required=True, type=os.path.abspath)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="staged,tree,range,history,pathological,rules")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mvx-bench-scan-") as folder:
        folder = options.keep.resolve() if options.keep else pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder, options)
        for part in options.only.split(","):
            getattr(bench, part)()
    for missed in bench.missed:
        print(f"missed: {missed}")
    sys.exit(1 if bench.missed and options.check else 0)


class Run:
    """What one tool took for one thing."""

    def __init__(self, times, memory):
        self.seconds, self.memory = statistics.median(times), memory


class Bench:
    def __init__(self, folder, options):
        self.folder, self.mvx, self.quick = folder, options.mvx, options.quick
        self.missed = []
        # betterleaks wants to know the format by the name
        self.report = str(folder / "report.json")
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.environment = {
            "HOME": str(home),
            "PATH": os.pathsep.join([*programs(), os.environ["PATH"]]),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        }

    # What is measured.

    def staged(self):
        rows = []
        for count, target in STAGED_MS.items():
            repo = self.repo(f"staged-{count}", count // 10 if self.quick else count)
            runs = self.compare(
                {
                    "mvx": [self.mvx, "scan", "--staged", "-q"],
                    "gitleaks": ["gitleaks", "git", "--pre-commit", "--staged", "--redact", "--no-banner", "."],
                    "betterleaks": ["betterleaks", "git", "--staged", "--redact", "--no-banner", "."],
                    "kingfisher": ["kingfisher", "scan", ".", "--staged", "--no-validate", "--no-update-check", "-q"],
                    "ripsecrets": ["ripsecrets", "--strict-ignore", "new.txt"],
                    "detect-secrets": ["detect-secrets-hook", "--no-verify", "new.txt"],
                },
                repo,
                5 if self.quick else 21,
            )
            rows.append((f"{count:,} files", runs))
            self.demand(f"staged, {count:,} files: milliseconds", runs["mvx"].seconds * 1000, target)
            self.demand("staged: megabytes", runs["mvx"].memory, STAGED_MB)
        self.table("Staged scan of one small file, whole process", rows, milliseconds=True)

    def tree(self):
        rows = []
        for name, megabytes, factor in [("40 MB", 40, FASTER_SMALL), ("390 MB", 390, FASTER_LARGE)]:
            if self.quick:
                megabytes //= 10
            tree = self.files(f"tree-{megabytes}", megabytes << 20)
            runs = self.compare(self.on_trees(), tree, 3 if self.quick or megabytes > 100 else 7)
            rows.append((f"{name}, {sum(1 for p in tree.rglob('*') if p.is_file()):,} files", runs))
            self.faster(f"tree of {name}", runs, factor)
        self.table("Working tree", rows)

    def on_trees(self):
        return {
            "mvx": [self.mvx, "scan", "-q", "--format", "json", "-o", self.report, "."],
            "gitleaks": ["gitleaks", "dir", ".", "--no-banner", "-l", "error", "--exit-code", "0", "-f", "json", "-r", self.report],
            "betterleaks": ["betterleaks", "fs", ".", "--no-banner", "-l", "error", "--exit-code", "0", "-o", self.report],
            "kingfisher": ["kingfisher", "scan", ".", "--git-history", "none", "-q", "--no-validate", "--no-update-check", "-f", "json", "-o", self.report],
            "ripsecrets": ["ripsecrets", "."],
        }

    def history(self):
        rows = []
        for commits in [10_000, 60_000]:
            repo = self.past(commits // 20 if self.quick else commits)
            runs = self.compare(
                {
                    "mvx": [self.mvx, "scan", "-q", "--history", "--no-cache", "--format", "json", "-o", self.report],
                    "gitleaks": ["gitleaks", "git", ".", "--no-banner", "-l", "error", "--exit-code", "0", "-f", "json", "-r", self.report],
                    "betterleaks": ["betterleaks", "git", ".", "--no-banner", "-l", "error", "--exit-code", "0", "-o", self.report],
                    "kingfisher": ["kingfisher", "scan", ".", "-q", "--no-validate", "--no-update-check", "-f", "json", "-o", self.report],
                    "git log -p": ["git", "log", "-p", "-U0", "--full-history", "--all"],
                },
                repo,
                3,
            )
            again = [self.mvx, "scan", "-q", "--history", "--format", "json", "-o", self.report]
            self.once(again, repo)
            runs["mvx, again"] = self.measure(again, repo, 3)
            rows.append((f"{commits:,} commits", runs))
            peers = {name: run for name, run in runs.items() if name not in ("git log -p", "mvx, again")}
            self.faster(f"history of {commits:,} commits", peers, FASTER_HISTORY)
            self.demand("history: megabytes", runs["mvx"].memory, HISTORY_MB)
        self.table("Full history", rows)

    def range(self):
        repo = self.past(500 if self.quick else 10_000)
        runs = self.compare(
            {
                "mvx": [self.mvx, "scan", "-q", "--history", "HEAD~20..HEAD"],
                "gitleaks": ["gitleaks", "git", ".", "--no-banner", "-l", "error", "--exit-code", "0", "--log-opts=HEAD~20..HEAD"],
                "betterleaks": ["betterleaks", "git", ".", "-s", "--no-banner", "-l", "error", "--exit-code", "0", "--log-opts=HEAD~20..HEAD"],
                "kingfisher": ["kingfisher", "scan", ".", "--since-commit", "HEAD~20", "-q", "--no-validate", "--no-update-check"],
            },
            repo,
            5 if self.quick else 15,
        )
        self.table("Range of 20 commits", [("HEAD~20..HEAD", runs)], milliseconds=True)
        self.demand("range: milliseconds", runs["mvx"].seconds * 1000, RANGE_MS)

    def pathological(self):
        size = (1 if self.quick else 10) << 20
        rows = []
        for name, make in HURTFUL.items():
            tree = self.folder / "hurtful"
            runs = {}
            for label, length in [("1×", size), ("4×", 4 * size)]:
                shutil.rmtree(tree, ignore_errors=True)
                tree.mkdir()
                (tree / "x.txt").write_bytes(make(length))
                runs[label] = self.measure([self.mvx, "scan", "-q", "-o", self.report, "."], tree, 3)
            rows.append((name, runs))
            self.demand(f"{name}: times four", runs["4×"].seconds / max(runs["1×"].seconds, 0.01), LINEAR)
        shutil.rmtree(self.folder / "hurtful", ignore_errors=True)
        self.table(f"Input that is meant to hurt, {size >> 20} MiB and four times that", rows)

    def rules(self):
        tree = self.files("tree-rules", (4 if self.quick else 40) << 20)
        few = self.measure([self.mvx, "scan", "-q", "-o", self.report, "."], tree, 7)
        rules = ["version = 1\n"]
        for number in range(300):
            word = f"acme{number:03}"
            rules.append(
                f"[[scan.rules]]\nid = '{word}'\nregex = '''\\b{word}_[a-z0-9]{{32}}\\b'''\nkeywords = ['{word}_']\n"
            )
        (tree / ".sops-rules.toml").write_text("".join(rules))
        many = self.measure([self.mvx, "scan", "-q", "-o", self.report, "."], tree, 7)
        (tree / ".sops-rules.toml").unlink()
        self.table("More rules", [("40 MB", {"mvx's own": few, "and 300 more": many})])
        self.demand("300 more rules: times", many.seconds / few.seconds, MORE_RULES)

    # How it is measured.

    def compare(self, commands, where, times):
        """Turn by turn, so that what happens to one happens to all."""
        commands = {name: command for name, command in commands.items() if shutil.which(command[0], path=self.environment["PATH"])}
        taken = {name: [] for name in commands}
        memory = dict.fromkeys(commands, 0)
        for number in range(times + 1):
            for name, command in commands.items():
                seconds, megabytes = self.once(command, where)
                # the first run warms caches: of files, and of compiled rules
                if number:
                    taken[name].append(seconds)
                    memory[name] = max(memory[name], megabytes)
        return {name: Run(taken[name], memory[name]) for name in commands}

    def measure(self, command, where, times):
        return self.compare({"x": command}, where, times)["x"]

    def once(self, command, where):
        with tempfile.NamedTemporaryFile("r") as told:
            began = time.perf_counter()
            done = subprocess.run(
                [TIME, "-f", "%M", "-o", told.name, *command],
                cwd=where,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            seconds = time.perf_counter() - began
            if done.returncode not in (0, 1, *FOUND.get(command[0], ())):
                raise SystemExit(f"{' '.join(map(str, command))}: ended with {done.returncode}, in {where}")
            return seconds, int(told.read().split()[-1]) / 1024

    def demand(self, what, value, most):
        if value > most:
            self.missed.append(f"{what}: {value:.1f}, and {most} is the most")

    def faster(self, what, runs, factor):
        others = {name: run.seconds for name, run in runs.items() if name != "mvx"}
        if others:
            best = min(others, key=others.get)
            times = others[best] / runs["mvx"].seconds
            print(f"{what}: {times:.1f} times as fast as {best}, the fastest peer\n")
            if times < factor:
                self.missed.append(f"{what}: {times:.1f} times as fast, and {factor} is the least")

    def table(self, title, rows, milliseconds=False):
        names = list(dict.fromkeys(name for _, runs in rows for name in runs))
        print(f"## {title}\n")
        print(f"| | {' | '.join(names)} |")
        print("|---" * (len(names) + 1) + "|")
        for label, runs in rows:
            cells = []
            for name in names:
                run = runs.get(name)
                if run is None:
                    cells.append("")
                    continue
                taken = f"{run.seconds * 1000:.0f} ms" if milliseconds else f"{run.seconds:.2f} s"
                cells.append(f"{taken}, {run.memory:.0f} MB")
            print(f"| {label} | {' | '.join(cells)} |")
        print(flush=True)

    # What is scanned.

    def git(self, where, *arguments, **more):
        subprocess.run(["git", *arguments], cwd=where, env=self.environment, check=True, stdout=subprocess.DEVNULL, **more)

    def repo(self, name, count):
        """A repository of so many files, with one more staged."""
        where = self.folder / name
        if not where.exists():
            dice = random.Random(count)
            for number in range(count):
                path = where / f"d{number % 97}" / f"e{number % 11}" / f"{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(dice, 40))
            self.git(where, "init", "-q")
            self.git(where, "add", "-A")
            self.git(where, "commit", "-qm", "all")
            self.git(where, "gc", "-q")
            (where / "new.txt").write_text(text(dice, 30))
            self.git(where, "add", "-A")
        return where

    def files(self, name, size):
        """A tree of sources of this size."""
        where = self.folder / name
        if where.exists():
            return where
        where.mkdir()
        left = size
        sources = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / "registry" / "src"
        for path in sorted(sources.glob("*/*/**/*")) if sources.is_dir() else []:
            if left <= 0:
                break
            if path.is_symlink() or not path.is_file() or path.stat().st_size > left:
                continue
            to = where / path.relative_to(sources)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            left -= path.stat().st_size
        dice = random.Random(size)
        number = 0
        while left > 0:
            page = text(dice, 300)
            to = where / "generated" / f"{number % 100}" / f"{number}.txt"
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(page)
            left -= len(page)
            number += 1
        # what lies in there and looks like a repository or a setting of a scanner would count
        for name in [".gitignore", ".gitleaks.toml", ".gitattributes", ".ignore"]:
            for path in where.rglob(name):
                path.unlink()
        return where

    def past(self, commits):
        """A repository of so many commits, packed."""
        where = self.folder / f"history-{commits}"
        if where.exists():
            return where
        where.mkdir()
        self.git(where, "init", "-q", "-b", "main")
        importer = subprocess.Popen(
            ["git", "fast-import", "--quiet"], cwd=where, env=self.environment, stdin=subprocess.PIPE
        )
        write = importer.stdin.write
        dice = random.Random(commits)
        count = max(50, commits // 12)
        pages = {}
        for number in range(1, commits + 1):
            write(b"commit refs/heads/main\n")
            write(f"committer A <a@example.com> {1_600_000_000 + number * 600} +0000\n".encode())
            message = f"change {number}\n".encode()
            write(b"data %d\n%s\n" % (len(message), message))
            for _ in range(dice.choice([1, 1, 2, 3])):
                # a few files change often
                page = int(count * dice.random() ** 2)
                lines = pages.setdefault(page, text(dice, dice.choice([40, 150, 600])).splitlines())
                for _ in range(dice.randint(1, 6)):
                    lines[dice.randrange(len(lines))] = line(dice)
                lines.insert(dice.randrange(len(lines)), line(dice))
                body = "\n".join(lines).encode() + b"\n"
                write(f"M 100644 inline src/d{page % 40}/{page}.txt\n".encode())
                write(b"data %d\n%s\n" % (len(body), body))
            write(b"\n")
        importer.stdin.close()
        importer.wait()
        self.git(where, "-c", "pack.threads=0", "repack", "-adfq", "--window=10", "--depth=50")
        self.git(where, "reset", "-q", "--hard")
        return where


def programs():
    """Where the scanners are: the programs themselves, without the Python around some of them."""
    inside = [path.parent for path in sorted(SCANNERS.glob("lib/python*/site-packages/*/bin/*leaks"))]
    inside += [path.parent for path in sorted(SCANNERS.glob("lib/python*/site-packages/kingfisher/bin/kingfisher"))]
    return [*map(str, inside), str(SCANNERS / "bin")]


WORDS = "config token value client server request key secret handler buffer index return import module test data user name path error".split()


def line(dice):
    kind = dice.random()
    words = [dice.choice(WORDS) for _ in range(dice.randint(3, 9))]
    if kind < 0.1:
        return f"    {words[0]}_{words[1]} = \"{dice.getrandbits(48):x}\""
    if kind < 0.3:
        return f"    {words[0]}.{words[1]}({words[2]}, {dice.randint(0, 999)})"
    return "    " * dice.randint(0, 3) + " ".join(words)


def text(dice, lines):
    return "\n".join(line(dice) for _ in range(lines)) + "\n"


def near_misses(length):
    """Tokens that lack a character."""
    one = b"token = ghp_" + b"a1B2" * 8 + b"\n"
    return one * (length // len(one))


def nested(length):
    import base64

    body = random.Random(1).randbytes(length // 8)
    while len(body) < length:
        body = base64.b64encode(body)
    return body[:length]


HURTFUL = {
    "one line": lambda length: b"key = '" + b"ab1 " * (length // 4) + b"'",
    "one word": lambda length: b"a1B2c3D4" * (length // 8),
    "near misses": near_misses,
    "begun keys": lambda length: b"-----BEGIN RSA PRIVATE\x20KEY-----\n" * (length // 32),
    "nested base64": nested,
    "percent": lambda length: b"%41%42" * (length // 6),
    "quotes and equals": lambda length: b"secret=\"" * (length // 8),
    "zlib noise": lambda length: zlib.compress(random.Random(2).randbytes(length), 0)[:length],
}


if __name__ == "__main__":
    main()
