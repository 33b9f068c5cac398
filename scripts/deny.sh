#!/usr/bin/env bash
# deny.sh: checks licences, sources and second copies of the dependencies by deny.toml. cargo-deny is built into
# target/tools when it is missing; without optimisation, which takes a third of the time and checks as well.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH

if ! command -v cargo-deny >/dev/null; then
  echo "cargo-deny is missing: building it once into target/tools (a minute or two)"
  cargo install --quiet --locked --debug --root "$tools" cargo-deny
fi
exec cargo deny --locked --all-features check bans licenses sources
