#!/usr/bin/env bash
# The first step of action.yml: puts mvx on the PATH of the steps that follow.
#
# In:  INPUT_MVX, a binary; where it is empty, the source beside this script is built, once a
#      runner: a second call finds the result.
# Out: the directory in $GITHUB_PATH, the path as `mvx` in $GITHUB_OUTPUT.
set -euo pipefail

die() {
    # a workflow command has one line
    printf '::error title=mvx::%s\n' "$*"
    exit 1
}

: "${GITHUB_PATH:?is set by the runner}" "${GITHUB_OUTPUT:?is set by the runner}"
if [ -n "${INPUT_MVX:-}" ]; then
    [ -x "$INPUT_MVX" ] || die "the input mvx names no program that can be run"
    mvx=$(cd "$(dirname "$INPUT_MVX")" && pwd)/$(basename "$INPUT_MVX")
else
    source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    place=${RUNNER_TEMP:?is set by the runner}/mvx
    mvx=$place/bin/mvx
    if [ ! -x "$mvx" ]; then
        type -P cargo >/dev/null ||
            die "there is no cargo on this runner; install Rust first, or give the input mvx a binary"
        cargo install --quiet --locked --path "$source" --bin mvx --root "$place"
    fi
fi
"$mvx" --version
dirname "$mvx" >>"$GITHUB_PATH"
printf 'mvx=%s\n' "$mvx" >>"$GITHUB_OUTPUT"
