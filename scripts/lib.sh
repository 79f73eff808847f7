# shellcheck shell=bash
# What the scripts share. To be sourced, after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts
peers=$root/.peers

# The same output on a laptop and in CI.
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
export CARGO_TERM_PROGRESS_WHEN=${CARGO_TERM_PROGRESS_WHEN:-never}

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }
die() {
    printf '%s: error: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

have() { type -P "$1" >/dev/null; }

# The binary that a benchmark measures: built, on standard error, unless one is given.
release_mvx() {
    cargo build --release --locked --bin mvx --manifest-path "$root/Cargo.toml" >&2
    printf '%s\n' "$(target_dir)/release/mvx"
}

# The directory that cargo builds into, also when CARGO_TARGET_DIR is set.
target_dir() {
    local dir=${CARGO_TARGET_DIR:-$root/target}
    case $dir in
        /*) printf '%s\n' "$dir" ;;
        *) printf '%s\n' "$root/$dir" ;;
    esac
}
