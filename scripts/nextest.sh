#!/usr/bin/env bash
# nextest.sh ARGS…: `cargo nextest run ARGS…`, building cargo-nextest into target/tools when it is missing. Where that
# cannot be built the same tests run under `cargo test`, without the time limit of a single test.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH

if ! command -v cargo-nextest >/dev/null; then
  echo "cargo-nextest is missing: building it once into target/tools (some minutes)"
  cargo install --quiet --locked --root "$tools" cargo-nextest ||
    echo "cargo-nextest could not be built: running the tests with cargo test instead" >&2
fi
if command -v cargo-nextest >/dev/null; then
  profile=default
  [ "${CI:-}" != true ] || profile=ci
  exec cargo nextest run --profile "$profile" "$@"
fi
exec cargo test "$@"
