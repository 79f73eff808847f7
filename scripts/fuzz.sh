#!/usr/bin/env bash
# Runs the fuzz targets in fuzz/, one after the other, and fails if one of them finds something.
# What was found lies in fuzz/artifacts/TARGET; once it is mended, it goes to
# fixtures/regressions/TARGET, where the tests find it.
#
#   scripts/fuzz.sh                            every target for a minute
#   scripts/fuzz.sh --seconds 600 yaml seal    these two for ten minutes each
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

seconds=60
targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds)
            seconds=${2:-}
            [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds needs a number"
            shift
            ;;
        -*) die "usage: scripts/fuzz.sh [--seconds N] [TARGET…]" ;;
        *) targets+=("$1") ;;
    esac
    shift
done

# Only this needs a nightly compiler: the instrumentation is not stable.
rustup toolchain list 2>/dev/null | grep -q '^nightly' ||
    die "no nightly toolchain; rustup toolchain install nightly --profile minimal"
have cargo-fuzz || cargo install --locked cargo-fuzz

known=$(cargo +nightly fuzz list)
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets <<<"$known"
fi
for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$known" || die "there is no target $target"
done

cargo +nightly fuzz build

failed=()
for target in "${targets[@]}"; do
    say "$target, $seconds seconds"
    mkdir -p "fuzz/corpus/$target" "fixtures/regressions/$target"
    # No input takes 20 seconds or two gigabytes.
    if cargo +nightly fuzz run "$target" \
        "fuzz/corpus/$target" "fuzz/seeds/$target" "fixtures/regressions/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -verbosity=0; then
        :
    else
        failed+=("$target")
    fi
    rmdir "fixtures/regressions/$target" 2>/dev/null || true
done
[ ${#failed[@]} -eq 0 ] || die "findings: ${failed[*]}; see fuzz/artifacts"
say "no findings in ${#targets[@]} targets"
