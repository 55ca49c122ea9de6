#!/bin/bash
# `make live-vagrant`: everything that is proved with virtual machines, as root. Installs what it needs, makes the
# box, then runs the tests of this folder in an enclosure, and looks whether the host is as it was before.
#
# FOLDER (default: the cache) keeps the box that Vagrant and libvirt have unpacked, for the next run.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=tests/live/vagrant
folder=${FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/kube-proxy-lab/enclosure}

[ "$(id -u)" = 0 ] || { echo "run it as root: sudo make live-vagrant" >&2; exit 2; }

part() {
    local name=$1 began=$SECONDS
    shift
    printf '\n--- %s\n' "$name"
    "$@"
    printf -- '--- %s took %d s\n' "$name" $((SECONDS - began))
}

packages() ( # a shell of its own, whose end, whatever it is, takes the policy away again
    missing=""
    while read -r package _; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
    done < <(sed 's/#.*//; /^ *$/d' "$here/packages.txt" vm/packages.txt)
    if [ -z "$missing" ]; then
        echo "all there"
        return
    fi
    # Installed, not started: libvirt is for the enclosure.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    # shellcheck disable=SC2086
    install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null; }
    install || { apt-get update -qq && install; } # a fresh system has no package lists yet
)

box() {
    if .venv/bin/python -P -c 'import sys; from vm.box import store; box = store.find(); sys.exit(not (box and box.current))'; then
        echo "there is one"
    else
        .venv/bin/lab box build
    fi
}

host() { # what libvirt would have left
    ip -o link | sed 's/ qlen.*//'
    ip route show table all
    nft list ruleset
    pgrep --list-full --full '^[^ ]*(qemu-system|libvirtd|virtlogd|dnsmasq|vagrant)' || true
}

machines() {
    PATIENCE=${PATIENCE:-4} "$here/enclosure.sh" "$folder" \
        .venv/bin/python -P -m pytest -p no:cacheprovider --capture=sys --durations=12 "$here" "$@"
}

before=$(host)
part "packages" packages
part "the box" box
part "three virtual machines" machines "$@"
diff <(echo "$before") <(host) || { echo "the host is not as it was before" >&2; exit 1; }
printf '\n--- the host is as it was before; all took %d s\n' $SECONDS
