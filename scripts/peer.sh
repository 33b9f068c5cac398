#!/usr/bin/env bash
# peer.sh durable-streams: installs the server that a benchmark compares with, once, into target/peers, and prints where
# it is. It is no dependency of ours: its own locked versions, its own build.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${CARGO_TARGET_DIR:-target}/peers

case ${1:-} in
  durable-streams)
    program=$peers/bin/durable-streams-server
    if [ ! -x "$program" ]; then
      echo "durable-streams is missing: building it once into $peers (a minute or two)" >&2
      cargo install --quiet --locked --root "$peers" --version 0.1.5 durable-streams >&2
    fi
    echo "$program"
    ;;
  *) echo "usage: peer.sh durable-streams" >&2 && exit 2 ;;
esac
