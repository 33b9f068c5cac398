#!/usr/bin/env bash
# flamegraph.sh SERVER OUT.svg BENCHMARK [FLAGS…]: runs a benchmark and draws where the first SERVER that it starts spends
# its CPU. Say flags with which there is only one. COMMIT says of what commit it is, if not of this one. Needs perf, and the
# right to use it.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 3 ] || { echo "usage: flamegraph.sh SERVER OUT.svg BENCHMARK [FLAGS…]" >&2 && exit 2; }
server=$(realpath --no-symlinks "$1") out=$2
shift 2
command -v perf >/dev/null || { echo "perf is missing: install it (on Debian: linux-perf) and try again." >&2 && exit 1; }
inferno=$(dirname "$(scripts/peer.sh inferno)")
bench=$(dirname "$server")/bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bench" "$@" --server "$server" &
benchmark=$!
# The server is a child of its guard, which is a child of the benchmark.
server_of() {
  local guard
  for guard in $(pgrep -P "$benchmark"); do pgrep -P "$guard" -x "$(basename "$server" | cut -c1-15)" && return; done
}
until pid=$(server_of); do
  kill -0 "$benchmark" 2>/dev/null || { wait "$benchmark" || true; echo "the benchmark ended first" >&2 && exit 1; }
  sleep 0.05
done
# No frame pointers in a release build: perf unwinds by the debugging information. It ends when the server does, and at
# once when a thread ends while perf is looking at all of them, as they do when a server starts; then it looks again.
while [ ! -s "$work/perf.data" ] && kill -0 "$pid" 2>/dev/null; do
  perf record --quiet --freq 199 --call-graph dwarf,16384 --pid "$pid" --output "$work/perf.data" || true
done
wait "$benchmark"
[ -s "$work/perf.data" ] || { echo "perf has recorded nothing: may it (kernel.perf_event_paranoid)?" >&2 && exit 1; }
perf script --no-inline --input "$work/perf.data" 2>/dev/null | "$inferno/inferno-collapse-perf" --quiet |
  "$inferno/inferno-flamegraph" --title "$*" --subtitle "$(basename "$server") at ${COMMIT:-$(git describe --always --dirty)}" \
    --hash --colors rust |
  # A picture for documents: the names are its tool tips, and a program inside it is more than it needs.
  sed -z -e 's#<script[^>]*>.*</script>##' -e 's# onload="[^"]*"##' >"$work/out.svg"
mkdir -p "$(dirname "$out")"
mv "$work/out.svg" "$out"
echo "drawn: $out"
