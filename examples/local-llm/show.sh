#!/usr/bin/env bash
# show.sh [EVERSTREAM]: asks a real model through Everstream in every way the README names, and checks that each way
# gives the same answer. Prints a table; fails when a row fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
"$root/scripts/need.sh" chromium curl >&2
everstream=$(realpath "${1:-$root/target/debug/everstream}")
[ -x "$everstream" ] || { echo "$everstream is missing: run 'make binary' first" >&2 && exit 1; }
model=$("$here/setup.sh")
python=$("$root/scripts/python.sh")
exec node "$here/show/main.mjs" --everstream "$everstream" --model "$model" --python "$python"
