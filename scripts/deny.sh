#!/usr/bin/env bash
# deny.sh [--if-installed]: checks licences, sources and second copies of the dependencies by deny.toml. Without the
# flag cargo-deny is built into target/tools when it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH

if ! command -v cargo-deny >/dev/null; then
  if [ "${1:-}" = --if-installed ]; then
    echo "deny: not checked, cargo-deny is not installed; 'make deny' builds it once and checks"
    exit 0
  fi
  echo "cargo-deny is missing: building it once into target/tools (some minutes)"
  cargo install --quiet --locked --root "$tools" cargo-deny
fi
exec cargo deny --all-features check bans licenses sources
