#!/usr/bin/env bash
# fuzz.sh SECONDS [ARGS…]: runs each fuzz target for so long, starting from the shared vectors and what earlier runs
# found; ARGS go to libFuzzer. Stable Rust will do (fuzz/.cargo/config.toml says how); a crash leaves its input in
# fuzz/artifacts and fails.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=$1
shift
unset CARGO_TARGET_DIR

cargo build --quiet --locked --release
cargo run --quiet --locked --release --bin seeds
mkdir -p artifacts
passed=0
failed=0
for target in fuzz_targets/*.rs; do
  name=$(basename "$target" .rs)
  log=artifacts/$name.log
  if cargo run --quiet --locked --release --bin "$name" -- "corpus/$name" \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -dict=event-stream.dict \
    -artifact_prefix="artifacts/$name-" -print_final_stats=1 "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "fuzz: $name held for $seconds s, $(sed -n 's/^stat::number_of_executed_units: //p' "$log") inputs"
  else
    failed=$((failed + 1))
    tail -40 "$log"
    echo "fuzz: $name FAILED, see fuzz/$log" >&2
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
