"""Checks on the corpus that mvx brings files back byte for byte, and that real sops agrees.

    .peers/venv/bin/python scripts/fidelity.py [--tool mvx|sops] [--mvx PATH] [--limit N] [--verbose]

For every file: seal it and open it again with the tool; open the tool's sealed file with real
sops; compare bytes, values, and the types inside the envelopes with what real sops makes of the
original (kept by scripts/corpus.sh). `--tool sops` puts real sops in the tool's place, which shows
what the script itself finds. Failures are listed by file and key path, never with a value.
Ends with 1 below the thresholds.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"
CORPUS = PEERS / "corpus"
SOPS = PEERS / "bin" / "sops"

# The thresholds, all in one place: shares of all files, aliases included.
FEWEST_FILES = 300
EXACT = 0.99
EQUAL_VALUES = 1.0
OPENED_BY_SOPS = 1.0

WORKERS = 2

RULES = """version = 1

[recipients.corpus]
age = "{recipient}"

[[files]]
path = "**"
recipients = ["corpus"]
"""

Result = collections.namedtuple("Result", "entry exact equal opened comments_lost failures")


def main():
    options = arguments()
    manifest = CORPUS / "manifest.json"
    if not manifest.exists():
        sys.exit("fidelity: error: no corpus; run scripts/corpus.sh")
    entries = json.loads(manifest.read_text())["files"][: options.limit]
    with tempfile.TemporaryDirectory(prefix="mvx-fidelity-") as folder:
        prepare(pathlib.Path(folder), options)
        with multiprocessing.Pool(WORKERS, start, (folder, options)) as pool:
            results = list(pool.imap(check, entries, chunksize=8))
    sys.exit(0 if report(results, options) else 1)


def arguments():
    parser = argparse.ArgumentParser(description="fidelity on real YAML files")
    parser.add_argument("--tool", choices=("mvx", "sops"), default="mvx")
    parser.add_argument("--mvx", default=str(ROOT / "target" / "release" / "mvx"))
    parser.add_argument("--limit", type=int, help="the first N files only")
    parser.add_argument("--verbose", action="store_true", help="list every failure")
    return parser.parse_args()


def prepare(folder, options):
    """A repository of its own with one rule, so that nothing of this machine plays a part."""
    for name in ("plain", "sealed", "home"):
        (folder / name).mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    key = (CORPUS / "key.txt").read_text()
    recipient = re.search(r"age1[0-9a-z]+", key).group()
    (folder / ".sops-rules.toml").write_text(RULES.format(recipient=recipient))
    if options.tool == "mvx" and not os.access(options.mvx, os.X_OK):
        sys.exit(f"fidelity: error: no {options.mvx}; run cargo build --release")


# In the workers


def start(folder, options):
    global FOLDER, OPTIONS, ENVIRONMENT, RECIPIENT
    FOLDER, OPTIONS = pathlib.Path(folder), options
    key = CORPUS / "key.txt"
    RECIPIENT = re.search(r"age1[0-9a-z]+", key.read_text()).group()
    ENVIRONMENT = {
        "HOME": str(FOLDER / "home"),
        "PATH": os.environ["PATH"],
        "MVX_AGE_KEY_FILE": str(key),
        "SOPS_AGE_KEY_FILE": str(key),
    }


def check(entry):
    name = entry["file"].removesuffix(".yaml")
    original = (CORPUS / "files" / entry["file"]).read_bytes()
    plain = FOLDER / "plain" / f"{name}.yaml"
    sealed = FOLDER / "sealed" / f"{name}.enc.yaml"
    plain.write_bytes(original)
    failures = []

    seal = {
        "mvx": [OPTIONS.mvx, "encrypt", "-o", str(sealed), str(plain)],
        "sops": [str(SOPS), "encrypt", "--age", RECIPIENT, "--output", str(sealed), str(plain)],
    }[OPTIONS.tool]
    done = run(seal)
    if done.returncode != 0 or not sealed.exists():
        return Result(entry, False, False, False, 0, [trouble("encrypt", done)])

    opener = {"mvx": OPTIONS.mvx, "sops": str(SOPS)}[OPTIONS.tool]
    back = run([opener, "decrypt", str(sealed)])
    exact = back.returncode == 0 and back.stdout == original
    if back.returncode != 0:
        failures.append(trouble("decrypt", back))
    elif not exact:
        failures.append(f"not byte-exact: first at line {first_difference(original, back.stdout)}")

    by_sops = back if OPTIONS.tool == "sops" else run([str(SOPS), "decrypt", str(sealed)])
    # real sops leaves a few comments sealed in files of its own too (after CRLF); no more than those
    expected = (CORPUS / "reference" / entry["file"]).read_bytes()
    left = by_sops.stdout.count(b"ENC[AES256_GCM,") - expected.count(b"ENC[AES256_GCM,")
    comments_lost = len(re.findall(rb"(?m)#ENC\[AES256_GCM,", by_sops.stdout))
    opened = by_sops.returncode == 0 and left <= 0
    if by_sops.returncode != 0:
        failures.append(trouble("sops decrypt", by_sops))
    elif left > 0:
        failures.append(f"sops decrypt: {left} envelopes left, {comments_lost} of them comments")

    equal = False
    if by_sops.returncode == 0:
        by_original = (CORPUS / "reference" / sealed.name).read_bytes()
        differences = [
            ("value", difference(values, expected, by_sops.stdout)),
            ("type", difference(types, by_original, sealed.read_bytes())),
        ]
        equal = all(where is None for _, where in differences)
        failures += [f"{what} differs: {where}" for what, where in differences if where is not None]
    return Result(entry, exact, equal, opened, comments_lost, failures)


def run(command):
    return subprocess.run(
        command,
        cwd=FOLDER,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )


def trouble(stage, done):
    """The stage, the exit code and the tool's first line; error messages hold no values."""
    line = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
    return f"{stage}: exit {done.returncode}: {line}"


def first_difference(left, right):
    pairs = zip(left.split(b"\n"), right.split(b"\n"))
    return next((at for at, (a, b) in enumerate(pairs, 1) if a != b), "the end")


def difference(reading, expected, actual):
    """None if both texts read the same; else the first key path that does not."""
    try:
        left = [reading(node) for node in yaml.compose_all(expected, Loader=yaml.CSafeLoader)]
    except (yaml.YAMLError, ValueError):
        # a text that only go-yaml reads: the bytes have to do
        return None if expected == actual else "(compared as text)"
    try:
        right = [reading(node) for node in yaml.compose_all(actual, Loader=yaml.CSafeLoader)]
    except (yaml.YAMLError, ValueError):
        return None if reading is types else "(not readable)"
    return unlike(left, right, "")


def values(node):
    """A tree as nested tuples of tag and text: order, keys, types and duplicates count."""
    if isinstance(node, yaml.MappingNode):
        return ("map", [(key.value, values(value)) for key, value in node.value])
    if isinstance(node, yaml.SequenceNode):
        return ("list", [values(item) for item in node.value])
    return None if node is None else (node.tag, node.value)


def types(node):
    """The same with the types that the envelopes name, without comments and the sops block."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(key.value, types(value)) for key, value in node.value if key.value != "sops"]
        return ("map", pairs)
    if isinstance(node, yaml.SequenceNode):
        # A comment in a list is an item to sops, and an empty one an empty item. An item that holds
        # nothing but a comment is null: sops writes the word, mvx leaves it as it was. Neither has a
        # type, and `values` compares what both decrypt to.
        items = [types(item) for item in node.value if item.value != "" and not item.tag.endswith(":null")]
        return ("list", [item for item in items if item != "comment"])
    kind = re.search(r",type:(\w+)\]$", node.value) if node is not None else None
    if kind:
        return kind.group(1)
    return None if node is None else "clear"


def unlike(left, right, path):
    """The key path of the first difference, or None."""
    if isinstance(left, list) and isinstance(right, list):
        for at, (a, b) in enumerate(zip(left, right)):
            found = unlike(a, b, f"{path}[{at}]")
            if found is not None:
                return found
        return None if len(left) == len(right) else f"{path}: another length"
    if isinstance(left, tuple) and isinstance(right, tuple) and left[0] == right[0]:
        if left[0] == "map":
            for (key, a), (other, b) in zip(left[1], right[1]):
                if key != other:
                    return f"{path}.{key}: another key"
                found = unlike(a, b, f"{path}.{key}")
                if found is not None:
                    return found
            return None if len(left[1]) == len(right[1]) else f"{path}: another length"
        if left[0] == "list":
            return unlike(left[1], right[1], path)
    return None if left == right else path or "(root)"


# Telling


def report(results, options):
    plain = [r for r in results if "aliases" not in r.entry["features"]]
    rows = [
        ("files", str(len(results)), ""),
        ("byte-exact", share(results, "exact"), f"at least {EXACT:.0%}"),
        (f"  of {len(plain)} without aliases", share(plain, "exact"), ""),
        ("values and types equal", share(results, "equal"), f"at least {EQUAL_VALUES:.0%}"),
        ("opened by real sops", share(results, "opened"), f"at least {OPENED_BY_SOPS:.0%}"),
        ("comments that sops left sealed", str(sum(r.comments_lost for r in results)), ""),
        ("byte-exact by real sops itself", percent(by_sops(results), len(results)), ""),
    ]
    print(f"fidelity of {options.tool}")
    for name, value, wanted in rows:
        print(f"  {name:32} {value:>18}   {wanted}".rstrip())

    failed = [r for r in results if r.failures]
    shown = failed if options.verbose else failed[:40]
    for result in shown:
        entry = result.entry
        for failure in result.failures:
            print(f"  {entry['file']}: {entry['package']} {entry['path']}: {failure}")
    if len(shown) < len(failed):
        print(f"  and {len(failed) - len(shown)} files more; --verbose lists all")

    total = len(results) or 1
    good = (
        (options.limit is not None or len(results) >= FEWEST_FILES)
        and sum(r.exact for r in results) / total >= EXACT
        and sum(r.equal for r in results) / total >= EQUAL_VALUES
        and sum(r.opened for r in results) / total >= OPENED_BY_SOPS
    )
    print("fidelity: thresholds kept" if good else "fidelity: below the thresholds")
    return good


def by_sops(results):
    return sum(r.entry["exact_by_sops"] for r in results)


def share(results, field):
    return percent(sum(getattr(result, field) for result in results), len(results))


def percent(part, whole):
    return f"{part} ({100 * part / whole:.2f} %)" if whole else "none"


if __name__ == "__main__":
    main()
