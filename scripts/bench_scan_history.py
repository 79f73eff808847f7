#!/usr/bin/env python3
"""Makes a git repository with a long history, for measuring scans of it.

    bench_scan_history.py DIRECTORY [--commits 10000] [--seed 1]

A project is invented: source files of some kilobytes in nested directories and a few long generated
ones (lock files, snapshots), edited a few lines at a time; every twentieth commit is a merge. The same
arguments make the same history. It is written with `git fast-import` and packed as `git gc` packs,
with deltas. No line looks like a credential."""

import argparse
import pathlib
import random
import subprocess

WORDS = (
    "account address array batch block branch buffer builder cache chain change channel check child "
    "client clock close column command commit config context copy count cursor data delta depth "
    "device digest entry error event field file filter first format frame graph group handle hash "
    "header height index input item label layer length level limit line list lock loop match merge "
    "message method mode model module name node number object offset option order output owner page "
    "parent part path pattern phase place point pool port prefix process queue range rate reader "
    "record region report request result return root round route rule sample scale scope search "
    "section server session shape signal size slice source space span stage start state status step "
    "store stream string style sum switch table target task test text thread time total trace tree "
    "type union unit update user value vector version view visit watch width window word worker write"
).split()


class Project:
    """The files as they are now, and how they change."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = {}

    def line(self):
        pick = self.random.choice
        shape = self.random.randrange(5)
        if shape == 0:
            return f"    let {pick(WORDS)}_{pick(WORDS)} = {pick(WORDS)}.{pick(WORDS)}({self.random.randrange(1000)});"
        if shape == 1:
            return f"    if {pick(WORDS)} > {pick(WORDS)}.{pick(WORDS)}() {{ return {pick(WORDS)}; }}"
        if shape == 2:
            return f"// the {pick(WORDS)} of a {pick(WORDS)} is the {pick(WORDS)} of its {pick(WORDS)}"
        if shape == 3:
            return f'    {pick(WORDS)}: "{pick(WORDS)}-{pick(WORDS)} {pick(WORDS)}",'
        return f"fn {pick(WORDS)}_{pick(WORDS)}({pick(WORDS)}: {pick(WORDS).title()}) -> {pick(WORDS).title()} {{"

    def locked(self):
        name, number = self.random.choice(WORDS), self.random.randrange
        return f'{{ name = "{name}", version = "{number(9)}.{number(40)}.{number(9)}", size = {number(10**6)} }},'

    def create(self):
        pick = self.random.choice
        path = f"crates/{pick(WORDS)}/src/{pick(WORDS)}/{pick(WORDS)}_{pick(WORDS)}.rs"
        lines = min(2000, int(self.random.lognormvariate(5.0, 0.9)) + 5)
        self.files[path] = [self.line() for _ in range(lines)]
        return path

    def create_long(self, number):
        path = f"locks/{WORDS[number]}.lock"
        self.files[path] = [self.locked() for _ in range(3000 + 400 * number)]
        return path

    def edit(self, path):
        lines = self.files[path]
        new = self.locked if path.endswith(".lock") else self.line
        at = self.random.randrange(len(lines))
        removed = self.random.randrange(4)
        lines[at : at + removed] = [new() for _ in range(1 + self.random.randrange(5))]

    def remove(self, path):
        del self.files[path]


def history(project, commits, write):
    """Writes the commands of `git fast-import`."""
    mark = 0
    tip = None
    side = None
    long_files = []

    def blob(path):
        nonlocal mark
        mark += 1
        content = ("\n".join(project.files[path]) + "\n").encode()
        write(b"blob\nmark :%d\ndata %d\n" % (mark, len(content)) + content + b"\n")
        return mark

    def commit(number, branch, parents, changes):
        nonlocal mark
        mark += 1
        message = f"{project.line().strip()}\n".encode()
        who = b"Ana Example <ana@example.com> %d +0000" % (1_500_000_000 + number * 600)
        write(b"commit refs/heads/%s\nmark :%d\n" % (branch, mark))
        write(b"author %s\ncommitter %s\ndata %d\n%s" % (who, who, len(message), message))
        for at, parent in enumerate(parents):
            write(b"%s :%d\n" % (b"merge" if at else b"from", parent))
        for path, content in changes:
            change = b"D %s\n" if content is None else b"M 100644 :%d %%s\n" % content
            write(change % path.encode())
        write(b"\n")
        return mark

    for number in range(commits):
        changes = {}
        if number == 0:
            long_files = [project.create_long(n) for n in range(6)]
            for path in [*long_files, *(project.create() for _ in range(300))]:
                changes[path] = blob(path)
        elif tip and side and number % 20 == 19:
            tip = commit(number, b"main", [tip, side], [])
            side = None
            continue
        else:
            paths = sorted(path for path in project.files if not path.endswith(".lock"))
            for _ in range(1 + project.random.randrange(4)):
                path = project.random.choice(paths)
                project.edit(path)
                changes[path] = blob(path)
            if project.random.random() < 0.35:
                path = project.random.choice(long_files)
                project.edit(path)
                changes[path] = blob(path)
            if project.random.random() < 0.12:
                path = project.create()
                changes[path] = blob(path)
            if project.random.random() < 0.02:
                path = project.random.choice(paths)
                project.remove(path)
                changes[path] = None
        if tip and number % 20 == 17:
            side = commit(number, b"side", [tip], sorted(changes.items()))
            # the trunk gets the same, so that the merge is a plain one
            tip = commit(number, b"main", [tip], sorted(changes.items()))
        else:
            tip = commit(number, b"main", [tip] if tip else [], sorted(changes.items()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("directory", type=pathlib.Path)
    arguments.add_argument("--commits", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    directory = options.directory
    subprocess.run(["git", "init", "-q", "-b", "main", directory], check=True)
    importer = subprocess.Popen(
        ["git", "-C", directory, "fast-import", "--quiet", "--depth=50"], stdin=subprocess.PIPE
    )
    history(Project(options.seed), options.commits, importer.stdin.write)
    importer.stdin.close()
    if importer.wait() != 0:
        raise SystemExit("git fast-import failed")
    git = ["git", "-C", directory]
    subprocess.run([*git, "branch", "-q", "-D", "side"], check=False)
    subprocess.run([*git, "reflog", "expire", "--expire=now", "--all"], check=True)
    subprocess.run([*git, "repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=10"], check=True)
    subprocess.run([*git, "reset", "-q", "--hard"], check=True)


if __name__ == "__main__":
    main()
