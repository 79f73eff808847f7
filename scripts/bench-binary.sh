#!/usr/bin/env bash
# Time and peak memory of large binary files: mvx and real sops on 100 MB, mvx alone on 1 GiB.
# Markdown on stdout. Needs 4 GB in TMPDIR. `--mvx PATH` measures that binary, `--quick` leaves out
# the gigabyte.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mvx='' quick=''
while [ $# -gt 0 ]; do
    case $1 in
        --mvx) mvx=$(realpath "$2") && shift 2 ;;
        --quick) quick=1 && shift ;;
        *) die "unknown: $1" ;;
    esac
done
[ -n "$mvx" ] || mvx=$(release_mvx)
sops=${MVX_TEST_SOPS:-$peers/bin/sops}
[ -x /usr/bin/time ] || die "missing: GNU time"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
key=$root/fixtures/identity/ci.txt
recipient=$(sed -n 's/^# public key: //p' "$key")
printf 'version = 1\n[recipients.bench]\nage = "%s"\n[[files]]\npath = "**"\nrecipients = ["bench"]\n' \
    "$recipient" >.sops-rules.toml
install -m 600 "$key" key.txt
export HOME=$folder MVX_AGE_KEY_FILE=$folder/key.txt SOPS_AGE_KEY_FILE=$folder/key.txt
export SOPS_AGE_RECIPIENTS=$recipient

# measure NAME OUTPUT COMMAND...: a row of the table
measure() {
    local name=$1 output=$2
    shift 2
    /usr/bin/time -f '%e %M' -o report "$@" >"$output" || die "failed: $*"
    read -r seconds peak < <(tail -n 1 report)
    printf '| %s | %s s | %s MiB |\n' "$name" "$seconds" "$((peak / 1024))"
}

both() {
    local what=$1 bytes=$2
    head -c "$bytes" /dev/urandom >plain.bin
    measure "mvx encrypt, $what" /dev/null "$mvx" encrypt -q --keep --overwrite -o mvx.enc.bin plain.bin
    measure "mvx decrypt, $what, to a file" /dev/null "$mvx" decrypt -q --overwrite -o out.bin mvx.enc.bin
    cmp out.bin plain.bin
    measure "mvx decrypt, $what, to standard output" out.bin "$mvx" decrypt mvx.enc.bin
    cmp out.bin plain.bin
}

printf '| measure | time | peak memory |\n|---|---:|---:|\n'
both "100 MB" 100000000
if [ -x "$sops" ]; then
    measure "sops encrypt, 100 MB" sops.enc.bin "$sops" encrypt plain.bin
    measure "sops decrypt, 100 MB" out.bin "$sops" decrypt sops.enc.bin
    measure "mvx decrypt, 100 MB, sops's file" out.bin "$mvx" decrypt sops.enc.bin
    cmp out.bin plain.bin
fi
[ -n "$quick" ] || both "1 GiB" $((1 << 30))
