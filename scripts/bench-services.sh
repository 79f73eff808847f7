#!/usr/bin/env bash
# Files sealed to a key of AWS KMS: `mvx decrypt` of 100 beside a loop of real sops, in one run, on the
# same moto, and how many calls each made. Markdown on stdout. Run it on a quiet machine; `--quick` is
# a look, not a measurement.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$peers/venv/bin/moto_server" ] || "$root/scripts/peers.sh" >&2

# --mvx PATH measures another binary, and then there is nothing to build
case " $* " in
    *" --mvx "*) ;;
    *)
        mvx=$(release_mvx)
        set -- --mvx "$mvx" "$@"
        ;;
esac
exec "$peers/venv/bin/python" "$root/scripts/services.py" \
    "$peers/venv/bin/python" "$root/scripts/bench_services.py" "$@"
