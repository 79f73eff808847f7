#!/usr/bin/env bash
# Builds mvx and does the main job with it in a throw-away repository: seal a real-looking YAML
# file, change one value, look at the diff, open it with mvx and with a real sops, tamper with it.
# Every step checks what it shows; the first one that is wrong ends the demo.
#
#   scripts/demo.sh [--mvx PATH]      PATH: a binary to use instead of building one
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --mvx ]; then
    mvx=$(realpath "$2")
else
    cargo build --release --locked --bin mvx --manifest-path "$root/Cargo.toml"
    mvx=$(target_dir)/release/mvx
fi
[ -x "$mvx" ] || die "no $mvx"

# A machine of its own: no identity, no configuration and no git settings of this one.
sandbox=$(mktemp -d)
trap 'rm -rf "$sandbox"' EXIT
mkdir -p "$sandbox/home" "$sandbox/bin" "$sandbox/shop"
ln -s "$mvx" "$sandbox/bin/mvx"
[ ! -x "$peers/bin/sops" ] || ln -s "$(realpath "$peers/bin/sops")" "$sandbox/bin/sops"
while IFS='=' read -r name _; do
    case $name in MVX_* | SOPS_* | GIT_* | XDG_*) unset "$name" ;; esac
done < <(env)
export HOME=$sandbox/home PATH=$sandbox/bin:$PATH NO_COLOR=1 LC_ALL=C.UTF-8
export GIT_CONFIG_GLOBAL=$sandbox/home/.gitconfig GIT_CONFIG_SYSTEM=/dev/null
git config --global user.name "Ana Example"
git config --global user.email ana@example.com
git config --global init.defaultBranch main
git config --global core.pager cat
cd "$sandbox/shop"

headline() { printf '\n# %s\n' "$*"; }

# Shows a command as if it had been typed, and runs it.
show() {
    printf '$ %s\n' "$*"
    eval "$*"
}

# The same for a command that has to fail with a certain exit code.
refuse() {
    local wanted=$1 status=0
    shift
    printf '$ %s\n' "$*"
    eval "$*" 2>&1 || status=$?
    printf '$ echo $?\n%s\n' "$status"
    [ "$status" -eq "$wanted" ] || die "expected exit $wanted, got $status"
}

# Checks something and says it in one line.
check() {
    local what=$1
    shift
    "$@" || die "not so: $what"
    printf '# checked: %s\n' "$what"
}

headline "A repository, an identity, the rules"
show "git init -q"
show "mvx init --yes --name ana --recovery-to ../recovery.txt"
check "the rules are there" test -s .sops-rules.toml
check "the recovery key is outside of the repository and private" \
    test "$(stat -c %a ../recovery.txt)" = 600

headline "A file as people write them: comments, quotes of both kinds, odd numbers, folds"
mkdir -p secrets/prod
cat >secrets/prod/payments.yaml <<'YAML'
# Payments, production. Ask the Payments Team before touching this.

schema: 1.10            # a version, not a number to tidy up
region: "eu-central-1"

database:
  url: 'postgres://payments:invented-first@db.internal.example/payments'
  pool: {min: 0x04, max: 32}    # hexadecimal on purpose
  since: 2024-01-02

stripe:
  # rotated every 90 days
  api_key:   invented-key-for-the-demo
  live: TRUE
  webhooks:
    - "https://pay.example.com/hook"   # the old one
    - https://pay.example.com/hook/v2

notice: >-
  Refunds over 500 EUR
  need a second pair of eyes.

certificate: |
  -----BEGIN NOTHING-----
  aW52ZW50ZWQsIG5vdCBhIGNlcnRpZmljYXRl
  -----END NOTHING-----
empty: ~
YAML
cp secrets/prod/payments.yaml ../original.yaml
show "mvx encrypt --rm secrets/prod/payments.yaml"
check "the plaintext is gone" test ! -e secrets/prod/payments.yaml
show "cut -c1-88 secrets/prod/payments.enc.yaml | head -n 24"
check "no value is left in clear" \
    bash -c '! grep -qE "invented|internal.example|second pair|aW52ZW50" secrets/prod/payments.enc.yaml'
show "git add -A"
show "git commit -q -m 'Payments secrets'"

headline "It opens to the same bytes"
show "mvx decrypt secrets/prod/payments.enc.yaml | cmp - ../original.yaml && echo same"
check "decrypt gives the original back" \
    bash -c 'mvx decrypt secrets/prod/payments.enc.yaml | cmp -s - ../original.yaml'

if [ -e "$sandbox/bin/sops" ]; then
    headline "A real sops reads it, too"
    export SOPS_AGE_KEY_FILE=$HOME/.config/mvx/keys.txt
    show "sops decrypt --extract '[\"database\"][\"url\"]' secrets/prod/payments.enc.yaml; echo"
    check "sops sees the same value" test \
        "$(sops decrypt --extract '["database"]["url"]' secrets/prod/payments.enc.yaml)" = \
        "$(mvx get secrets/prod/payments.enc.yaml database.url)"
else
    headline "No real sops here; scripts/peers.sh would bring one"
fi

headline "One value changes: its line, the time, the MAC, nothing else"
# The time stands in the file in seconds; a change in the same second would not show in the diff.
sleep 1.1
new='postgres://payments:invented-second@db.internal.example/payments'
show "echo '$new' | mvx set secrets/prod/payments.enc.yaml database.url"
show "git diff -U0 | cut -c1-88"
check "the diff touches the value and the metadata only" bash -c '
    git diff -U0 | grep -E "^[-+] " | sed -E "s/^[-+] *([A-Za-z_]+):.*/\1/" | sort -u |
        { ! grep -vxE "url|lastmodified|mac|mvx_[a-z]+"; }'
check "one line of the secrets is another" test \
    "$(git diff -U0 | grep -cE '^\+ +url: ')" = 1
sed "s|invented-first|invented-second|" ../original.yaml >../expected.yaml
check "everything else reads as before, byte for byte" \
    bash -c 'mvx decrypt secrets/prod/payments.enc.yaml | cmp -s - ../expected.yaml'
show "git commit -q -a -m 'Rotate the database password'"

headline "One secret, all names"
show "mvx get secrets/prod/payments.enc.yaml stripe.api_key"
show "mvx get secrets/prod/payments.enc.yaml 'stripe.webhooks[1]'"
check "get prints the value alone" test \
    "$(mvx get secrets/prod/payments.enc.yaml stripe.api_key)" = invented-key-for-the-demo
show "mvx ls"
check "ls shows names and no values" \
    bash -c 'mvx ls | grep -q stripe.api_key && ! mvx ls | grep -q invented'

if [ -e "$sandbox/bin/sops" ]; then
    headline "sops changes a value, mvx reads it"
    show "sops set secrets/prod/payments.enc.yaml '[\"region\"]' '\"eu-west-1\"'"
    show "mvx get secrets/prod/payments.enc.yaml region"
    check "mvx sees what sops wrote" test \
        "$(mvx get secrets/prod/payments.enc.yaml region)" = eu-west-1
    show "git checkout -q secrets"
fi

headline "Somebody swaps two values in the file"
cp secrets/prod/payments.enc.yaml ../good.enc.yaml
python3 - secrets/prod/payments.enc.yaml <<'PYTHON'
import re, sys
path = sys.argv[1]
text = open(path).read()
one = re.search(r"(?m)^ +url: .*?(ENC\[[^]]*\])", text)
two = re.search(r"(?m)^ +api_key: .*?(ENC\[[^]]*\])", text)
text = text.replace(one.group(1), "\0").replace(two.group(1), one.group(1)).replace("\0", two.group(1))
open(path, "w").write(text)
PYTHON
refuse 25 "mvx decrypt secrets/prod/payments.enc.yaml"
cp ../good.enc.yaml secrets/prod/payments.enc.yaml

headline "Somebody removes a value from it"
show "sed -i '/^region:/d' secrets/prod/payments.enc.yaml"
refuse 51 "mvx decrypt secrets/prod/payments.enc.yaml"
cp ../good.enc.yaml secrets/prod/payments.enc.yaml

headline "Somebody without a key"
refuse 128 "HOME=/nonexistent SOPS_AGE_KEY_FILE= mvx decrypt secrets/prod/payments.enc.yaml"

headline "The recovery key opens it when all else is lost"
show "HOME=/nonexistent SOPS_AGE_KEY_FILE= MVX_AGE_KEY_FILE=../recovery.txt mvx get secrets/prod/payments.enc.yaml stripe.api_key"

check "the repository is as it was committed" test -z "$(git status --porcelain)"
printf '\ndemo: every step did what it had to\n'
