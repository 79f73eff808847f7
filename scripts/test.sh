#!/usr/bin/env bash
# Everything that has to hold, from nothing: fetches what the tests need by name, then runs them.
# All steps run, also after one has failed; the last line counts, and the exit code is 1 if
# anything failed.
#
#   scripts/test.sh            what CI runs
#   scripts/test.sh --long     more cases of the property tests, more kills, 20 seconds of each fuzz
#                              target, and the benchmark's targets
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

long=
case "${1:-}" in
    "") ;;
    --long) long=yes ;;
    *) die "usage: scripts/test.sh [--long]" ;;
esac

# Snapshots are compared, never rewritten. Tests that need a real sops or age find them here; with
# this set they fail where they would be skipped.
export INSTA_UPDATE=no INSTA_FORCE_PASS=0
export MVX_TEST_PEERS=$peers/bin
export RUST_BACKTRACE=${RUST_BACKTRACE:-1}
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
[ -z "$long" ] || export PROPTEST_CASES=${PROPTEST_CASES:-4096} MVX_TEST_KILLS=${MVX_TEST_KILLS:-200}

passed=0 failed=0 skipped=0
outcomes=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT
before=$(git status --porcelain)

# Runs a step, shows its output, and notes how it ended. One step counts as one test, unless a
# reader of its output counts better.
step() {
    local name=$1 reader=count_one began=$SECONDS status=0
    shift
    if [ "$1" = --count ]; then
        reader=$2
        shift 2
    fi
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log" || status=$?
    "$reader" "$status"
    outcomes+=("$(printf '%-4s %4ds  %s' "$([ "$status" -eq 0 ] && echo ok || echo FAIL)" $((SECONDS - began)) "$name")")
}

skip() {
    printf '\n== %s\nskipped: %s\n' "$1" "$2"
    outcomes+=("$(printf 'skip        %s: %s' "$1" "$2")")
    skipped=$((skipped + 1))
}

count_one() {
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Adds up `N passed`, `N failed` and `N skipped` or `N ignored` of the lines that match $2.
count_lines() {
    local status=$1 lines ok bad left
    lines=$(grep -E "$2" "$log" || true)
    ok=$(sum_of passed "$lines")
    bad=$(($(sum_of failed "$lines") + $(sum_of 'timed out' "$lines")))
    left=$(($(sum_of skipped "$lines") + $(sum_of ignored "$lines")))
    # a build that fails runs no test, and is a failure all the same
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
}

sum_of() {
    { grep -oE "[0-9]+ $1" <<<"$2" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

count_nextest() { count_lines "$1" '^ *Summary \['; }
count_doctest() { count_lines "$1" '^test result: '; }

unchanged() {
    [ "$(git status --porcelain)" = "$before" ] || {
        echo "the tests changed the work tree:"
        git status --porcelain
        return 1
    }
}

step "peers" scripts/peers.sh
step "format" cargo fmt --all --check
step "clippy" cargo clippy --locked --all-targets -- -D warnings
if have shellcheck; then
    step "shellcheck" shellcheck -x .ci/run scripts/*.sh scripts/secrets/*.sh scripts/action/*.sh
else
    skip "shellcheck" "not installed"
fi
step "tests" --count count_nextest "$peers/venv/bin/python" scripts/services.py \
    cargo nextest run --locked --no-fail-fast
step "documentation's examples" --count count_doctest cargo test --locked --doc
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
if have cargo-deny; then
    step "licences and bans" cargo deny --offline --locked check bans licenses sources
else
    skip "licences and bans" "cargo-deny is not installed; cargo install --locked cargo-deny"
fi
step "release build" cargo build --release --locked --bin mvx
step "corpus" scripts/corpus.sh
step "fidelity" "$peers/venv/bin/python" scripts/fidelity.py --mvx "$(target_dir)/release/mvx"
if [ -n "$long" ]; then
    if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
        step "fuzzing" scripts/fuzz.sh --seconds 20
    else
        skip "fuzzing" "no nightly toolchain; rustup toolchain install nightly --profile minimal"
    fi
    step "benchmark" scripts/bench.sh --check
fi
step "work tree unchanged" unchanged

printf '\n'
printf '%s\n' "${outcomes[@]}"
printf '\ntotal: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
