#!/usr/bin/env bash
# Gathers the corpus: real YAML files from the published packages that scripts/corpus.txt lists,
# into .peers/corpus/. Everything that was fetched stays there, so a second run costs nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$peers/bin/sops" ] || "$root/scripts/peers.sh"
exec "$peers/venv/bin/python" "$root/scripts/corpus.py" "$@"
