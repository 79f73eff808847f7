#!/usr/bin/env bash
# Decrypts a secret file into a plaintext beside it, and reminds of removing it again.
#
#   scripts/secrets/decrypt.sh FILE.enc.yaml [OUTPUT]     OUTPUT `-` prints to the terminal
set -euo pipefail

mvx=${MVX:-mvx}
type -P "$mvx" >/dev/null || {
    echo "decrypt: error: no mvx; run: cargo install --path ." >&2
    exit 4
}
[ $# -eq 1 ] || [ $# -eq 2 ] || {
    echo "usage: scripts/secrets/decrypt.sh FILE [OUTPUT]" >&2
    exit 2
}

file=$1
[ -f "$file" ] || {
    echo "decrypt: error: no such file: $file" >&2
    exit 4
}
folder=$(dirname -- "$file")
name=$(basename -- "$file")
case $name in
    *.enc.*) plain=${name%.enc.*}.${name##*.} ;;
    *.enc) plain=${name%.enc} ;;
    *) plain= ;;
esac
output=${2:-${plain:+$folder/$plain}}
[ -n "$output" ] || {
    echo "decrypt: error: $file has no .enc in its name; say where the plaintext goes" >&2
    exit 2
}

if [ "$output" = - ]; then
    exec "$mvx" decrypt "$file"
fi
# mvx refuses a plaintext that git would take; it writes with mode 0600 and overwrites nothing.
"$mvx" decrypt -o "$output" "$file"
echo "decrypt: $output is plaintext; remove it when you are done: rm $output" >&2
