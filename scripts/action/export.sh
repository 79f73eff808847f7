#!/usr/bin/env bash
# The second step of action.yml: masks the values of a profile in the log and hands them to the
# steps that follow. Nothing is handed on unless all of it is there.
#
# In: INPUT_PROFILE, INPUT_WITH (`scope=value`, a line each), INPUT_DIRECTORY, INPUT_AGE_KEY, each
#     of which may be empty, and the runner's own $GITHUB_ENV.
set -euo pipefail

arguments=(env render --format github)
while IFS= read -r scope; do
    [ -z "$scope" ] || arguments+=(--with "$scope")
done <<<"${INPUT_WITH:-}"
[ -z "${INPUT_PROFILE:-}" ] || arguments+=(-- "$INPUT_PROFILE")

if [ -n "${INPUT_AGE_KEY:-}" ]; then
    export MVX_AGE_KEY=$INPUT_AGE_KEY
fi
unset INPUT_AGE_KEY
exec mvx -C "${INPUT_DIRECTORY:-.}" "${arguments[@]}"
