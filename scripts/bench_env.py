"""Measures `mvx env sync` beside dotenvx and sops, and prints a Markdown table. Run it through
scripts/bench-env.sh.

    --mvx PATH      the binary to measure
    --sops PATH     the sops to compare with
    --dotenvx PATH  the dotenvx to compare with; left out where there is none
    --quick         fewer runs
    --check         ends with 1 where a target is missed

All get the same 200 secrets in 5 files, on the same disk, in one run of hyperfine, which starts each
command without a shell; sops needs one, for its loop. What process start costs is measured with
`mvx --version`. The times are means; the column behind them is the standard deviation.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"

FILES = 5
SECRETS = 200
# What a sync may take beyond process start, in milliseconds.
MOST = 10
# How many times faster than dotenvx, at least.
FASTER = 10


def main():
    parser = argparse.ArgumentParser(description="delivery to .env files")
    parser.add_argument("--mvx", required=True, type=os.path.abspath)
    parser.add_argument("--sops", default=str(PEERS / "bin" / "sops"))
    dotenvx = PEERS / "node" / "node_modules" / ".bin" / "dotenvx"
    parser.add_argument("--dotenvx", default=str(dotenvx))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mvx-bench-env-") as folder:
        rows = measure(pathlib.Path(folder), options)
    sys.exit(1 if tell(rows) and options.check else 0)


def measure(folder, options):
    home = folder / "home"
    home.mkdir()
    key = folder / "key.txt"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MVX_AGE_KEY_FILE": str(key),
        "SOPS_AGE_KEY_FILE": str(key),
        "XDG_RUNTIME_DIR": str(home),
    }

    def run(*command):
        done = subprocess.run(
            command, cwd=folder, env=environment, text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{command}: {done.stderr}")
        return done.stdout

    run(options.mvx, "keys", "generate", "-o", str(key))
    recipient = re.search(r"age1[0-9a-z]+", key.read_text()).group()
    run("git", "init", "-q", ".")
    (folder / ".gitignore").write_text("/.env*\n/plain*\n/x*.env\n")
    (folder / ".sops-rules.toml").write_text(
        f'version = 1\n[recipients.bench]\nage = "{recipient}"\n'
        '[[files]]\npath = "secrets/**"\nrecipients = ["bench"]\n'
        '[env.local]\nfiles = ["secrets/*.enc.env"]\noutput = ".env.local"\n'
    )
    (folder / "secrets").mkdir()
    for number in range(FILES):
        names = range(number * SECRETS // FILES, (number + 1) * SECRETS // FILES)
        text = "".join(f"SECRET_{at:03}=invented-{at:03}-value-of-a-usual-length\n" for at in names)
        (folder / "secrets" / f"{number}.env").write_text(text)
        (folder / f"x{number}.env").write_text(text)
    plain = [f"secrets/{number}.env" for number in range(FILES)]
    run(options.mvx, "encrypt", "-q", "--rm", *plain)
    sync = [options.mvx, "env", "sync", "-q"]
    run(*sync)
    wanted = (folder / ".env.local").read_text().count("SECRET_")
    assert wanted == SECRETS, wanted
    cases = [
        ("process start (`mvx --version`)", [options.mvx, "--version"], ""),
        ("`mvx env sync`, up to date", sync, ""),
        ("`mvx env sync`, written anew", sync, "rm -f .env.local"),
        ("`mvx env check --against output`", [*sync[:2], "check", "--against", "output"], ""),
    ]
    if pathlib.Path(options.dotenvx).exists():
        files = [word for number in range(FILES) for word in ("-f", f"x{number}.env")]
        run(options.dotenvx, "encrypt", *files)
        get = [options.dotenvx, "get", *files, "--format", "shell"]
        assert run(*get).count("SECRET_") == SECRETS
        cases.append(("`dotenvx get`, 5 files", get, ""))
    if pathlib.Path(options.sops).exists():
        loop = f'for f in secrets/*.enc.env; do "{options.sops}" decrypt "$f"; done > .env.sops'
        cases.append(("a loop of `sops decrypt`", ["sh", "-c", loop], ""))
    report = folder / "report.json"
    command = ["hyperfine", "--shell=none", "--export-json", str(report), "--style", "none"]
    command += ["--warmup", "3", "--runs", "10" if options.quick else "50"]
    # Each case in a turn of its own would be a run of its own; a preparation that does nothing
    # keeps them together.
    for _, _, prepare in cases:
        command += ["--prepare", prepare or "true"]
    for _, words, _ in cases:
        command.append(" ".join(quoted(word) for word in words))
    run(*command)
    results = json.loads(report.read_text())["results"]
    # The check's own status is that of a check which has found nothing.
    return [(name, one["mean"] * 1e3, one["stddev"] * 1e3) for (name, *_), one in zip(cases, results)]


def quoted(word):
    return "'" + word.replace("'", "'\\''") + "'"


def tell(rows):
    start, sync = rows[0][1], rows[2][1]
    print(f"{SECRETS} secrets in {FILES} files:\n")
    print("| measure | time | ± | beyond process start | beside `env sync` |")
    print("|---|---:|---:|---:|---:|")
    for name, mean, deviation in rows:
        beside = f"{mean / sync:.1f} ×"
        print(f"| {name} | {mean:.1f} ms | {deviation:.1f} | {mean - start:.1f} ms | {beside} |")
    missed = sync - start > MOST
    for name, mean, _ in rows:
        missed |= "dotenvx" in name and mean < FASTER * sync
    return missed


if __name__ == "__main__":
    main()
