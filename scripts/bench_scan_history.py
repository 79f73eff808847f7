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


LONG_FILES = 6
FIRST_FILES = 300


def line(chance):
    """A line of an invented programming language."""
    pick = chance.choice
    shape = chance.randrange(5)
    if shape == 0:
        return f"    let {pick(WORDS)}_{pick(WORDS)} = {pick(WORDS)}.{pick(WORDS)}({chance.randrange(1000)});"
    if shape == 1:
        return f"    if {pick(WORDS)} > {pick(WORDS)}.{pick(WORDS)}() {{ return {pick(WORDS)}; }}"
    if shape == 2:
        return f"// the {pick(WORDS)} of a {pick(WORDS)} is the {pick(WORDS)} of its {pick(WORDS)}"
    if shape == 3:
        return f'    {pick(WORDS)}: "{pick(WORDS)}-{pick(WORDS)} {pick(WORDS)}",'
    return f"fn {pick(WORDS)}_{pick(WORDS)}({pick(WORDS)}: {pick(WORDS).title()}) {{"


def locked(chance):
    """A line of a long generated file."""
    version = ".".join(str(chance.randrange(40)) for _ in range(3))
    digest = f"{chance.getrandbits(128):032x}"
    return f'{{ name = "{chance.choice(WORDS)}", version = "{version}", hash = "md5:{digest}" }},'


def plan(chance, commits):
    """For each file its path and the commits that write it; for each commit the files, and those
    that it removes."""
    paths = [f"locks/{WORDS[number]}.lock" for number in range(LONG_FILES)]
    writes = [[0] for _ in paths]
    changes = [[] for _ in range(commits)]
    alive = []

    def create(commit):
        pick = chance.choice
        paths.append(f"crates/{pick(WORDS)}/src/{pick(WORDS)}/{pick(WORDS)}_{pick(WORDS)}_{len(paths)}.rs")
        writes.append([commit])
        alive.append(len(paths) - 1)
        changes[commit].append((alive[-1], True))

    changes[0].extend((number, True) for number in range(LONG_FILES))
    for _ in range(FIRST_FILES):
        create(0)
    for commit in range(1, commits):
        if commit % 20 == 19:
            continue
        touched = set(chance.sample(alive, 1 + chance.randrange(4)))
        if chance.random() < 0.35:
            touched.add(chance.randrange(LONG_FILES))
        if chance.random() < 0.02:
            gone = alive.pop(chance.randrange(len(alive)))
            touched.discard(gone)
            changes[commit].append((gone, False))
        for file in sorted(touched):
            writes[file].append(commit)
            changes[commit].append((file, True))
        if chance.random() < 0.12:
            create(commit)
    return paths, writes, changes


def blobs(seed, paths, writes, write):
    """Writes every version of every file; gives the mark of each by file and commit. Versions of a
    file follow each other, so that fast-import stores them as deltas."""
    marks = {}
    for file, path in enumerate(paths):
        chance = random.Random(seed * 1_000_003 + file)
        new = locked if path.endswith(".lock") else line
        if new is locked:
            count = 3000 + 400 * file
        else:
            count = min(2000, int(chance.lognormvariate(5.0, 0.9)) + 5)
        lines = [new(chance) for _ in range(count)]
        for version, commit in enumerate(writes[file]):
            if version:
                at = chance.randrange(len(lines))
                removed = chance.randrange(4)
                lines[at : at + removed] = [new(chance) for _ in range(1 + chance.randrange(5))]
            marks[file, commit] = len(marks) + 1
            content = ("\n".join(lines) + "\n").encode()
            write(b"blob\nmark :%d\ndata %d\n%s\n" % (len(marks), len(content), content))
    return marks


def history(seed, commits, write):
    """Writes the commands of `git fast-import`."""
    chance = random.Random(seed)
    paths, writes, changes = plan(chance, commits)
    marks = blobs(seed, paths, writes, write)
    mark = len(marks)

    def commit(number, branch, parents):
        nonlocal mark
        mark += 1
        message = f"{line(chance).strip()}\n".encode()
        who = b"Ana Example <ana@example.com> %d +0000" % (1_500_000_000 + number * 600)
        write(b"commit refs/heads/%s\nmark :%d\n" % (branch, mark))
        write(b"author %s\ncommitter %s\ndata %d\n%s" % (who, who, len(message), message))
        for at, parent in enumerate(parents):
            write(b"%s :%d\n" % (b"merge" if at else b"from", parent))
        for file, is_there in changes[number]:
            if is_there:
                write(b"M 100644 :%d %s\n" % (marks[file, number], paths[file].encode()))
            else:
                write(b"D %s\n" % paths[file].encode())
        write(b"\n")
        return mark

    tip = None
    side = None
    for number in range(commits):
        if number % 20 == 19 and side:
            tip = commit(number, b"main", [tip, side])
            side = None
            continue
        if number % 20 == 17:
            # the trunk gets the same, so that the merge is a plain one
            side = commit(number, b"side", [tip])
        tip = commit(number, b"main", [tip] if tip else [])


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
    history(options.seed, options.commits, importer.stdin.write)
    importer.stdin.close()
    if importer.wait() != 0:
        raise SystemExit("git fast-import failed")
    git = ["git", "-C", directory]
    subprocess.run([*git, "branch", "-q", "-D", "side"], check=False)
    subprocess.run([*git, "reflog", "expire", "--expire=now", "--all"], check=True)
    subprocess.run([*git, "repack", "-q", "-a", "-d", "--depth=50", "--window=10"], check=True)
    subprocess.run([*git, "reset", "-q", "--hard"], check=True)


if __name__ == "__main__":
    main()
