#!/usr/bin/env bash
# instructions.sh SERVER BENCH relay|chat [LINES]: counts what an optimised SERVER does for a token, or for a publish to two
# viewers: instructions, and misses of caches the size of a core's, by function. Needs valgrind, but no quiet machine: what
# else runs changes only how many events come with a wait, and so share what is done for a commit or a fold.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: instructions.sh SERVER BENCH relay|chat [LINES]"
[ $# -ge 3 ] || { echo "$usage" >&2 && exit 2; }
server=$(realpath "$1") bench=$(realpath "$2") workload=$3 lines=${4:-40}
# Under callgrind a server is fifty times slower: this is about half of what it can do.
rate=2 span=10
case $workload in
  relay) load=(relay --answers 400 --rate $rate --seconds 40 --answers-beside-litellm 1) warm_up=20 ;;
  chat) load=(chat --streams 400 --rate $rate --seconds 40) warm_up=25 ;;
  *) echo "$usage" >&2 && exit 2 ;;
esac
events=$((400 * rate * span))
command -v valgrind >/dev/null || { echo "valgrind is missing: install it (apt-get install valgrind) and try again." >&2 && exit 1; }
work=$(mktemp -d)
running=
trap 'kill $running 2>/dev/null || true; rm -rf "$work"' EXIT

# The kernel needs a core's second cache, too: half of it is taken for the program's.
cat >"$work/watched" <<END
#!/bin/sh
echo \$\$ >$work/pid
exec valgrind --quiet --tool=callgrind --cache-sim=yes --D1=49152,12,64 --LL=1048576,16,64 \
  --callgrind-out-file=$work/out $server "\$@"
END
chmod +x "$work/watched"
"$bench" "${load[@]}" --peers none --server "$work/watched" >"$work/said" 2>&1 &
running=$!
until [ -s "$work/pid" ]; do
  kill -0 $running 2>/dev/null || { cat "$work/said" >&2; exit 1; }
  sleep 0.1
done
watched=$(cat "$work/pid")
echo "counting from $warm_up s after the start, for $span s" >&2
sleep $warm_up
control() {
  callgrind_control "$1" "$watched" >"$work/control" 2>&1 || { cat "$work/control" >&2; exit 1; }
}
control --zero
sleep $span
control --dump
wait $running || { cat "$work/said" >&2; exit 1; }
running=

# A line of costs is the function's above it; the one behind a call is what the call took, and is counted there.
awk -v events=$events '
  function id_of(line) {
    match(line, /\([0-9]+\)/)
    if (length(line) >= RSTART + RLENGTH) names[substr(line, RSTART, RLENGTH)] = substr(line, RSTART + RLENGTH + 1)
    return substr(line, RSTART, RLENGTH)
  }
  /^events:/ { for (i = 2; i <= NF; i++) column[$i] = i }
  /^fn=/ { here = id_of($0) }
  /^cfn=/ { called = id_of($0) }
  /^calls=/ { calls[called] += substr($1, 7); of_a_call = 1; next }
  /^[0-9+*-]/ {
    if (!of_a_call) {
      ir[here] += $column["Ir"]; all_ir += $column["Ir"]
      i1[here] += $column["I1mr"]; all_i1 += $column["I1mr"]
      misses = $column["DLmr"] + $column["DLmw"]
      l2[here] += misses; all_l2 += misses
    }
    of_a_call = 0
  }
  END {
    row = "%10.1f %8.1f %8.1f %8.2f  %s\n"
    for (id in ir) printf row, ir[id] / events, i1[id] / events, l2[id] / events, calls[id] / events, names[id]
    printf row, all_ir / events, all_i1 / events, all_l2 / events, 1, "all of an event"
  }' "$work/out.1" | LC_ALL=C sort -rn >"$work/table"
printf '%10s %8s %8s %8s  %s\n' instr. I1-miss L2-miss calls function
head -n $((lines + 1)) "$work/table" | cut -c1-160
