#!/usr/bin/env bash
# The benchmark table: mvx and real sops side by side, in one run, on made-up files of realistic
# shape. Markdown on stdout. Run it on a quiet machine; `--quick` is a look, not a measurement.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$peers/bin/sops" ] || "$root/scripts/peers.sh" >&2
have hyperfine || die "missing: hyperfine; run scripts/peers.sh"

# --mvx PATH measures another binary, and then there is nothing to build
case " $* " in
    *" --mvx "*) ;;
    *)
        mvx=$(release_mvx)
        set -- --mvx "$mvx" "$@"
        ;;
esac
exec "$peers/venv/bin/python" "$root/scripts/bench.py" "$@"
