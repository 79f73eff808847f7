#!/usr/bin/env bash
# What `mvx run` adds to a command's start, beside env, sops exec-env and dotenvx, and how much text
# `mvx redact` masks a second, beside cat. Markdown on stdout. Run it on a quiet machine. `--mvx PATH`
# measures that binary. `DOTENVX` may name a dotenvx; without one its row is left out.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mvx=''
while [ $# -gt 0 ]; do
    case $1 in
        --mvx) mvx=$(realpath "$2") && shift 2 ;;
        *) die "unknown: $1" ;;
    esac
done
[ -n "$mvx" ] || mvx=$(release_mvx)
sops=${MVX_TEST_SOPS:-$peers/bin/sops}
dotenvx=${DOTENVX:-$(type -P dotenvx || true)}
have hyperfine || die "missing: hyperfine; run scripts/peers.sh"
have python3 || die "missing: python3"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
key=$root/fixtures/identity/ci.txt
recipient=$(sed -n 's/^# public key: //p' "$key")
install -m 600 "$key" key.txt
export HOME=$folder MVX_AGE_KEY_FILE=$folder/key.txt SOPS_AGE_KEY_FILE=$folder/key.txt
printf 'version = 1\n[recipients.bench]\nage = "%s"\n[[files]]\npath = "**"\nrecipients = ["bench"]\n[env.bench]\nfiles = ["bench.enc.env"]\n' \
    "$recipient" >.sops-rules.toml

# 200 values of 40 characters, and logs in which none of them stands
python3 - <<'PYTHON'
import random, string
random.seed(20261122)
letters = string.ascii_letters + string.digits
with open("bench.env", "w") as file:
    for number in range(200):
        file.write(f"SECRET_{number}={''.join(random.choices(letters, k=40))}\n")
lines = [
    f'2026-11-22T21:50:{n % 60:02}Z INFO id={random.getrandbits(64):016x} path=/api/v1/users/{n} '
    f'status=200 took {n % 997}ms https://host.example/x?y=z {{"level":"info"}}\n'
    for n in range(50_000)
]
text = "".join(lines)
with open("log", "w") as file:
    for _ in range(500_000_000 // len(text)):
        file.write(text)
PYTHON
"$mvx" encrypt -q --keep bench.env
"$sops" encrypt --age "$recipient" bench.env >sops.enc.env

# median NAME COMMAND: milliseconds of the whole process
median() {
    hyperfine -N --warmup 5 --runs 50 --export-json report.json --output null -- "$2" >&2
    python3 -c 'import json,sys; print("| %s | %.1f ms |" % (sys.argv[1], json.load(open("report.json"))["results"][0]["median"] * 1000))' "$1"
}

# shellcheck disable=SC2016 # backticks of Markdown
printf '| starting `true` with 200 secrets | median |\n|---|---:|\n'
median 'env' "env true"
median 'mvx run' "$mvx run -- true"
median 'mvx run --redact' "$mvx run --redact -- true"
median 'mvx run --files' "$mvx run --files SECRET_0 -- true"
[ -x "$sops" ] && median 'sops exec-env' "$sops exec-env sops.enc.env true"
if [ -n "$dotenvx" ]; then
    "$dotenvx" encrypt -f bench.env >/dev/null
    median 'dotenvx run' "$dotenvx run -q -f bench.env -- true"
fi

# rate NAME COMMAND...: of standard input, by processor time, which other work does not change
rate() {
    local name=$1
    shift
    /usr/bin/time -f '%U %S' -o report "$@" <log >/dev/null
    python3 - "$name" <<'PYTHON'
import os, sys
seconds = sum(map(float, open("report").read().split()))
print("| %s | %.0f MB/s |" % (sys.argv[1], os.path.getsize("log") / 1e6 / max(seconds, 0.01)))
PYTHON
}
printf '\n| masking 200 secrets in 500 MB without one | rate |\n|---|---:|\n'
rate cat cat
rate 'mvx redact' "$mvx" redact
