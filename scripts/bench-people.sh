#!/usr/bin/env bash
# Many files, many people: `mvx recipients sync` and `mvx rekey` beside a loop of real
# `sops updatekeys` and `sops rotate`, in one run, over 1,000 files with 10 recipients. Markdown on
# stdout. Run it on a quiet machine; `--quick` is a look, not a measurement.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$peers/bin/sops" ] || "$root/scripts/peers.sh" >&2

# --mvx PATH measures another binary, and then there is nothing to build
case " $* " in
    *" --mvx "*) ;;
    *)
        mvx=$(release_mvx)
        set -- --mvx "$mvx" "$@"
        ;;
esac
exec "$peers/venv/bin/python" "$root/scripts/bench_people.py" "$@"
