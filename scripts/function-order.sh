#!/usr/bin/env bash
# function-order.sh BENCH SERVER…: notes which functions of each optimised SERVER run while it starts and under small loads
# of BENCH, and writes their names to crates/everstream/functions.txt, in whose order the next build lays them. Builds of
# different kinds inline different functions: one list serves all that are given. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { echo "usage: function-order.sh BENCH SERVER…" >&2 && exit 2; }
bench=$(realpath "$1")
shift
list=crates/everstream/functions.txt
command -v valgrind >/dev/null || { echo "valgrind is missing: install it (apt-get install valgrind) and try again." >&2 && exit 1; }
work=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null || true; rm -rf "$work"' EXIT

# The functions of the program $1 in dumps of callgrind, without what differs from build to build: hashes, and in the newer
# mangling those of the crates. References print by one function for each type, of which one run needs few.
names() {
  local server=$1 dump
  shift
  for dump in "$@"; do
    awk -v program="$server" '
      match($0, /^c?(ob|fn)=\([0-9]+\)/) {
        id = substr($0, 1, RLENGTH); name = substr($0, RLENGTH + 2)
        is_call = sub(/^c/, "", id)
        if (name != "") known[id] = name
        if (id ~ /^ob/ && !is_call) object = known[id]
        if (id ~ /^fn/ && !is_call && object == program) print known[id]
      }' "$dump"
  done | sed -E "s/'[0-9]+$//; s/@.*//; /^0x|^\(/d; s/17h[0-9a-f]{16}E(\.llvm\.[0-9]+)?$/17h*/; s/\.llvm\.[0-9]+$/*/
    /^_R/s/Cs[0-9A-Za-z]+_/Cs*_/g; /^_ZN42_.*core\.\.fmt\.\.Debug/d" | LC_ALL=C sort -u
}

# Has server number $1, which is $2, start and bear its loads, and notes what ran.
watch() {
  local server=$2 run=$work/$1
  mkdir "$run"
  # A benchmark kills its server: what it did is noted every million steps, of which the last are lost.
  cat >"$run/watched" <<END
#!/bin/sh
exec valgrind --quiet --tool=callgrind --demangle=no --dump-every-bb=1000000 --callgrind-out-file=$run/load.%p $server "\$@"
END
  chmod +x "$run/watched"
  valgrind --quiet --tool=callgrind --demangle=no --callgrind-out-file="$run/start" \
    "$server" serve --listen 127.0.0.1:0 --data-dir "$run/data" >"$run/said" 2>&1 &
  started=$!
  until grep -q "listening on" "$run/said"; do
    kill -0 $started 2>/dev/null || { cat "$run/said" >&2; exit 1; }
    sleep 0.2
  done
  # What comes behind the start, and not what ends it.
  sleep 2
  callgrind_control --dump $started >/dev/null
  kill $started
  wait $started
  started=
  local few=(--peers none --server "$run/watched")
  "$bench" beside --rounds 1 --seconds 1 --streams 100 --subscribers 64 --records 5000 --rate 500 --connections 32 "${few[@]}"
  "$bench" relay --answers 20 --seconds 2 "${few[@]}"
  "$bench" demo --answers 20 "${few[@]}"
  "$bench" storm --subscribers 50 --streams 10 --missed 20 --live-streams 3 "${few[@]}"

  names "$server" "$run/start.1" >"$run.start"
  names "$server" "$run"/load.*.* >"$run.all"
  # The first four dumps of each run have its start.
  names "$server" $(ls "$run"/load.*.* | grep -v '\.[1-4]$') >"$run.later"
}

export LC_ALL=C
number=0
for server in "$@"; do
  number=$((number + 1))
  watch $number "$(realpath "$server")"
done
for kind in start all later; do
  sort -u "$work"/*.$kind >"$work/$kind.names"
done
{
  comm -23 "$work/start.names" "$work/later.names" && echo
  comm -12 "$work/start.names" "$work/later.names" && echo
  comm -13 "$work/start.names" "$work/all.names"
} >"$work/list"
mv "$work/list" "$list"
echo "written: $list, $(grep -c . "$list") functions"
