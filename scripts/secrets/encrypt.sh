#!/usr/bin/env bash
# Encrypts secret files, checks that the results open, and says which plaintext is left.
#
#   scripts/secrets/encrypt.sh FILE…         options of `mvx encrypt` may stand before the files
set -euo pipefail

mvx=${MVX:-mvx}
type -P "$mvx" >/dev/null || {
    echo "encrypt: error: no mvx; run: cargo install --path ." >&2
    exit 4
}
[ $# -gt 0 ] || {
    echo "usage: scripts/secrets/encrypt.sh [OPTION]… FILE…" >&2
    exit 2
}

# `mvx encrypt` opens each result once more before it writes a byte, so what is there is good.
"$mvx" encrypt "$@"

# A directory stands for every file below it.
files=()
for argument in "$@"; do
    if [ -d "$argument" ]; then
        while IFS= read -r -d '' file; do files+=("$file"); done < <(find "$argument" -type f -print0)
    else
        files+=("$argument")
    fi
done

left=0
for file in "${files[@]}"; do
    case $file in
        -* | *.enc | *.enc.*) continue ;;
    esac
    if [ -f "$file" ] && ! grep -q 'ENC\[AES256_GCM,' "$file"; then
        echo "encrypt: plaintext is left: $file" >&2
        if git check-ignore --quiet "$file" 2>/dev/null; then
            echo "encrypt: git ignores it; remove it when you are done: rm $file" >&2
        else
            echo "encrypt: warning: git does not ignore it: rm $file, or add it to .gitignore" >&2
        fi
        left=$((left + 1))
    fi
done
[ "$left" -gt 0 ] || echo "encrypt: no plaintext is left of these files" >&2
