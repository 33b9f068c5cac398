#!/usr/bin/env bash
# peer.sh NAME: prints the path of a server that benchmarks compare with, installing it first when it is missing.
# peer.sh --find NAME: prints it when it is installed, and fails when it is not.
#
# Peers are no dependencies of ours. What cargo and npm install goes into target/peers, with its own locked versions and
# its own build; what Debian packages is installed where that is allowed, without starting any service.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$(realpath -m "${CARGO_TARGET_DIR:-target}")/peers
names="durable-streams inferno litellm nchan nginx node-durable-streams pushpin ursula"

# Where the program of a peer is once it is installed.
program_of() {
  case $1 in
    durable-streams) echo "$peers/bin/durable-streams-server" ;;
    inferno) echo "$peers/bin/inferno-flamegraph" ;;
    litellm) echo "$peers/litellm/bin/litellm" ;;
    nchan | nginx) echo /usr/sbin/nginx ;;
    node-durable-streams) echo "$peers/node/node_modules/@durable-streams/server/package.json" ;;
    pushpin) echo /usr/bin/pushpin ;;
    ursula) echo "$peers/bin/ursula" ;;
    *) echo "peer.sh: no such peer: '$1' (there are: $names)" >&2 && exit 2 ;;
  esac
}

is_installed() {
  [ -e "$(program_of "$1")" ] || return 1
  # nginx without the module is not nchan.
  [ "$1" != nchan ] || [ -e /usr/lib/nginx/modules/ngx_nchan_module.so ]
}

install_peer() {
  echo "$1 is missing: installing it once" >&2
  case $1 in
    durable-streams) crate durable-streams 0.1.5 ;;
    # No server, but what draws the profiles of ours.
    inferno) crate inferno 0.12.8 ;;
    litellm)
      scripts/need.sh python >&2
      python3 -m venv "$peers/litellm"
      "$peers/litellm/bin/pip" install --quiet --disable-pip-version-check "litellm[proxy]==1.106.2" >&2
      ;;
    nchan) debian nginx-light libnginx-mod-nchan ;;
    nginx) debian nginx-light ;;
    node-durable-streams)
      scripts/need.sh node >&2
      npm --prefix "$peers/node" --no-fund --no-audit --loglevel=error install --no-save @durable-streams/server@0.3.7 >&2
      ;;
    pushpin) debian pushpin ;;
    ursula) crate ursula 0.11.5 ;;
  esac
}

crate() {
  cargo install --quiet --locked --root "$peers" --version "$2" "$1" >&2
}

# Run level 1 is one in which packages start no service.
debian() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo --non-interactive)
  if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "These packages may not be installed from here: $*. Install them and try again." >&2
    exit 1
  fi
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >&2
}

case ${1:-} in
  --find)
    program=$(program_of "${2:-}")
    is_installed "$2" && echo "$program"
    ;;
  "" | -*) echo "usage: peer.sh [--find] NAME, one of: $names" >&2 && exit 2 ;;
  *)
    program=$(program_of "$1")
    is_installed "$1" || install_peer "$1"
    echo "$program"
    ;;
esac
