#!/usr/bin/env bash
# `mvx env sync` beside the nearest thing that others do: `dotenvx get` over as many encrypted .env
# files, and a loop of real `sops decrypt`, in one run, over 5 files with 200 secrets. Markdown on
# stdout. Run it on a quiet machine; `--quick` is a look, not a measurement. Doppler keeps secrets on
# its own servers, and is not measured.
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
exec python3 "$root/scripts/bench_env.py" "$@"
