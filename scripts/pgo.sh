#!/usr/bin/env bash
# pgo.sh DIR: builds DIR/release/everstream by what it does under load (profile-guided optimisation): builds the server
# with counters, has small benchmarks run it, and builds it again with their counts. Three builds: a quarter of an hour
# on two cores. Needs llvm-profdata of the compiler's LLVM (need.sh profdata).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { echo "usage: pgo.sh DIR" >&2 && exit 2; }
mkdir -p "$1"
target=$(realpath "$1")
profdata=llvm-profdata-$(scripts/llvm-version.sh)
counts=$target/counts
profile=$target/everstream.profdata
say() { echo "[$1/4] $2"; }

say 1 "the server with counters"
RUSTFLAGS="-Cprofile-generate=$counts" CARGO_TARGET_DIR=$target/counting cargo build --locked --release --package everstream
say 2 "the benchmarks"
cargo build --locked --release --package everstream-benches
bench=${CARGO_TARGET_DIR:-target}/release/bench

say 3 "benchmarks run it"
rm -rf "$counts"
few=(--gently --peers none --server "$target/counting/release/everstream")
"$bench" relay --answers 300 --seconds 4 --answers-beside-litellm 1 "${few[@]}"
"$bench" chat --streams 1000 --seconds 3 "${few[@]}"
"$bench" fan-out --seconds 3 "${few[@]}"
"$bench" demo --answers 50 "${few[@]}"
"$bench" storm --subscribers 500 --streams 10 --missed 20 --live-streams 3 "${few[@]}"
"$bench" beside --rounds 1 --seconds 1 --streams 100 --subscribers 64,512 --records 20000 --rate 500 --connections 64 \
  "${few[@]}"
"$profdata" merge --sparse --output="$profile" "$counts"

say 4 "the server by their counts"
# Cargo does not see that the counts are new ones.
rm -rf "$target/release"
RUSTFLAGS="-Cprofile-use=$profile" CARGO_TARGET_DIR=$target cargo build --locked --release --package everstream
